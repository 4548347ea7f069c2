"""The answers to the exercises of lesson 14."""

from __future__ import annotations

import numpy as np

from nst.engine import training_step
from nst.layers import BatchNorm, Conv2d, GlobalAvgPool, Linear, ReLU
from nst.networks import Network, Node
from nst.optimizers import SGD, Groups

RNG = np.random.default_rng(0)


def _network() -> Network:
    """Return a convolution with a normalisation, and a classifier."""
    rng, ones, zeros = np.random.default_rng(1), np.ones((2, 4)), np.zeros((2, 4))
    return Network(
        [
            Node("conv", Conv2d(rng.standard_normal((3, 3, 3, 4)))),
            Node("norm", BatchNorm(ones[0], zeros[0], zeros[1], ones[1])),
            Node("relu", ReLU()),
            Node("mean", GlobalAvgPool()),
            Node("fc", Linear(rng.standard_normal((4, 2)), np.zeros(2))),
        ]
    )


def test_a_normalisation_is_only_another_scale() -> None:
    """Its scale and shift can be put into the matrix: the scores that can be reached are the same, the path is not.

    What changes is how far a step goes: without it, along loud features a step changes the scores most.
    """
    x, weight, bias = (
        RNG.standard_normal((5, 4)) * [1, 10, 100, 1000],
        RNG.standard_normal((4, 3)),
        np.ones(3),
    )
    norm = BatchNorm(RNG.uniform(1, 2, 4), RNG.standard_normal(4), x.mean(0), x.var(0))
    scores = norm.forward(x)[0] @ weight + bias
    scale = norm.gamma / np.sqrt(norm.running_var + norm.eps)
    shift = norm.beta - norm.running_mean * scale
    np.testing.assert_allclose(x @ (scale[:, None] * weight) + (shift @ weight + bias), scores, atol=1e-10)


def test_a_grey_picture_does_not_show_a_wrong_order() -> None:
    """Where red, green and blue are equal, turned and unturned kernels answer the same: only colour tells."""
    kernel = RNG.standard_normal((3, 3, 3, 4))
    turned = np.ascontiguousarray(kernel[:, :, ::-1])
    colour = RNG.standard_normal((1, 6, 6, 3))
    grey = np.repeat(colour[..., :1], 3, axis=-1)
    one, other = (Conv2d(weight).forward(grey)[0] for weight in (kernel, turned))
    np.testing.assert_allclose(one, other, atol=1e-12)
    one, other = (Conv2d(weight).forward(colour)[0] for weight in (kernel, turned))
    assert np.abs(one - other).max() > 0.1


def test_nothing_below_the_lowest_that_learns_is_run_backwards() -> None:
    """With everything below the classifier frozen, the walk ends there: no backward pass below is ever called."""
    network = _network().freeze("conv", "norm")
    for name in ("conv", "norm", "relu", "mean"):
        network.nodes[name].layer.backward = None
    _, tape = network.forward(RNG.standard_normal((6, 5, 5, 3)), ["fc"], training=True)
    _, found = network.gradients({"fc": RNG.standard_normal((6, 2))}, tape, image=False)
    assert found.keys() == {"fc"}


def test_a_rate_of_nought_is_not_a_frozen_layer() -> None:
    """Weights stay either way, but a normalisation at rate 0 goes on with batches: its statistics move."""
    images, labels = RNG.standard_normal((6, 5, 5, 3)) + 3, np.arange(6) % 2
    slow, frozen = _network(), _network().freeze("conv", "norm")
    groups = Groups([("conv", 0), ("norm", 0)])
    training_step(slow, images, labels, SGD(groups=groups), 0.1, np.random.default_rng(0))
    training_step(frozen, images, labels, SGD(), 0.1, np.random.default_rng(0))
    before = _network().nodes
    for network, moves in ((slow, True), (frozen, False)):
        assert np.array_equal(network.nodes["conv"].layer.weight, before["conv"].layer.weight)
        assert (np.abs(network.nodes["norm"].layer.running_mean).max() > 0) == moves
