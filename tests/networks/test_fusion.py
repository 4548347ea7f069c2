"""The plan of fusion: which nodes become one, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import AvgPool2d, BatchNorm, Concat, Conv2d, MaxPool2d, ReLU
from nst.networks import Network, Node, fused, random_weights, vgg

RNG = np.random.default_rng(4)
IMAGE = RNG.uniform(0, 255, (1, 21, 18, 3))
NAMES = ["input", "conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1", "relu2_1"]


@pytest.fixture(scope="module")
def network():
    """The small random network in float64, as far as relu2_1."""
    whole = vgg(random_weights()).astype(np.float64)
    return Network([whole.nodes[name] for name in NAMES], {**whole.aliases, "first": "conv1_1"})


def kinds(network):
    return {
        name: (
            type(node.layer).__name__,
            getattr(node.layer, "relu", None),
            getattr(node.layer, "pool", None),
        )
        for name, node in network.nodes.items()
    }


def conv(inputs=3, outputs=3):
    layer = Conv2d(RNG.standard_normal((3, 3, inputs, outputs)), padding=1)
    layer.frozen = True
    return layer


def same(network, taps):
    """Check that the fused network has the features and the image gradient of the plain one; return it."""
    planned = fused(network, taps)
    (plain, tape), (found, planned_tape) = network.forward(IMAGE, taps), planned.forward(IMAGE, taps)
    gradients = {tap: np.random.default_rng(5).standard_normal(plain[tap].shape) for tap in taps}
    assert list(found) == list(plain) == list(dict.fromkeys(taps))
    for tap in taps:
        np.testing.assert_array_equal(found[tap], plain[tap])
    expected = network.backward(gradients, tape)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        planned.backward(gradients, planned_tape), expected, rtol=0, atol=1e-13 * scale
    )
    consumed = planned.backward(
        {tap: gradient.copy() for tap, gradient in gradients.items()}, planned_tape, True
    )
    np.testing.assert_allclose(consumed, expected, rtol=0, atol=1e-13 * scale)
    assert not planned_tape.saved
    return planned


def test_a_convolution_takes_its_relu_and_its_pooling(network):
    """What lies between is gone, a group has the name of its last member, and the last group is open."""
    assert kinds(same(network, ["relu2_1"])) == {
        "input": ("Preprocess", None, None),
        "relu1_1": ("ConvReLU", True, None),
        "pool1": ("ConvReLU", True, "max"),
        "relu2_1": ("ConvReLU", True, None),
    }


def test_a_tap_ends_its_group(network):
    """A tap on a ReLU keeps the pooling out, a tap on a convolution keeps both out; all of them remain taps."""
    planned = kinds(same(network, ["relu1_2", "conv1_1", "relu2_1"]))
    assert list(planned) == ["input", "conv1_1", "relu1_1", "relu1_2", "pool1", "relu2_1"]
    assert planned["conv1_1"] == ("ConvReLU", False, None) and planned["relu1_1"][0] == "ReLU"
    assert planned["relu1_2"] == ("ConvReLU", True, None) and planned["pool1"][0] == "MaxPool2d"


@pytest.mark.parametrize("tap", NAMES[1:])
def test_any_tap_gives_what_it_gave(network, tap):
    """One tap anywhere: the same features and the same gradient of the image."""
    same(network, [tap])


def test_aliases_stay_as_far_as_their_layers_do(network):
    """A tap may be given by an alias; an alias of a layer within a group is gone with the layer."""
    planned = same(network, ["block1_conv2", "relu2_1"])
    assert "relu1_2" in planned.names
    assert planned.aliases == {
        "block1_conv1": "relu1_1",
        "block1_conv2": "relu1_2",
        "block1_pool": "pool1",
        "block2_conv1": "relu2_1",
    }
    with pytest.raises(NstError, match="no layer 'first'"):
        planned.resolve("first")


def test_to_fuse_again_changes_nothing(network):
    """The layers of a fused network are left as they are."""
    once = fused(network, ["relu2_1"])
    again = fused(once, ["relu2_1"])
    assert [node.layer for node in again.nodes.values()] == [node.layer for node in once.nodes.values()]


def test_an_unknown_tap_is_an_error(network):
    """With the nearest name, as everywhere."""
    with pytest.raises(NstError, match="did you mean 'relu2_1'"):
        fused(network, ["relu2_2"])


def test_what_is_read_twice_stays(network):
    """Of a diamond, a convolution or a ReLU that two nodes read ends its group, and gradients of both add up."""
    nodes = [
        Node("conv", conv()),
        Node("relu", ReLU()),
        Node("left", conv(3, 4), ("relu",)),
        Node("left_relu", ReLU()),
        Node("right", conv(3, 2), ("relu",)),
        Node("right_relu", ReLU(), ("right",)),
        Node("join", Concat(), ("left_relu", "right", "right_relu")),
        Node("last", conv(8, 3)),
    ]
    planned = same(Network(nodes), ["last", "relu", "join"])
    assert planned.names == ["relu", "left_relu", "right", "right_relu", "join", "last"]
    assert kinds(planned)["right"] == ("ConvReLU", False, None)


def test_only_a_plain_pooling_of_two_by_two_is_taken():
    """Another window, stride, padding, or the ceil mode stays a layer of its own."""
    for pool, taken in [
        (MaxPool2d(), True),
        (AvgPool2d(count_include_pad=True), True),
        (MaxPool2d(3, 2), False),
        (MaxPool2d(2, 1), False),
        (AvgPool2d(2, padding=1), False),
        (MaxPool2d(ceil_mode=True), False),
    ]:
        planned = same(Network([Node("conv", conv()), Node("relu", ReLU()), Node("pool", pool)]), ["pool"])
        assert planned.names == (["pool"] if taken else ["relu", "pool"])


def test_what_is_not_frozen_or_not_a_relu_stays():
    """A convolution in training is left alone; one before a normalisation is taken by itself."""
    trained = Conv2d(RNG.standard_normal((3, 3, 3, 3)), padding=1)
    ones, zeros = np.ones(3), np.zeros(3)
    norm = BatchNorm(ones, zeros, zeros.copy(), ones.copy())
    nodes = [
        Node("a", trained),
        Node("ra", ReLU()),
        Node("b", conv()),
        Node("norm", norm),
        Node("rb", ReLU()),
    ]
    assert list(kinds(same(Network(nodes), ["rb"])).values()) == [
        ("Conv2d", None, None),
        ("ReLU", None, None),
        ("ConvReLU", False, None),
        ("BatchNorm", None, None),
        ("ReLU", None, None),
    ]


def test_a_layer_of_a_kind_of_its_own_is_left_alone():
    """What derives from a convolution or a ReLU may do something else."""

    class Leaky(ReLU):
        def forward(self, x):
            return np.where(x > 0, x, 0.1 * x), np.where(x > 0, 1, 0.1)

    planned = same(Network([Node("conv", conv()), Node("leaky", Leaky())]), ["leaky"])
    assert planned.names == ["conv", "leaky"]


def test_another_dtype_of_a_fused_network(network):
    """astype reaches the weights within the groups."""
    cast = fused(network, ["relu2_1"]).astype(np.float32)
    features, _ = cast.forward(IMAGE.astype(np.float32), ["relu2_1"])
    expected, _ = network.forward(IMAGE, ["relu2_1"])
    assert features["relu2_1"].dtype == np.float32
    np.testing.assert_allclose(features["relu2_1"], expected["relu2_1"], rtol=1e-3, atol=1e-3)
