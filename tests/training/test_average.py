"""The moving average of the weights."""

from __future__ import annotations

import numpy as np
import pytest

from nst.training.average import Average, arrays
from tests.training import toy


def moved(network, rng) -> None:
    """Change every array of a network at random, in place as SGD does, or by a new one as running statistics do."""
    for layer, name, array in list(arrays(network)):
        if name.startswith("running"):
            setattr(network.nodes[layer].layer, name, rng.random(array.shape, np.float32))
        else:
            array += rng.standard_normal(array.shape, np.float32)


def test_it_is_the_average_that_the_formula_says():
    """Of weights and running statistics alike, the decay being (1 + t) / (10 + t) until that exceeds its own."""
    network, rng = toy.network(), np.random.default_rng(0)
    average = Average(network, 0.3)
    expected = {f"{layer}.{name}": array.astype(np.float64) for layer, name, array in arrays(network)}
    for decay in (2 / 11, 3 / 12, 0.3, 0.3):  # 4 / 13 is more than 0.3
        moved(network, rng)
        average.update()
        for layer, name, array in arrays(network):
            label = f"{layer}.{name}"
            expected[label] = decay * expected[label] + (1 - decay) * array
    assert average.state().keys() == expected.keys()
    for label, array in average.state().items():
        np.testing.assert_allclose(array, expected[label], rtol=1e-5, atol=1e-6)
        assert array.dtype == np.float32


def test_the_original_stays_as_it_is():
    """The twin has arrays of its own, so that following never moves what is followed."""
    network = toy.network()
    before = {(layer, name): array.copy() for layer, name, array in arrays(network)}
    average = Average(network, 0.5)
    moved(average.network, np.random.default_rng(0))
    average.update()
    for layer, name, array in arrays(network):
        np.testing.assert_array_equal(array, before[layer, name])


def test_what_is_frozen_is_shared():
    """A frozen layer needs no copy, and is in no state."""
    network = toy.network().freeze("conv1")
    average = Average(network, 0.5)
    assert average.network.nodes["conv1"].layer.weight is network.nodes["conv1"].layer.weight
    assert not [label for label in average.state() if label.startswith("conv1")]
    assert average.network.nodes["fc"].layer.weight is not network.nodes["fc"].layer.weight


def test_with_few_steps_the_average_forgets_where_it_began():
    """After 20 steps on weights that stay, hardly anything is left of the first ones, with a decay of 0.999."""
    network = toy.network()
    average, before = Average(network, 0.999), network.nodes["fc"].layer.weight.copy()
    network.nodes["fc"].layer.weight += 1
    for _ in range(20):
        average.update()
    assert average.network.nodes["fc"].layer.weight - before == pytest.approx(1, abs=0.001)
