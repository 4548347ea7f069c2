"""The answers to the exercises of lesson 11."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nst.losses import HISTOGRAM, STATISTICS, blend
from nst.networks import Network, random_weights, vgg, vgg_shapes


@pytest.fixture(scope="module")
def network() -> Network:
    """The random network, going round, in float64."""
    return vgg(random_weights(), "avg", "circular").astype(np.float64)


def test_ranks_hand_out_at_the_least_cost() -> None:
    """Of all orders that of the ranks is the cheapest; at a tie two are, and the loss has a kink there."""
    rng = np.random.default_rng(0)
    values, quantiles = rng.standard_normal(5), np.sort(rng.standard_normal(5))
    costs = [np.square(values - quantiles[list(order)]).mean() for order in itertools.permutations(range(5))]
    features = values.reshape(1, 1, 5, 1)
    assert HISTOGRAM.loss(features, quantiles[None])[0] == pytest.approx(min(costs))
    target = np.array([[-1.0, 1.0]])
    slopes = [HISTOGRAM.loss(np.array([[[[0.0], [x]]]]), target)[1][0, 0, 1, 0] for x in (-1e-9, 1e-9)]
    assert slopes == pytest.approx([1, -1])  # minus and plus a half of 2 (0 - q) at either side


def test_a_gram_matrix_does_not_determine_the_picture() -> None:
    """It holds fewer numbers than a picture of 256 pixels, moments still fewer; histograms forty times as many."""
    channels = [vgg_shapes("vgg19")[f"conv{block}_1.bias"][0] for block in (1, 2, 3, 4)]
    picture = 3 * 256**2
    assert sum(c * (c + 1) // 2 for c in channels) == 174_560 < picture
    assert sum(2 * c for c in channels) == 1920
    assert sum(c * (256 // 2**block) ** 2 for block, c in enumerate(channels)) == 40 * picture


def test_a_seamless_texture_begins_anywhere(network: Network) -> None:
    """Rolled by a step of the pools it has the same statistics; by one pixel, other windows and others."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3))
    for statistic in STATISTICS.values():
        found = {}
        for shift in (0, 1, 4):
            rolled = np.roll(image, (shift, -shift), axis=(1, 2))
            found[shift] = statistic.measure(network.forward(rolled, ["relu3_1"])[0]["relu3_1"])
        np.testing.assert_allclose(found[4], found[0], rtol=1e-9, atol=1e-12)
        assert np.abs(found[1] - found[0]).max() > 1e-6 * np.abs(found[0]).max()


def test_a_blend_of_histograms_moves_values() -> None:
    """Of a sample that is 0 everywhere and one that is 10, the blend is 5 everywhere, and not half 0, half 10."""
    low, high = (np.full((1, 2, 2, 1), value) for value in (0.0, 10.0))
    target = blend([HISTOGRAM.measure(low), HISTOGRAM.measure(high)], [1, 1])
    np.testing.assert_array_equal(target, [[5.0] * 4])
    both = np.concatenate([low, high], axis=2)
    assert HISTOGRAM.loss(both, target)[0] == pytest.approx(25)
