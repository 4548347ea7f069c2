"""The table of losses: functions that return a value and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nst.checks.activation_cases import ACTIVATION_CASES
from nst.checks.case import Built, Case, Random, check_loss
from nst.layers import softmax_cross_entropy
from nst.losses import (
    COVARIANCE,
    HISTOGRAM,
    MOMENTS,
    Content,
    Range,
    Statistic,
    Style,
    TotalVariation,
    binary_cross_entropy,
    content_loss,
    gram,
    gram_loss,
    least_squares,
    range_penalty,
    rectified_regression_loss,
    regression_loss,
    relative_gram_loss,
    total_variation,
    wasserstein,
)


def _case(name: str, what: str, make: Callable[[Random], Built]) -> Case:
    return Case(name, what, make, check=check_loss)


def _features(rng: Random) -> np.ndarray:
    return rng.standard_normal((1, 4, 5, 3))


def _class_numbers(rng: Random) -> Built:
    labels = np.array([5, 0, 2, 2])
    return lambda x: softmax_cross_entropy(x, labels), 3.0 * rng.standard_normal((4, 6))


def _probabilities(rng: Random) -> Built:
    labels = rng.dirichlet(np.ones(6), size=4)
    return lambda x: softmax_cross_entropy(x, labels), 3.0 * rng.standard_normal((4, 6))


def _smoothed(rng: Random) -> Built:
    labels = np.array([5, 0, 2, 2])
    return lambda x: softmax_cross_entropy(x, labels, 0.3), 3.0 * rng.standard_normal((4, 6))


def _content(rng: Random) -> Built:
    target = _features(rng)
    return lambda x: content_loss(x, target), _features(rng)


def _gram(rng: Random) -> Built:
    target = gram(_features(rng))
    return lambda x: gram_loss(x, target), _features(rng)


def _statistic(
    statistic: Statistic, target_shape: tuple[int, ...] = (1, 4, 5, 3)
) -> Callable[[Random], Built]:
    def make(rng: Random) -> Built:
        target = statistic.measure(1 + 2 * rng.standard_normal(target_shape))
        return lambda x: statistic.loss(x, target), _features(rng)

    return make


def _overshooting(rng: Random) -> np.ndarray:
    """Return pixels below, within and above 0..255, none of them near the two kinks in the slope."""
    low, inside, high = rng.uniform(-60, -5, 20), rng.uniform(5, 250, 60), rng.uniform(260, 320, 20)
    return rng.permutation(np.concatenate([low, inside, high])).reshape(1, 4, 5, 5)


def _regression(rng: Random) -> Built:
    readout, target = rng.standard_normal((3, 5)), rng.standard_normal((7, 5))
    return lambda x: regression_loss(x, readout, target), rng.standard_normal((7, 3))


def _rectified(rng: Random) -> Built:
    target = np.maximum(rng.standard_normal((7, 4)), 0)
    return lambda x: rectified_regression_loss(x, target), rng.standard_normal((7, 4))


def _relative_gram(width: int) -> Callable[[Random], Built]:
    """Return what makes the case of a readout to `width` channels, or of none for the three that there are."""

    def make(rng: Random) -> Built:
        readout = rng.standard_normal((3, width)) if width != 3 else None
        other = rng.standard_normal((9, width))
        return lambda x: relative_gram_loss(x, readout, other.T @ other / 9), rng.standard_normal((7, 3))

    return make


def _scores(
    loss: Callable[[np.ndarray, float], tuple[float, np.ndarray]], label: float
) -> Callable[[Random], Built]:
    return lambda rng: (lambda x: loss(x, label), 2 * rng.standard_normal((8, 1)))


LOSS_CASES = [
    _case("softmax_cross_entropy", "class numbers", _class_numbers),
    _case("softmax_cross_entropy", "probabilities", _probabilities),
    _case("softmax_cross_entropy", "smoothed labels", _smoothed),
    _case("content_loss", "random target", _content),
    _case("gram_loss", "random target", _gram),
    _case("Moments", "random target", _statistic(MOMENTS)),
    _case("Covariance", "random target", _statistic(COVARIANCE)),
    _case("Histogram", "target of the same size", _statistic(HISTOGRAM)),
    _case("Histogram", "larger target", _statistic(HISTOGRAM, (1, 6, 8, 3))),
    _case("Histogram", "smaller target", _statistic(HISTOGRAM, (1, 2, 3, 3))),
    _case(
        "total_variation",
        "one picture",
        lambda rng: (total_variation, 100.0 * rng.standard_normal((1, 5, 6, 3))),
    ),
    _case(
        "total_variation", "two pictures", lambda rng: (total_variation, rng.standard_normal((2, 4, 3, 3)))
    ),
    _case("range_penalty", "on both sides", lambda rng: (range_penalty, _overshooting(rng))),
    _case(
        "range_penalty",
        "0.2 to 0.7",
        lambda rng: (lambda x: range_penalty(x, 0.2, 0.7), np.linspace(-1.0, 2.0, 70)),
    ),
    _case("Content", "weight 7", lambda rng: (Content("relu1_1", _features(rng), 7.0), _features(rng))),
    _case("Style", "weight 7", lambda rng: (Style("relu1_1", gram(_features(rng)), 7.0), _features(rng))),
    _case("TotalVariation", "weight 7", lambda rng: (TotalVariation(7.0), _features(rng))),
    _case("Range", "weight 7", lambda rng: (Range(7.0), _overshooting(rng))),
    _case("regression_loss", "3 channels tell 5", _regression),
    _case("rectified_regression_loss", "some silent, some loud", _rectified),
    _case("relative_gram_loss", "read out", _relative_gram(5)),
    _case("relative_gram_loss", "as they are", _relative_gram(3)),
    _case("binary_cross_entropy", "all real", _scores(binary_cross_entropy, 1)),
    _case("binary_cross_entropy", "all fake", _scores(binary_cross_entropy, 0)),
    _case("binary_cross_entropy", "a smoothed label", _scores(binary_cross_entropy, 0.9)),
    _case("least_squares", "all real", _scores(least_squares, 1)),
    _case("least_squares", "all fake", _scores(least_squares, 0)),
    _case("wasserstein", "all real", _scores(wasserstein, 1)),
    _case("wasserstein", "all fake", _scores(wasserstein, 0)),
    *ACTIVATION_CASES,
]
