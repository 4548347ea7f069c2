"""What is asked of whole arrays: inner products, the largest number, whether all are finite."""

from __future__ import annotations

import math

import numpy as np

from nst import kernels


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product of two arrays of one shape, in float64 without float64 copies of the whole.

    Over the million values of an image, float32 products would leave six digits of a sum whose terms cancel,
    and a line search lives on such differences.
    """
    return float(kernels.of(a).dot(a, b))


def dots(*pairs: tuple[np.ndarray, np.ndarray]) -> list[float]:
    """Return the inner products of several pairs: a card is asked for all before the first is waited for."""
    return list(map(float, [kernels.of(a).dot(a, b) for a, b in pairs]))


def largest(a: np.ndarray) -> float:
    """Return the largest magnitude in an array, 0 if it is empty, and NaN if it holds one."""
    return float(max(a.max(initial=0), -a.min(initial=0)))


def finite(a: np.ndarray) -> bool:
    """Tell whether an array holds neither NaN nor infinity: nearly always, its sum of squares says so."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(dot(a, a)) or math.isfinite(largest(a))
