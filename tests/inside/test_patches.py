"""A region by itself does what it did in the picture, nothing else matters, and the gradient in it is the unit's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.inside.patches import activation, alone, cause, patch, sees_all
from nst.inside.relu_rules import RULES, with_rule
from nst.layers import Concat, Conv2d, LRNAcross, MaxPool2d, Pad2d, ReLU
from nst.networks import Network, Node, build
from nst.networks.extent import receptive_field, shapes
from tests.networks.test_architectures import random

FILES = {
    "vgg19": "vgg19_to_conv4_1.h5",
    "googlenet": "bvlc_googlenet.npz",
    "alexnet": "alexnet_conv1_to_conv5.npz",
}
# Long enough for units deep inside along one axis, and narrow, to be quick.
STRIPS = {"vgg19": (300, 35), "googlenet": (330, 33), "alexnet": (400, 71)}


def weights_of(name):
    """As trained where the file is there and as far as it goes, drawn otherwise."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), FILES[name])
    if not path.is_file():
        return random(name)
    trained = formats.read(path)
    if name != "vgg19":
        return trained
    drawn = random(name).arrays
    return replace(trained, arrays={key: trained.arrays.get(key, array) for key, array in drawn.items()})


@pytest.mark.parametrize("name", FILES)
def test_every_tap_is_reproduced_from_the_region_alone(name):
    """For random units of every layer, at borders and inside, of pictures that stand and lie, to 1e-5."""
    network = build(weights_of(name))
    rng = np.random.default_rng(8)
    standing = rng.uniform(0, 255, (*STRIPS[name], 3)).astype(np.float32)
    smaller = 0
    for pixels in (standing, np.ascontiguousarray(standing.swapaxes(0, 1))):
        taps = [tap for number, tap in enumerate(network.names) if number % 2 == (pixels is standing)]
        whole, _ = network.forward(pixels[None], taps)
        for tap in taps:
            features = whole[tap][0]
            place = tuple(int(rng.integers(n)) for n in features.shape[:2]) if features.ndim == 3 else None
            found = patch(network, tap, place, pixels.shape[:2])
            expected = features if place is None else features[place]
            error = np.abs(activation(network, found, pixels) - expected).max()
            assert error < 1e-5 * max(np.abs(features).max(), 1e-30), f"{tap} at {place}: {error}"
            smaller += found.size[0] * found.size[1] < pixels[..., 0].size
    assert smaller > len(network.names) // 2


@pytest.fixture(scope="module")
def branching():
    """Strides, hanging windows, reflection, response normalisation and two branches of unlike depth; float64."""
    rng = np.random.default_rng(0)

    def conv(size, inputs, outputs, **options):
        return Conv2d(
            rng.standard_normal((size, size, inputs, outputs)), rng.standard_normal(outputs), **options
        )

    return Network(
        [
            Node("conv1", conv(5, 3, 4, stride=2, padding=2)),
            Node("relu1", ReLU()),
            Node("pool1", MaxPool2d(3, 2, ceil_mode=True)),
            Node("norm1", LRNAcross(3)),
            Node("deep", conv(3, 4, 4, padding=1, padding_mode="reflect")),
            Node("relu2", ReLU()),
            Node("wide", conv(5, 4, 3, padding=2), ("norm1",)),
            Node("joined", Concat(), ("relu2", "wide")),
            Node("bordered", Pad2d(1, "replicate")),
            Node("last", conv(3, 7, 5)),
        ]
    ).freeze()


@pytest.mark.parametrize("size", [(61, 70), (38, 45)])
def test_every_place_is_reproduced_and_the_margin_does_not_matter(branching, size):
    """Wherever the unit is, to 1e-12, whatever stands in the margin."""
    pixels = np.random.default_rng(1).uniform(0, 255, (*size, 3))
    features = branching.forward(pixels[None], ["last"])[0]["last"][0]
    for row in range(features.shape[0]):
        place = row, row % features.shape[1]
        found = patch(branching, "last", place, size)
        for fill in (0.0, 1e4):
            again = branching.forward(alone(branching, found, pixels, fill), ["last"])[0]["last"]
            np.testing.assert_allclose(again[(0, *found.inner)], features[place], rtol=1e-11)


def test_the_gradient_of_the_whole_picture_lies_in_the_region(branching):
    """Outside the region the unit's gradient is zero, and inside it is what `cause` finds, at every third place."""
    pixels = np.random.default_rng(2).uniform(0, 255, (61, 70, 3))
    features, tape = branching.forward(pixels[None], ["last"])
    for row in range(0, features["last"].shape[1], 3):
        place, one = (row, row % features["last"].shape[2]), np.zeros_like(features["last"])
        one[(0, *place, 2)] = 1
        expected = branching.backward({"last": one}, tape)[0]
        found = patch(branching, "last", place, (61, 70))
        inside = cause(branching, found, 2, pixels)
        np.testing.assert_allclose(inside, found.cut(expected), atol=1e-9 * np.abs(expected).max())
        expected[slice(*found.rows), slice(*found.columns)] = 0
        assert not expected.any()


def test_inside_a_picture_the_region_is_the_receptive_field():
    """Far from borders a region has the size that the sums over the layers give, for every layer with places."""
    network = build(
        random(
            "googlenet",
            ("inception_4b", "inception_4c", "inception_4d", "inception_4e", "inception_5", "loss3"),
        )
    )
    for tap in network.names:
        if sees_all(network, tap):
            continue
        field, _ = receptive_field(network, tap)
        size = 500, 510
        place = tuple(n // 2 for n in shapes(network, (1, *size, 3), [tap])[tap][1:3])
        assert patch(network, tap, place, size).size == (field.size, field.size), tap


def test_the_rules_for_relus():
    """By their definitions, for every combination of signs."""
    x, dy = np.meshgrid([-2.0, 0.0, 3.0], [-5.0, 7.0])
    expected = {
        "plain": [[0, 0, -5], [0, 0, 7]],
        "guided": [[0, 0, 0], [0, 0, 7]],
        "deconv": [[0, 0, 0], [7, 7, 7]],
    }
    for rule, layer in RULES.items():
        y, saved = layer().forward(x)
        np.testing.assert_array_equal(y, np.maximum(x, 0))
        np.testing.assert_array_equal(layer().backward(dy, saved), expected[rule], err_msg=rule)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_changes_the_way_back_alone(branching, rule):
    """Features are the same; guided backpropagation and the gradient differ, the plain rule is the network itself."""
    pixels = np.random.default_rng(3).uniform(0, 255, (40, 40, 3))
    ruled = with_rule(branching, rule)
    features = [one.forward(pixels[None], ["last"])[0]["last"] for one in (branching, ruled)]
    np.testing.assert_array_equal(*features)
    found = patch(branching, "last", (2, 3), (40, 40))
    same = np.array_equal(cause(branching, found, 0, pixels, rule), cause(branching, found, 0, pixels))
    assert same is (rule == "plain")


def test_a_place_that_there_is_not(branching):
    """The message has the places that there are."""
    with pytest.raises(NstError, match=r"last has 10 x 10 places in this picture, none at \(10, 0\)"):
        patch(branching, "last", (10, 0), (40, 40))
    with pytest.raises(NstError, match="none at None"):  # as a damaged index may have it
        patch(branching, "last", None, (40, 40))
