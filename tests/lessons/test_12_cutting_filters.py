"""The answers to the exercises of lesson 12."""

from __future__ import annotations

import numpy as np

from nst.layers import Concat, Conv2d, ReLU
from nst.networks import Network, Node
from nst.pruning import remove
from nst.pruning.cut import most_telling


def _two(rng: np.random.Generator, filters: int = 6) -> Network:
    """Return two convolutions with a ReLU between."""
    first, second = rng.standard_normal((3, 3, 3, filters)), rng.standard_normal((3, 3, filters, 4))
    return Network(
        [Node("one", Conv2d(first, padding=1)), Node("relu", ReLU()), Node("two", Conv2d(second, padding=1))]
    )


def test_a_twin_can_go_without_any_loss() -> None:
    """Of two equal filters one is removed; when its reader's weights are added to the other's, nothing changes."""
    rng = np.random.default_rng(0)
    network, picture = _two(rng), rng.standard_normal((1, 8, 8, 3))
    network.nodes["one"].layer.weight[..., 5] = network.nodes["one"].layer.weight[..., 2]
    before = network.forward(picture, ["two"])[0]["two"]
    small = remove(network, {"one": range(5)})
    small.nodes["two"].layer.weight[:, :, 2] += network.nodes["two"].layer.weight[:, :, 5]
    assert np.allclose(small.forward(picture, ["two"])[0]["two"], before, rtol=0, atol=1e-12)


def test_a_layer_may_have_any_size() -> None:
    """ReLU lets a positive factor through: a layer times 7, and its reader divided by 7, is the same network."""
    rng = np.random.default_rng(0)
    network, picture = _two(rng), rng.standard_normal((1, 8, 8, 3))
    before = network.forward(picture, ["two"])[0]["two"]
    network.nodes["one"].layer.weight *= 7
    network.nodes["two"].layer.weight /= 7
    assert np.allclose(network.forward(picture, ["two"])[0]["two"], before, rtol=0, atol=1e-12)


def test_a_loud_copy_is_taken_once() -> None:
    """Pivoted QR takes a loud column first, and after it not its copy, however loud that is."""
    columns = np.random.default_rng(0).standard_normal((50, 4))
    columns[:, 0] *= 100
    columns[:, 3] = 0.9 * columns[:, 0]
    chosen = most_telling(columns.T @ columns, 3)
    assert chosen.tolist() == [0, 1, 2]


def test_behind_a_concatenation_the_numbers_are_shifted() -> None:
    """Channel 1 of the second branch is channel 4 + 1 of what is joined, and that one goes from the next kernel."""
    rng = np.random.default_rng(0)
    left, right = (Conv2d(rng.standard_normal((1, 1, 3, n))) for n in (4, 3))
    after = Conv2d(rng.standard_normal((1, 1, 7, 2)))
    nodes = [
        Node("left", left, ("",)),
        Node("right", right, ("",)),
        Node("both", Concat(), ("left", "right")),
    ]
    small = remove(Network([*nodes, Node("after", after)]), {"right": [0, 2]})
    assert np.array_equal(small.nodes["after"].layer.weight, after.weight[:, :, [0, 1, 2, 3, 4, 6]])
