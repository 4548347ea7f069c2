"""The narrow VGGs: their size, their order, their start."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.layers import softmax_cross_entropy
from nst.networks import vgg_mnist, vgg_small

PICTURES = {"cifar": (vgg_small, (32, 32, 3)), "mnist": (vgg_mnist, (28, 28, 1))}


@pytest.fixture(params=list(PICTURES))
def built(request):
    """A builder, and pictures for its network."""
    build, shape = PICTURES[request.param]
    return build, np.random.default_rng(1).uniform(0, 255, (6, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("build", "convolutions", "norms", "head"),
    [
        (vgg_small, 9 * (3 * 32 + 32 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256), 1184, 2570),
        (vgg_mnist, 9 * (32 + 32 * 64 + 64 * 64 + 64 * 128), 288, 1290),
    ],
)  # fmt: skip
def test_it_has_as_many_parameters_as_its_channels_say(build, convolutions, norms, head):
    """Nine weights for each pair of channels, two numbers for each normalised one, a matrix and a bias at the top."""
    of = build().parameters()
    sizes = {
        kind: sum(w.size for name, found in of.items() if name.startswith(kind) for w in found.values())
        for kind in ("conv", "norm", "fc")
    }
    assert sizes == {"conv": convolutions, "norm": 2 * norms, "fc": head}


def test_blocks_are_those_of_the_paper_with_poolings_moved_ahead():
    """Convolution, normalisation, ReLU; the last of a block is pooled right away, whole maps become their means."""
    names = vgg_small(width=8).names
    assert names[:8] == [
        "input", "conv1_1", "norm1_1", "relu1_1", "conv1_2", "pool1", "norm1_2", "relu1_2",
    ]  # fmt: skip
    assert names[-6:] == ["conv4_1", "norm4_1", "relu4_1", "mean", "drop5", "fc5"]
    assert [name for name in names if name.startswith("conv")] == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1",
    ]  # fmt: skip


def test_a_fresh_network_has_no_opinion(built):
    """Ten classes are all as likely, so that the loss is close to log 10; the same seed, the same bytes."""
    build, images = built
    network = build(3, width=8)
    top = network.names[-1]
    scores = network.forward(images, [top], training=np.random.default_rng(0))[0][top]
    assert scores.shape == (6, 10)
    assert softmax_cross_entropy(scores, np.arange(6))[0] == pytest.approx(math.log(10), rel=0.1)
    again = build(3, width=8).forward(images, [top], training=np.random.default_rng(0))[0][top]
    np.testing.assert_array_equal(again, scores)
    assert (build(4, width=8).nodes[top].layer.weight != network.nodes[top].layer.weight).any()


def test_pooling_ahead_changes_nothing_but_the_statistics():
    """In inference, with rising normalisations, pooling after norm and ReLU gives the same to the last bit."""
    rng = np.random.default_rng(5)
    network = vgg_small(0, width=4)
    norm = network.nodes["norm1_2"].layer
    norm.beta, norm.running_mean = rng.standard_normal((2, 8)).astype(np.float32)
    images = rng.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    features, _ = network.forward(images, ["conv1_2", "relu1_2"])
    layers = [network.nodes[name].layer for name in ("norm1_2", "relu1_2", "pool1")]
    x = features["conv1_2"]
    for layer in layers:
        x = layer.forward(x)[0]
    np.testing.assert_array_equal(x, features["relu1_2"])


@pytest.mark.parametrize(("build", "label"), [(vgg_small, "conv2_1.weight"), (vgg_mnist, "norm2_1.beta")])
def test_gradients_are_those_of_the_loss(build, label):
    """In float64, through all layers in training: a step along the gradient changes the loss by its length squared."""
    shape = PICTURES["cifar" if build is vgg_small else "mnist"][1]
    rng = np.random.default_rng(2)
    network, labels = build(1, width=2, classes=3).astype(np.float64), np.array([0, 2, 1, 1])
    images, top = rng.uniform(0, 255, (4, *shape)), network.names[-1]

    def loss():
        features, tape = network.forward(images, [top], training=np.random.default_rng(0))
        value, dscores = softmax_cross_entropy(features[top], labels)
        return value, network.gradients({top: dscores}, tape, image=False)[1]

    layer, name = label.split(".")
    gradient, parameter = loss()[1][layer][name], network.parameters()[layer][name]
    ahead, step = parameter.copy(), 1e-6 / np.abs(gradient).max()
    values = []
    for sign in (1, -1):
        parameter[...] = ahead + sign * step * gradient
        values.append(loss()[0])
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(np.vdot(gradient, gradient), rel=1e-5)
