"""What is asked of whole arrays; inner products themselves are tested with the kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.optimizers.dot import dot, finite, largest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inner_products_have_float64_digits(dtype):
    """Terms that cancel leave the exact difference, which a float32 sum would not."""
    a = np.array([3e4, 1, 3e4, -1e-3], dtype)
    b = np.array([3e4, 1, -3e4, 1], dtype)
    assert dot(a, b) == pytest.approx(
        math.fsum(float(p) * float(q) for p, q in zip(a, b, strict=True)), rel=1e-7
    )


def test_the_largest_magnitude():
    """Negative numbers count by their size, nothing is 0, and NaN is not hidden."""
    assert largest(np.array([1.0, -3, 2])) == 3
    assert largest(np.zeros((0, 3))) == 0
    assert math.isnan(largest(np.array([1, np.nan])))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite(dtype):
    """NaN and infinities of either sign are found wherever they are; squares that overflow are not taken for them."""
    a = np.ones((3, 50), dtype)
    assert finite(a) and finite(a * np.finfo(dtype).max) and finite(a[:0])
    for bad in (np.nan, np.inf, -np.inf):
        b = a.copy()
        b[1, 7] = bad
        assert not finite(b)
