"""The statistics of style beside the Gram matrix: by hand, what each is blind to, in pieces, in float32, blended."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.losses import COVARIANCE, GRAM, HISTOGRAM, MOMENTS, STATISTICS, Additive, blend, content_loss
from nst.losses.moments import EPSILON

ALL = list(STATISTICS.values())
ADDITIVE = [statistic for statistic in ALL if isinstance(statistic, Additive)]


def _features(seed: int = 0, shape: tuple[int, ...] = (1, 6, 5, 4), dtype: type = float) -> np.ndarray:
    return (2 + np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def test_moments_by_hand():
    """Values 1 and 3 have mean 2 and deviation 1; against 0 and 0 the loss is (4 + 1) / 2."""
    features = np.array([[[[1.0], [3.0]]]])
    np.testing.assert_allclose(MOMENTS.measure(features), [[2], [np.sqrt(1 + EPSILON)]], rtol=1e-12)
    value, gradient = MOMENTS.loss(features, np.zeros((2, 1)))
    assert value == pytest.approx((4 + 1 + EPSILON) / 2)
    # 1/(C M) [mu + sigma (F - mu) / sigma] = F / 2
    np.testing.assert_allclose(gradient, features / 2, rtol=1e-12)


def test_covariance_by_hand():
    """It is NumPy's, divided by the channels, and the Gram matrix less the product of the means."""
    f = _features()
    expected = np.cov(f.reshape(-1, 4).T, bias=True) / 4
    np.testing.assert_allclose(COVARIANCE.measure(f), expected, rtol=1e-12)
    mu = MOMENTS.measure(f)[0]
    np.testing.assert_allclose(COVARIANCE.measure(f), GRAM.measure(f) - np.outer(mu, mu) / 4, atol=1e-12)


def test_histogram_by_hand():
    """Values 5, 1, 3 matched with 10, 20, 30 are 30, 10, 20."""
    features, style = np.array([[[[5.0], [1], [3]]]]), np.array([[[[20.0], [30], [10]]]])
    target = HISTOGRAM.measure(style)
    np.testing.assert_array_equal(target, [[10, 20, 30]])
    np.testing.assert_array_equal(HISTOGRAM.matched(features, target), [[[[30.0], [10], [20]]]])
    value, gradient = HISTOGRAM.loss(features, target)
    assert value == pytest.approx((25**2 + 9**2 + 17**2) / 3)
    np.testing.assert_allclose(gradient.ravel(), [-50 / 3, -18 / 3, -34 / 3], rtol=1e-12)


@pytest.mark.parametrize("statistic", ALL, ids=lambda it: it.name)
def test_it_forgets_where_and_how_large(statistic):
    """Shuffled pixels, and the picture laid out twice, have the same statistic, and so no loss."""
    f = _features()
    target = statistic.measure(f)
    shuffled = np.random.default_rng(1).permutation(f.reshape(-1, 4)).reshape(f.shape)
    for other in (shuffled, np.concatenate([f, f], axis=2)):
        value, gradient = statistic.loss(other, target)
        assert value < 1e-20 and np.abs(gradient).max() < 1e-11


def test_what_each_is_blind_to():
    """Covariance does not see the means; moments and histogram not which channels go together; moments no shape."""
    f = _features()
    assert COVARIANCE.loss(f + 7, COVARIANCE.measure(f))[0] < 1e-20 < GRAM.loss(f + 7, GRAM.measure(f))[0]
    apart = f.copy()
    apart[..., 0] = apart[..., 0].ravel()[::-1].reshape(f.shape[:3])
    for blind in (MOMENTS, HISTOGRAM):
        assert blind.loss(apart, blind.measure(f))[0] < 1e-20
    assert GRAM.loss(apart, GRAM.measure(f))[0] > 1e-4 < COVARIANCE.loss(apart, COVARIANCE.measure(f))[0]
    upside_down = 2 * f.mean(axis=(1, 2)) - f
    assert MOMENTS.loss(upside_down, MOMENTS.measure(f))[0] < 1e-20
    assert HISTOGRAM.loss(upside_down, HISTOGRAM.measure(f))[0] > 1e-4


@pytest.mark.parametrize("statistic", ADDITIVE, ids=lambda it: it.name)
def test_sums_of_pieces_are_those_of_the_whole(statistic):
    """And the gradient at some pixels is the same from their features and what is known of the whole picture."""
    f = _features()
    target = statistic.measure(_features(1))
    rows = f.reshape(-1, 4)
    sums = statistic.sums(rows[:7]) + statistic.sums(rows[7:])
    np.testing.assert_allclose(statistic.of_sums(sums, len(rows)), statistic.measure(f), rtol=1e-12)
    value, difference = statistic.compare(sums, len(rows), target)
    whole_value, whole = statistic.loss(f, target, 3.0)
    assert 3 * value == pytest.approx(whole_value, rel=1e-12)
    piece = statistic.gradient(f[:, :2], difference, len(rows), 3.0)
    np.testing.assert_allclose(piece, whole[:, :2], rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("statistic", ALL, ids=lambda it: it.name)
def test_float32_is_near_float64(statistic):
    """With features far from zero on average, and a gradient in float32."""
    f = 30 * _features(0, (1, 64, 64, 24), np.float32)
    target = statistic.measure(30 * _features(1, (1, 50, 60, 24)))
    value, gradient = statistic.loss(f, target)
    exact, slope = statistic.loss(f.astype(float), target)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact, rel=2e-4)
    assert np.linalg.norm(gradient - slope) < 2e-4 * np.linalg.norm(slope)


def test_large_histograms_keep_their_quantiles(monkeypatch):
    """Of more pixels than are kept, neighbours in order are averaged, which hardly moves the loss."""
    f, style = _features(0, (1, 40, 40, 2)), _features(1, (1, 40, 40, 2))
    exact = HISTOGRAM.loss(f, HISTOGRAM.measure(style))[0]
    monkeypatch.setattr("nst.losses.histogram.MOST", 400)
    target = HISTOGRAM.measure(style)
    assert target.shape == (2, 400)
    assert HISTOGRAM.loss(f, target)[0] == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("statistic", ALL, ids=lambda it: it.name)
def test_a_blend_pulls_like_all_its_styles(statistic):
    """Against the blend the gradient is the styles' weighted mean."""
    targets, weights = [statistic.measure(_features(seed)) for seed in (6, 7, 8)], [1, 2, 5]
    f = _features(9)
    each = [statistic.loss(f, target)[1] for target in targets]
    _, gradient = statistic.loss(f, blend(targets, weights))
    np.testing.assert_allclose(gradient, np.average(each, axis=0, weights=weights), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("statistic", ALL, ids=lambda it: it.name)
def test_the_energy_is_the_loss_of_nothing(statistic):
    """But for the moments' epsilon, what a picture without any features would cost."""
    f = _features()
    target = statistic.measure(f)
    assert statistic.energy(target) == pytest.approx(statistic.loss(0 * f, target)[0], rel=0.01)


@pytest.mark.parametrize("statistic", ALL, ids=lambda it: it.name)
def test_one_picture_and_a_target_of_its_channels(statistic):
    """A batch and a target of other channels are refused."""
    with pytest.raises(NstError, match="one picture"):
        statistic.measure(np.zeros((2, 4, 4, 3)))
    with pytest.raises(NstError, match="does not fit 3 channels"):
        statistic.loss(np.zeros((1, 4, 4, 3)), statistic.measure(np.zeros((1, 4, 4, 5))))


def test_the_histogram_loss_is_the_distance_to_what_it_matches():
    """The mean squared distance of the features and their matched copy, which has the style's values."""
    f, target = _features(), HISTOGRAM.measure(_features(1))
    matched = HISTOGRAM.matched(f, target)
    np.testing.assert_allclose(np.sort(matched.reshape(-1, 4), axis=0), target.T, rtol=1e-12)
    assert HISTOGRAM.loss(f, target, 2.0)[0] == content_loss(f, matched, 2.0)[0]
