"""Removing filters and fitting what reads them."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import BatchNorm, Concat, Conv2d, MaxPool2d, ReLU
from nst.networks import Network, Node, random_weights, vgg
from nst.pruning import by_kernel, choose, mend, remove
from tests.pruning.test_cut import _pictures


def _branches() -> Network:
    """Return two branches from one convolution, joined and read; channels 4 to 7 of the first double 0 to 3."""
    rng = np.random.default_rng(0)
    first = np.abs(rng.standard_normal((1, 1, 3, 4)))
    first = np.concatenate([first, 2 * first], axis=3)
    kernels = {name: rng.standard_normal((1, 1, 8, 6)) for name in ("left", "right")}
    return Network(
        [
            Node("first", Conv2d(first)),
            Node("relu", ReLU()),
            Node("left", Conv2d(kernels["left"], np.ones(6)), ("relu",)),
            Node("right", Conv2d(kernels["right"]), ("relu",)),
            Node("both", Concat(), ("left", "right")),
            Node("last", Conv2d(rng.standard_normal((1, 1, 12, 2)))),
        ]
    )


def test_what_can_be_told_is_not_lost():
    """Doubles are removed from below two branches, and the network says what it said."""
    network, pictures = _branches(), _pictures(4, 16)
    kept = {"first": range(4)}
    whole = network.forward(pictures[0], ["last"])[0]["last"]
    mended, plain = (
        one.forward(pictures[0], ["last"])[0]["last"]
        for one in (mend(network, kept, pictures), remove(network, kept))
    )
    assert np.abs(mended - whole).max() < 1e-4 * np.abs(whole).max()
    assert np.abs(plain - whole).max() > 0.1 * np.abs(whole).max()


def test_a_normalisation_takes_over_what_a_bias_would_be():
    """Channels that double others and add 9 go; the convolution that reads them gets no bias, and says what it said."""
    rng = np.random.default_rng(1)
    first = np.abs(rng.standard_normal((1, 1, 3, 4)))
    network = Network(
        [
            Node("first", Conv2d(np.concatenate([first, 2 * first], axis=3), np.repeat([0.0, 9.0], 4))),
            Node("relu", ReLU()),
            Node("second", Conv2d(rng.standard_normal((1, 1, 8, 6)))),
            Node("pool", MaxPool2d(2)),
            Node("norm", BatchNorm(*rng.uniform(1, 2, (4, 6)))),
            Node("last", Conv2d(rng.standard_normal((1, 1, 6, 2)))),
        ]
    )
    pictures = _pictures(4, 16)
    mended = mend(network, {"first": range(4)}, pictures)
    assert mended.nodes["second"].layer.bias is None
    whole, ours = (one.forward(pictures[0], ["last"])[0]["last"] for one in (network, mended))
    assert np.abs(ours - whole).max() < 1e-4 * np.abs(whole).max()


def test_shapes_are_those_of_the_removal():
    """Every array has the shape that `remove` gives it, behind a concatenation too."""
    network, kept = _branches(), {"first": [0, 5], "right": [1, 2, 4]}
    mended, plain = mend(network, kept, _pictures(2, 16)), remove(network, kept)
    for name in network.names:
        shapes = [
            getattr(getattr(one.nodes[name].layer, "weight", None), "shape", None) for one in (mended, plain)
        ]
        assert shapes[0] == shapes[1]


def test_mending_a_vgg_brings_its_answers_nearer():
    """With half of each layer gone, the last layer's answers are nearer to the whole network's than without."""
    network, pictures = vgg(random_weights()).astype(np.float64), _pictures(4)
    kept = choose(network, by_kernel(network, ["conv1_1", "conv1_2", "conv2_1"]), 0.5)
    whole, mended, plain = (
        one.forward(pictures[0], ["relu2_2"])[0]["relu2_2"]
        for one in (network, mend(network, kept, pictures), remove(network, kept))
    )
    assert np.square(mended - whole).sum() < 0.5 * np.square(plain - whole).sum()


def test_mending_needs_pictures():
    """Without any there is nothing to fit to."""
    with pytest.raises(NstError, match="there are none"):
        mend(_branches(), {"first": [0]}, [])
