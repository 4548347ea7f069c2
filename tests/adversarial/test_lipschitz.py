"""How steep a critic is: slopes by differences, and a bound that nothing exceeds."""

from __future__ import annotations

import numpy as np
import pytest

from nst.adversarial.lipschitz import between, bound, measured, slopes
from nst.errors import NstError
from nst.layers import Conv2d, Flatten, GlobalAvgPool, LeakyReLU, Linear, MaxPool2d, Sigmoid
from nst.networks import Network, Node


def critics(rng: np.random.Generator) -> list[tuple[Network, tuple[int, ...]]]:
    """Return small critics of both kinds, float64, each with the shape of what it takes."""
    patches = Network(
        [
            Node("conv1", Conv2d(rng.standard_normal((4, 4, 3, 4)), rng.standard_normal(4), stride=2)),
            Node("on", LeakyReLU(0.2)),
            Node("conv2", Conv2d(rng.standard_normal((3, 3, 4, 1)), np.zeros(1))),
            Node("score", GlobalAvgPool()),
        ]
    )
    pooled = Network(
        [
            Node("conv1", Conv2d(rng.standard_normal((3, 3, 1, 4)), rng.standard_normal(4), padding=1)),
            Node("pool", MaxPool2d()),
            Node("flatten", Flatten()),
            Node("score", Linear(rng.standard_normal((4 * 9, 1)), np.zeros(1))),
        ]
    )
    return [(patches, (5, 12, 11, 3)), (pooled, (5, 6, 7, 1))]


def test_slopes_are_those_of_differences():
    """Along its own gradient the score rises by the slope, for each input of a batch by itself."""
    rng = np.random.default_rng(0)
    for critic, shape in critics(rng):
        x, step = rng.standard_normal(shape), 1e-6
        features, tape = critic.forward(x, ["score"])
        dx = critic.backward({"score": np.ones_like(features["score"])}, tape)
        length = np.sqrt(np.square(dx).sum(axis=(1, 2, 3), keepdims=True))
        up, down = (critic.features(x + h * dx / length, ["score"])["score"] for h in (step, -step))
        np.testing.assert_allclose(slopes(critic, x), (up - down)[:, 0] / (2 * step), rtol=1e-5)


def test_no_two_inputs_are_further_apart_in_score_than_the_bound():
    """Random pairs, far and near, and the measured slope itself lie below it."""
    rng = np.random.default_rng(1)
    for critic, shape in critics(rng):
        most = bound(critic, shape)
        for scale in (1.0, 1e-3):
            one = rng.standard_normal(shape)
            other = one + scale * rng.standard_normal(shape)
            scores = [critic.features(x, ["score"])["score"][:, 0] for x in (one, other)]
            apart = np.sqrt(np.square(one - other).sum(axis=(1, 2, 3)))
            assert (np.abs(scores[0] - scores[1]) <= most * apart).all()
            assert 0 < measured(critic, rng, one, other) <= most


def test_the_bound_of_a_matrix_is_reached_where_it_can_be():
    """For a row of equal weights, what a clipped critic's become, it is the largest singular value itself."""
    layer = Linear(np.full((1, 9), 0.01), np.zeros(9))
    assert bound(Network([Node("score", layer)]), (1, 1)) == pytest.approx(0.03, rel=1e-12)


def test_the_bound_of_a_convolution_is_at_least_its_norm():
    """Written out as a matrix, for strides 1 and 2, the largest singular value is below the bound, and not by far."""
    rng = np.random.default_rng(2)
    for stride in (1, 2):
        layer = Conv2d(rng.standard_normal((4, 4, 2, 3)), np.zeros(3), stride=stride)
        basis = np.eye(10 * 10 * 2).reshape(-1, 10, 10, 2)
        matrix = layer.forward(basis)[0].reshape(len(basis), -1)
        norm = np.linalg.norm(matrix, 2)
        assert norm <= bound(Network([Node("score", layer)]), (1, 10, 10, 2)) <= 4 * norm


def test_between_lies_on_the_line():
    """Each point divides the way from its fake to its real one in a share from 0 to 1."""
    rng = np.random.default_rng(3)
    real, fake = rng.standard_normal((2, 50, 4, 3))
    share = (between(rng, real, fake) - fake) / (real - fake)
    assert np.ptp(share, axis=(1, 2)).max() < 1e-9
    assert 0 <= share.min() < 0.1 and 0.9 < share.max() <= 1


def test_what_is_not_known_has_no_bound():
    """A layer of which nothing is known, overlapping windows and drawn borders are refused, not taken for 1."""
    for layer in (
        Sigmoid(),
        MaxPool2d(3, 2),
        Conv2d(np.ones((3, 3, 1, 1)), padding=1, padding_mode="reflect"),
    ):
        with pytest.raises(NstError, match="is not known"):
            bound(Network([Node("one", layer)]), (1, 8, 8, 1))
