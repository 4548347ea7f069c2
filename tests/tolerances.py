"""How close is close: every tolerance of the suite, by dtype and by the length of the longest sum.

A sum of `n` rounded terms strays from the exact one by about `sqrt(n) * eps` of the size of its terms when
the roundings are independent, and the dtype of the arithmetic decides `eps`. A test names the sum, not a
number.
"""

from __future__ import annotations

import numpy as np

from nst.checks import LAYER_LIMIT, OBJECTIVE_LIMIT

__all__ = ["ADJOINT", "LAYER_LIMIT", "OBJECTIVE_LIMIT", "assert_close", "tolerance"]

ADJOINT = 1e-12
"""<Ax, y> against <x, A'y> in float64: two sums of a few hundred terms."""

SAFETY = 8.0
"""How many independent sums in a row a layer may make (a mean, a variance, a product, a power)."""


def tolerance(dtype: np.dtype | type, length: int = 1) -> float:
    """Return the relative error to be expected of sums of `length` terms made in `dtype`."""
    return SAFETY * float(np.finfo(dtype).eps) * max(length, 1) ** 0.5


def assert_close(
    actual: np.ndarray, expected: np.ndarray, *, length: int = 1, dtype: np.dtype | type | None = None
) -> None:
    """Assert that `actual` is `expected` to within the rounding of sums of `length` terms.

    The error is measured against the largest entry of `expected`, because cancellation makes the small
    entries of a sum no more precise than the large ones. `dtype` is the arithmetic's, by default that of
    `actual`.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    if not actual.size:
        return
    scale = float(np.max(np.abs(expected)))
    error = float(np.max(np.abs(actual.astype(np.float64) - expected)))
    bound = tolerance(dtype or actual.dtype, length) * scale
    assert error <= bound, f"error {error:.3g} above {bound:.3g} ({length} terms, largest entry {scale:.3g})"
