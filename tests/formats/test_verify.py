"""Checks of weights on filters whose preferences are known by construction, and on the real ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst.formats import read
from nst.formats import verify as checks
from nst.formats.first_filters import known_filters
from nst.formats.known import find_weights
from nst.networks.weights import Weights

TORCHVISION = {"channel_order": "RGB", "mean": (123.675, 116.28, 103.53), "scale": (0.0171, 0.0175, 0.0174)}


def like_oxford(**fields: object) -> Weights:
    """Return a conv1_1 whose filters prefer by construction what those of Oxford's VGG prefer."""
    kernel = 0.05 * np.random.default_rng(3).standard_normal((3, 3, 3, 64)).astype(np.float32)
    step = np.array([1.0, 0.0, -1.0])
    shapes = [step[:, None], -step[:, None], step[None, :], -step[None, :]]
    for shape, filters in zip(shapes, checks.EDGES.values(), strict=True):
        kernel[..., list(filters)] += np.broadcast_to(shape, (3, 3))[..., None, None] / 3
    for channel, filters in zip((2, 1, 0), checks.COLOURS.values(), strict=True):  # BGR
        kernel[:, :, :, list(filters)] -= 0.1
        kernel[:, :, channel, list(filters)] += 0.3
    return Weights({"conv1_1.weight": kernel, "conv1_1.bias": np.zeros(64, np.float32)}, "vgg19", **fields)


def changed(weights: Weights, change) -> Weights:
    """Return weights with `conv1_1.weight` replaced by `change` of it."""
    arrays = {**weights.arrays, "conv1_1.weight": change(weights.arrays["conv1_1.weight"])}
    return Weights(arrays, weights.network, weights.channel_order, weights.mean, weights.scale)


@pytest.fixture(scope="module", params=["by construction", "real"])
def right(request) -> Weights:
    """Weights that are right: synthetic ones, and the real file where `$NST_WEIGHTS` leads to one."""
    if request.param == "by construction":
        return like_oxford()
    if not os.environ.get("NST_WEIGHTS"):
        pytest.skip("NST_WEIGHTS is not set")
    path = find_weights("vgg19")
    if path is None:
        pytest.skip("no VGG-19 in NST_WEIGHTS")
    return read(path, "vgg19")


def verdicts(weights: Weights) -> dict[str, str]:
    return {check.name: check.verdict for check in checks.verify(weights)}


def test_right_weights_pass(right):
    """Every check says OK, and none is left out."""
    names = ["shapes", "values", "statistics", "axes", "orientation", "channel order", "mean"]
    assert verdicts(right) == dict.fromkeys(names, "OK")


@pytest.mark.parametrize(
    ("change", "axes", "orientation", "order"),
    [
        (lambda w: w.transpose(1, 0, 2, 3), "swapped axes", "swapped axes", "OK"),
        (lambda w: w[:, :, ::-1], "OK", "OK", "swapped channel order"),
        (lambda w: w[:, :, [1, 0, 2]], "OK", "OK", "swapped channel order"),
        (
            lambda w: w.transpose(1, 0, 2, 3)[:, :, ::-1],
            "swapped axes",
            "swapped axes",
            "swapped channel order",
        ),
        (lambda w: w[::-1, ::-1], "OK", "kernels turned by 180 degrees", "OK"),
        (lambda w: w[::-1], "OK", "kernels upside down", "OK"),
        (lambda w: w[:, ::-1], "OK", "kernels mirrored", "OK"),
        (lambda w: np.rot90(w), "swapped axes", "kernels turned by 90 degrees", "OK"),
        (lambda w: np.rot90(w, -1), "swapped axes", "kernels turned by 90 degrees", "OK"),
        (
            lambda w: np.rot90(w, 2).transpose(1, 0, 2, 3),
            "swapped axes",
            "swapped axes, turned by 180 degrees",
            "OK",
        ),
    ],
)
def test_exchanged_kernels_are_named(right, change, axes, orientation, order):
    """Each exchange that keeps the shapes is told from its response, and nothing else is blamed."""
    found = verdicts(changed(right, change))
    assert (found["axes"], found["orientation"], found["channel order"]) == (axes, orientation, order)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w * np.linspace(0.02, 3, 64, dtype=np.float32),
        lambda w: w.astype(np.float16),
        lambda w: w + 0.3 * w.std() * np.random.default_rng(0).standard_normal(w.shape).astype(np.float32),
    ],
)
def test_scaled_rounded_and_noisy_filters_still_pass(right, change):
    """The verdicts rest on what filters prefer, so gains, half precision and some noise do not matter."""
    assert set(verdicts(changed(right, change)).values()) == {"OK"}


def test_flipped_file_with_flipped_claim_is_right(right):
    """RGB kernels that are declared RGB, with the mean in that order, are as right as BGR ones."""
    flipped = changed(right, lambda w: w[:, :, ::-1])
    flipped.channel_order, flipped.mean = "RGB", right.mean[::-1]
    assert set(verdicts(flipped).values()) == {"OK"}


def test_mean_in_the_other_order_is_named(right):
    """A mean stored RGB for a BGR network is caught even though the kernels are right."""
    weights = changed(right, lambda w: w)
    weights.mean = right.mean[::-1]
    found = verdicts(weights)
    assert found.pop("mean") == "swapped channel order" and set(found.values()) == {"OK"}


def test_torchvision_preprocessing_of_caffe_weights_is_caught(right):
    """The classic trap, right kernels with the preprocessing of a file with the same names, is a failure."""
    trap = Weights(right.arrays, "vgg19", **TORCHVISION)
    assert verdicts(trap)["channel order"] == "swapped channel order"


@pytest.mark.parametrize("seed", range(20))
def test_other_filters_are_not_judged(right, seed):
    """Random filters, and the right ones in another order, get no verdict rather than a false one."""
    rng = np.random.default_rng(seed)
    for change in (
        lambda w: w[..., rng.permutation(64)],
        lambda w: 0.2 * rng.standard_normal(w.shape),
        lambda w: w.reshape(64, 3, 3, 3).transpose(2, 3, 1, 0),
    ):
        found = checks.verify(changed(right, change))
        assert {check.verdict for check in found[3:]} == {"unknown"}
        assert all("no expectation for these weights" in check.detail for check in found[3:])
        assert not any(check.failed for check in found)


def test_other_networks_are_not_judged():
    """A network without a table gets "unknown" for shapes and responses."""
    weights = Weights({"conv1.weight": 0.3 * np.random.default_rng(0).standard_normal((5, 5, 3, 8))}, "own")
    found = verdicts(weights)
    assert found["shapes"] == found["axes"] == found["channel order"] == "unknown"
    assert found["values"] == found["statistics"] == "OK"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(value):
    """One NaN or infinity anywhere fails, with the array's name and the count."""
    weights = like_oxford()
    weights.arrays["conv1_1.bias"][5] = value
    (check,) = [check for check in checks.verify(weights) if check.failed]
    assert check.name == "values" and "conv1_1.bias: 1 of 64" in check.detail


def test_integers_are_not_weights():
    """Arrays of integers fail instead of being shown stimuli."""
    weights = changed(like_oxford(), lambda w: (w * 100).astype(np.int8))
    assert verdicts(weights)["values"] == "FAILED"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conv1_1.weight": np.zeros((64, 3, 3, 3))}, "should be (3, 3, 3, 64)"),
        ({"conv1_1.bias": np.zeros((64, 1))}, "conv1_1.bias is (64, 1)"),
        ({"conv1_2.weight": np.zeros((3, 3, 64, 64))}, "conv1_2.bias is missing"),
        (
            {"conv2_1.weight": np.zeros((3, 3, 64, 128)), "conv2_1.bias": np.zeros(128)},
            "conv1_2.weight is missing",
        ),
        ({"conv9_1.bias": np.zeros(3)}, "no array conv9_1.bias"),
    ],
)
def test_wrong_shapes(change, words):
    """A wrong shape, a gap, a layer without its bias and an unknown array fail, each by name."""
    weights = like_oxford()
    weights.arrays.update(change)
    (check,) = [check for check in checks.verify(weights) if check.failed]
    assert check.name == "shapes" and words in check.detail


def test_no_arrays_at_all():
    """Nothing is not a network."""
    assert verdicts(Weights({}, "vgg19"))["shapes"] == "FAILED"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w * 1e20, "scales its input"),
        (lambda w: w * 0, "scales its input"),
        (lambda w: w.byteswap(), "scales its input"),
        (lambda w: np.abs(w) + 1, "mean"),
        (lambda w: w * (np.arange(64) < 30), "filters are zero"),
    ],
)
def test_senseless_statistics(change, words):
    """Numbers that no trained layer has: wild or no gain, wrong byte order, a large mean, dead filters."""
    weights = changed(like_oxford(), lambda w: np.nan_to_num(change(w), nan=1e30))
    found = {check.name: check for check in checks.verify(weights)}
    assert found["statistics"].failed and words in found["statistics"].detail


def test_margins(right):
    """Right filters score above 0.6 in each test and the next best reading below 0.35: no close call."""
    gratings, colours, edges = (checks.respond(right, pictures) for pictures in checks.stimuli())
    for responses, groups, readings in (
        (gratings.std((1, 2)), checks.GRATINGS, checks.AXES),
        (edges[:, 6:8, 6:8].mean((1, 2)), checks.EDGES, checks.TURNS),
        (colours.mean((1, 2)), checks.COLOURS, checks.ORDERS),
    ):
        _, best, second = checks.match(responses, groups, readings)
        assert best > 0.6 and second < 0.35


def test_deepest_layer_follows_the_network():
    """The name comes from the order of the network, not of the file."""
    arrays = {"conv2_1.weight": 0, "conv1_2.weight": 0, "conv1_1.weight": 0}
    assert checks.deepest_layer(Weights(arrays, "vgg19")) == "conv2_1"


REAL_FILES = ("bvlc_googlenet.npz", "squeezenet_v1.1.npz", "alexnet_conv1_to_conv5.npz")


@pytest.mark.parametrize("file", REAL_FILES)
def test_the_first_filters_of_other_networks_are_known(file):
    """As trained all is OK; exchanged axes, channels and sides of the kernel are each named; random filters are not."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), file)
    if not path.is_file():
        pytest.skip(f"NST_WEIGHTS does not name a folder with {file}")
    weights = read(path)
    name = f"{known_filters(weights).layer}.weight"
    kernel = weights.arrays[name]
    expected = {
        "as it is": (kernel, "OK", "OK", "OK"),
        "axes": (kernel.transpose(1, 0, 2, 3), "swapped axes", "swapped axes", "OK"),
        "channels": (kernel[:, :, ::-1], "OK", "OK", "swapped channel order"),
        "mirrored": (kernel[:, ::-1], "OK", "kernels mirrored", "OK"),
        "shuffled": (np.roll(kernel, 1, axis=3), *["unknown"] * 3),
    }
    for change, (array, *three) in expected.items():
        weights.arrays[name] = array
        found = verdicts(weights)
        assert [found[check] for check in ("axes", "orientation", "channel order")] == three, change


def test_channels_are_told_by_the_filters_where_the_file_does_not_say(tmp_path):
    """GoogLeNet with its red filters first is read as RGB, with the mean in that order."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), "bvlc_googlenet.npz")
    if not path.is_file():
        pytest.skip("NST_WEIGHTS does not name a folder with bvlc_googlenet.npz")
    arrays = read(path).arrays
    arrays["conv1/7x7_s2.weight"] = arrays["conv1/7x7_s2.weight"][:, :, ::-1]
    np.savez(tmp_path / "w.npz", **arrays)
    found = read(tmp_path / "w.npz")
    assert (found.channel_order, found.mean) == ("RGB", (123.0, 117.0, 104.0))
    assert "responds as BVLC's, RGB" in found.notes[-1]
