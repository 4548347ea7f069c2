"""GoogLeNet, SqueezeNet and AlexNet: published sizes, names, files that stop early, and PyTorch's answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.errors import NstError
from nst.networks import ARCHITECTURES, Weights, build, fused
from nst.networks.extent import receptive_field, shapes
from nst.networks.tiling import Tiling

COUNTS = {
    "vgg19": 143_667_240,
    "vgg16": 138_357_544,
    "googlenet": 6_998_552,
    "squeezenet": 1_235_496,
    "alexnet": 60_965_224,
    "alexnet-torchvision": 61_100_840,
}
LEAN = ["googlenet", "squeezenet", "alexnet", "googlenet-torchvision", "alexnet-torchvision"]


def random(name: str, leave_out: str = "fc", seed: int = 0) -> Weights:
    """Weights of the right shapes that keep the size of signals; but for layers that begin with `leave_out`."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for key, shape in ARCHITECTURES[name].shapes().items():
        if not key.startswith(leave_out):
            spread = 0.1 if key.endswith("bias") else math.sqrt(2 / math.prod(shape[:-1]))
            arrays[key] = (spread * rng.standard_normal(shape)).astype(np.float32)
    return Weights(arrays, name, "RGB", (120.0, 115.0, 100.0), (1 / 60,) * 3)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts_are_the_published_ones(name):
    """Every table adds up to the count that is known of its network."""
    assert sum(math.prod(shape) for shape in ARCHITECTURES[name].shapes().values()) == COUNTS[name]


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in ("random", "slim")])
def test_the_classifier_ends_in_a_thousand_scores(name):
    """At the size of its training, a network with all its weights gives (1, 1000), by shapes alone."""
    known = ARCHITECTURES[name]
    arrays = {key: np.broadcast_to(np.float32(0), shape) for key, shape in known.shapes().items()}
    network = build(Weights(arrays, name), **({"top": True} if name.startswith("vgg") else {}))
    found = shapes(network, (1, known.crop, known.crop, 3), [known.scores, "prob"])
    assert found[known.scores] == found["prob"] == (1, 1000)


def test_googlenets_maps_have_the_papers_sizes():
    """Table 1 of Szegedy et al.: 112, 56, 28, 14, 7 pixels and 256 to 1024 channels; and the fields that follow."""
    network = build(random("googlenet"))
    sizes = {
        "conv1/7x7_s2": (112, 64),
        "pool1/3x3_s2": (56, 64),
        "conv2/3x3": (56, 192),
        "inception_3a/output": (28, 256),
        "inception_3b": (28, 480),
        "inception_4c/output": (14, 512),
        "inception_4e/output": (14, 832),
        "inception_5b/output": (7, 1024),
    }
    found = shapes(network, (1, 224, 224, 3), sizes)
    for tap, (side, channels) in sizes.items():
        assert found[network.resolve(tap)] == (1, side, side, channels), tap
    field = receptive_field(network, "inception_3a/1x1")[0]
    assert (field.size, field.stride) == (27, 8)


@pytest.mark.parametrize("name", LEAN)
def test_fusing_changes_nothing(name):
    """Fused for a deep tap, features and image gradient are those of the plain network."""
    network = build(random(name))
    tap = {"g": "inception_4a/output", "s": "fire4/concat", "a": "relu5"}[name[0]]
    image, planned = picture(95, 107), fused(network, [tap])
    (plain, tape), (found, fused_tape) = network.forward(image, [tap]), planned.forward(image, [tap])
    np.testing.assert_allclose(found[tap], plain[tap], atol=1e-4 * np.abs(plain[tap]).max())
    dy = np.random.default_rng(2).standard_normal(plain[tap].shape).astype(np.float32)
    expected = network.backward({tap: dy}, tape)
    error = np.linalg.norm(planned.backward({tap: dy}, fused_tape) - expected) / np.linalg.norm(expected)
    assert len(planned.nodes) < len(network.nodes) and error < 1e-2  # a ReLU may turn on or off by rounding


@pytest.mark.parametrize("name", ["googlenet", "squeezenet", "alexnet"])
def test_tiles_have_the_features_of_the_whole(name):
    """With hanging windows, response normalisation, branches and strides, what tiles own is exact."""
    network = build(random(name)).astype(np.float64)
    tap = {"g": "inception_3b/output", "s": "fire5/concat", "a": "relu4"}[name[0]]
    image = picture(150, 170).astype(np.float64)
    whole = network.forward(image, [tap])[0][tap]
    step = int(receptive_field(network, tap)[0].stride)
    tiling = Tiling(network, [tap], image.shape, (2, 2))
    places = 0
    for tile in tiling:
        own = network.forward(tile.of(image), [tap])[0][tap][tile.own(tap)]
        top, left = (cut.crop[0] // step + cut.own[tap][0] for cut in (tile.rows, tile.columns))
        there = whole[:, top : top + own.shape[1], left : left + own.shape[2]]
        np.testing.assert_allclose(own, there, atol=1e-12 * np.abs(whole).max())
        places += own[0, :, :, 0].size
    assert places == whole[0, :, :, 0].size


def test_what_can_be_computed_is_there_and_nothing_else():
    """Without its last module GoogLeNet ends after the one before; AlexNet without fc6 has nothing flattened."""
    assert build(random("googlenet", ("inception_5b", "loss3"))).names[-1] == "inception_5b/pool"
    assert build(random("alexnet")).names[-1] == "pool5"
    assert "flatten" in build(random("alexnet", "fc7")).names


def test_an_unknown_network_is_named_with_the_nearest():
    """One line, with what is known."""
    with pytest.raises(NstError, match=r"unknown network 'googlnet'; did you mean 'googlenet'.*squeezenet"):
        build(Weights({}, "googlnet"))
