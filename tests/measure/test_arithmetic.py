"""How much arithmetic there is in a network."""

from __future__ import annotations

import pytest

from nst.kernels.vectors import SIMD
from nst.measure.arithmetic import direct, done, of_step
from nst.measure.jobs import he_weights, items, layers_job, picture, step_job


@pytest.fixture(scope="module")
def weights():
    return he_weights()


def rows(weights, height=256, width=256):
    return layers_job(weights, height, width).settings["rows"]


def test_vgg19_to_relu5_1_is_as_large_as_is_known(weights):
    """Its convolutions take 47.3 GFLOP forward at 256x256, four times as much at twice the size."""
    convolutions = [row for row in rows(weights) if row["kind"] == "conv"]
    assert len(convolutions) == 13
    assert sum(map(direct, convolutions)) == pytest.approx(47.3e9, rel=1e-3)
    larger = [row for row in rows(weights, 512, 512) if row["kind"] == "conv"]
    assert sum(map(direct, larger)) == 4 * sum(map(direct, convolutions))


def test_a_step_is_two_passes_and_the_grams_with_their_gradients(weights):
    """Twice the forward pass, and 2 H W C^2 for each Gram matrix and for each gradient of one."""
    found = rows(weights)
    grams = sum(
        2 * row["shape"][1] * row["shape"][2] * row["shape"][3] ** 2 for row in found if row["kind"] == "gram"
    )
    assert of_step(found) == pytest.approx(2 * (47.3e9 + grams), rel=1e-3)


@pytest.mark.skipif(SIMD == "plain", reason="the vectors of this machine are unknown")
@pytest.mark.parametrize("size, quotient", [((8, 8), 4), ((8, 5), 2.5), ((2, 2), 36 / 16), ((1, 1), 1)])
def test_winograd_takes_a_quarter_but_for_the_overhang(size, quotient):
    """36 products for 144, of whole tiles of 4x4 places; 16 for 36 of smaller tiles; none where it saves nothing."""
    row = {"kind": "conv", "shape": (1, *size, 16), "channels": 32}
    assert direct(row) / done(row) == quotient


def test_few_channels_are_done_directly():
    """The first layer, with its three channels, takes what the formula says; so do Gram matrices; pooling nothing."""
    first = {"kind": "conv", "shape": (1, 8, 8, 3), "channels": 64}
    gram = {"kind": "gram", "shape": (1, 8, 8, 64), "channels": 64}
    pool = {"kind": "pool", "shape": (1, 8, 8, 64), "channels": 64}
    assert done(first) == direct(first) == 2 * 64 * 27 * 64
    assert done(gram) == direct(gram) == 2 * 64**3
    assert done(pool) == direct(pool) == 0


def test_layers_are_measured_as_the_network_runs_them(weights):
    """Pooling goes with the convolution before it, and stands alone as well; each item is there both ways."""
    found = {row["name"]: row for row in rows(weights, 100, 64)}
    assert [name for name, row in found.items() if "pool" in row] == [
        "conv1_2",
        "conv2_2",
        "conv3_4",
        "conv4_4",
    ]
    assert found["conv4_2"]["shape"] == (1, 12, 8, 512)
    assert found["gram relu2_1"]["shape"] == (1, 50, 32, 128)
    assert len(items(layers_job(weights, 32, 32))) == 2 * (13 + 4 + 5)


def test_weights_may_be_narrow_and_may_end_early(weights):
    """A share of the channels; taps that the weights do not reach are left out."""
    narrow = he_weights(width=0.25)
    assert narrow.arrays["conv3_1.weight"].shape == (3, 3, 32, 64)
    short = he_weights(width=0.25)
    for name in list(short.arrays):
        if name >= "conv4_2":
            del short.arrays[name]
    told = step_job(short, 32, 32).settings
    assert (told["content"], told["styles"]) == (["relu3_2"], ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
    assert told["layers"][-1] == "conv4_1"


def test_pictures_are_pictures():
    """Values within 0 to 255 that use the range, neighbours alike, another for each name."""
    found = picture(0, "content", 40, 60)
    assert found.shape == (1, 40, 60, 3) and found.dtype == "float32"
    assert 0 <= found.min() < 64 and 192 < found.max() <= 255
    assert abs(found[:, 1:] - found[:, :-1]).mean() < 16
    assert (found != picture(0, "style", 40, 60)).any()
