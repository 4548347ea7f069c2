"""Deliberate mistakes in the gradients of the statistics of style."""

from __future__ import annotations

import numpy as np

from nst.checks.cases import Case
from nst.checks.loss_cases import LOSS_CASES
from nst.checks.mutations import At, mistakes


def _find(name: str) -> Case:
    return next(case for case in LOSS_CASES if case.layer == name)


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=(1, 2), keepdims=True)


def through_the_mean(at: At) -> np.ndarray:
    """Return the part of a gradient that is the same at all pixels: that of the means."""
    return np.broadcast_to(at.dx.mean(axis=(1, 2), keepdims=True), at.x.shape)


def pulled_by_uncentred(at: At) -> np.ndarray:
    """Return F D in the place of (F - mu) D, D being found from the right gradient."""
    f = _centred(at.x).reshape(-1, at.x.shape[-1])
    d = np.linalg.lstsq(f, at.dx.reshape(f.shape), rcond=None)[0]
    return at.x @ d


def matched(at: At) -> np.ndarray:
    """Return R(F), found from the right gradient."""
    return at.x - at.dx * at.x.size / 2


def dealt_in_places(at: At) -> np.ndarray:
    """Return the gradient when quantiles are handed out by place, not by rank."""
    flat = np.sort(matched(at).reshape(-1, at.x.shape[-1]), axis=0).reshape(at.x.shape)
    return 2 / at.x.size * (at.x - flat)


STATISTIC_MISTAKES = [
    *mistakes(
        _find("Moments"),
        {
            "the deviation is reported but not differentiated": through_the_mean,
            "the mean is reported but not differentiated": lambda at: at.dx - through_the_mean(at),
            "the deviation's slope is that of the variance": lambda at: (
                through_the_mean(at)
                + (at.dx - through_the_mean(at)) * 2 * at.x.std(axis=(1, 2), keepdims=True)
            ),
            "the root is forgotten": lambda at: (
                through_the_mean(at) + (at.dx - through_the_mean(at)) * at.x.std(axis=(1, 2), keepdims=True)
            ),
            "the values are not centred": lambda at: (
                through_the_mean(at) + (at.dx - through_the_mean(at)) / _centred(at.x) * at.x
            ),
            "not divided by the number of pixels": lambda at: at.dx * at.x[..., 0].size,
            "the channels are in reverse": lambda at: at.dx[..., ::-1],
        },
    ),
    *mistakes(
        _find("Covariance"),
        {
            "F enters K twice but is differentiated once": lambda at: at.dx / 2,
            "the mean is taken off K, but not off F": pulled_by_uncentred,
            "not divided by C^2": lambda at: at.dx * at.x.shape[-1] ** 2,
            "the sign is wrong": lambda at: -at.dx,
        },
    ),
    *mistakes(
        _find("Histogram"),
        {
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "quantiles are dealt by place, not by rank": dealt_in_places,
            "the target is forgotten": lambda at: 2 * at.x / at.x.size,
            "only the means are matched": through_the_mean,
            "rows and columns of pixels are mixed up": lambda at: at.dx.reshape(1, 5, 4, 3).transpose(
                0, 2, 1, 3
            ),
        },
    ),
]
