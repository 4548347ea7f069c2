"""Inner products in float64."""

from __future__ import annotations

import numpy as np

BLOCK = 8192  # values converted at once: both blocks stay in the nearest cache


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product of two arrays of one shape, in float64 without float64 copies of the whole.

    Over the million values of an image, float32 products would leave six digits of a sum whose terms cancel,
    and a line search lives on such differences.
    """
    a, b = a.ravel(), b.ravel()
    total = 0.0
    for start in range(0, a.size, BLOCK):
        block = slice(start, start + BLOCK)
        total += np.dot(a[block].astype(np.float64, copy=False), b[block].astype(np.float64, copy=False))
    return float(total)
