"""The inner product: float64 digits from float32 arrays of any layout, the same bits each time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.optimizers.dot import BLOCK, dot


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 17])
def test_float32_arrays_give_float64_digits(size):
    """The result is the exact sum of exact products to 1e-14 of the norms, although terms cancel."""
    a, b = np.random.default_rng(size).normal(size=(2, size)).astype(np.float32)
    exact = math.fsum(float(p) * float(q) for p, q in zip(a, b, strict=True))
    assert dot(a, b) == pytest.approx(exact, abs=1e-14 * math.sqrt(a @ a) * math.sqrt(b @ b))


def test_layout_and_place_in_memory_do_not_matter():
    """Strided, shaped and oddly aligned copies give the same bits, as resuming from a file needs."""
    a, b = np.random.default_rng(0).normal(size=(2, 1, 40, 500, 3)).astype(np.float32)
    expected = dot(a, b)
    assert dot(a.ravel(), np.asfortranarray(b)) != 0 and dot(a, np.asfortranarray(b)) == expected
    for shift in range(1, 9):
        memory = np.empty(a.size + shift, np.float32)
        memory[shift:] = a.ravel()
        assert dot(memory[shift:], b) == expected
