"""The memory of a walk, known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import memory
from nst.layers import Conv2d, MaxPool2d, ReLU
from nst.networks import Network, Node, fused
from nst.networks.footprint import walk_bytes

TAPS, SHAPE = ["relu1_1", "relu2_1", "relu2_2"], (1, 193, 260, 3)


@pytest.fixture(scope="module")
def network():
    """Two blocks, wide enough for the fast kernels, fused."""
    rng = np.random.default_rng(0)
    nodes, channels = [], 3
    for name, width in (("1_1", 32), ("1_2", 32), ("2_1", 64), ("2_2", 64)):
        weight = rng.normal(0, 0.05, (3, 3, channels, width)).astype(np.float32)
        nodes += [Node(f"conv{name}", Conv2d(weight, None, padding=1)), Node(f"relu{name}", ReLU())]
        if name == "1_2":
            nodes.append(Node("pool1", MaxPool2d(2)))
        channels = width
    return fused(Network(nodes).freeze(), TAPS)


def test_the_walk_takes_what_was_foretold(network, monkeypatch):
    """What lies in recycled pages when a walk is at its height is what the shapes say, to a tenth."""

    def walk():
        features, tape = network.forward(np.ones(SHAPE, np.float32), TAPS)
        entering = {tap: lambda tap=tap: memory.zeros(features.pop(tap).shape) for tap in TAPS}
        network.backward(entering, tape, consume=True)

    walk()  # the kernels' buffers and the prepared weights stay where they are
    if not memory.peak():
        pytest.skip("this system lends no recycled pages")
    monkeypatch.setattr(memory, "_arena", memory.Arena(1 << 30))
    walk()
    assert memory.peak() == pytest.approx(walk_bytes(network, TAPS, SHAPE), rel=0.1)


def test_no_taps_take_nothing(network):
    """An objective of pixels alone runs no layer."""
    assert walk_bytes(network, [], SHAPE) == 0


def test_memory_grows_with_the_area(network):
    """Twice as high and twice as wide is four times the memory; float64 is twice that of float32."""
    one, four = (walk_bytes(network, ["relu2_2"], (1, side, side, 3)) for side in (64, 128))
    assert four == 4 * one
    assert walk_bytes(network, ["relu2_2"], (1, 64, 64, 3), 8) == pytest.approx(2 * one, rel=0.05)
