"""Convolutions that absorb what is affine beside them."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import Conv2d, Preprocess, ReLU
from nst.networks import Network
from nst.networks.absorption import absorbed
from nst.networks.network import Node

COLOURS = Preprocess((103.9, 116.8, 123.7), (0.5, 1, 2), "BGR")
BACK = Preprocess((-1.0, 2.0, 0.5), (3, 2, 1), "BGR")


def conv(side: int, c_in: int, c_out: int, **how: object) -> Conv2d:
    rng = np.random.default_rng(side + c_in + c_out)
    bias = rng.standard_normal(c_out) if how.pop("biased", True) else None
    return Conv2d(rng.standard_normal((side, side, c_in, c_out)), bias, **how)


BORDER = {"padding": 1, "padding_mode": "reflect"}
SEQUENCES = {
    "pixels, 1x1 and 3x3": ([COLOURS, conv(1, 3, 5), conv(3, 5, 4, **BORDER)], 1),
    "without a bias": ([COLOURS, conv(3, 3, 4, biased=False)], 1),
    "back to colours": ([conv(3, 3, 4, **BORDER), ReLU(), conv(3, 4, 3, **BORDER), BACK], 3),
    "1x1 after 3x3": ([conv(3, 3, 4, stride=2), conv(1, 4, 6)], 1),
    "a border of zeros": ([COLOURS, conv(3, 3, 4, padding=1)], 2),
    "a 1x1 with a border": ([conv(1, 3, 3, padding=1), conv(3, 3, 4, **BORDER)], 2),
    "groups": ([COLOURS, conv(3, 1, 3, groups=3)], 2),
    "1x1 in steps": ([conv(1, 3, 3, stride=2), conv(3, 3, 4)], 2),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_result_is_the_same_in_fewer_steps(name):
    """In float64 it differs by rounding alone; so many nodes are left, the last under its own name."""
    layers, left = SEQUENCES[name]
    network = Network([Node(f"node{at}", layer) for at, layer in enumerate(layers)])
    smaller, last = absorbed(network), network.names[-1]
    assert len(smaller.names) == left and smaller.names[-1] == last
    x = np.random.default_rng(0).uniform(0, 255, (2, 9, 8, 3))
    expected = network.features(x, [last])[last]
    np.testing.assert_allclose(
        smaller.features(x, [last])[last], expected, atol=1e-12 * np.abs(expected).max()
    )


def test_the_layers_that_were_there_are_left_as_they_are():
    """Absorption makes new convolutions; those of the network keep their numbers."""
    layer = conv(3, 3, 4)
    before = layer.weight.copy()
    absorbed(Network([Node("pixels", COLOURS), Node("conv", layer)]))
    np.testing.assert_array_equal(layer.weight, before)
