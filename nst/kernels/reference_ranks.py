"""The definition of values by rank: what a histogram is matched with.

The quantiles of a set of values are the values in order. As a function of the rank, from 0 to 1, they are steps of
equal width; another number of steps gets the mean of what each covers, so that sums are kept.
"""

from __future__ import annotations

import numpy as np


def resample(quantiles: np.ndarray, count: int) -> np.ndarray:
    """Return quantiles (C, Q) as `count` steps, float64 (C, count): each the mean of those that it covers.

    With S the running integral of the steps, which is linear in between, step k is ``count (S((k+1)/count) -
    S(k/count))``.
    """
    rows, steps = quantiles.shape
    if count == steps:
        return quantiles.astype(np.float64)
    integral = np.zeros((rows, steps + 1))
    np.cumsum(quantiles, axis=1, dtype=np.float64, out=integral[:, 1:])
    at = np.arange(count + 1) * (steps / count)
    known = np.arange(steps + 1)
    sums = np.stack([np.interp(at, known, row) for row in integral])
    return np.diff(sums) * (count / steps)


def by_rank(x: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return `x` (P, C) with the k-th smallest value of each column in the place of the k-th of `quantiles` (C, Q).

    Equal values rank in the order of their places.
    """
    matched = np.empty_like(x)
    if not x.size:
        return matched
    order = np.argsort(x, axis=0, kind="stable")
    np.put_along_axis(matched, order, resample(quantiles, len(x)).T.astype(x.dtype), axis=0)
    return matched
