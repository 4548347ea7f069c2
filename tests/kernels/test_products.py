"""Matrix products: shapes that are whole panels and such that are not, either side transposed, layouts."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cpu, reference
from tests.tolerances import assert_close

SHAPES = [
    (1, 1, 1),
    (1, 300, 70),
    (5, 3, 2),
    (6, 64, 64),
    (13, 65, 130),
    (128, 37, 10),
    (200, 1100, 33),
    (3, 0, 4),
]


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("rows, depth, columns", SHAPES + [(0, 3, 4), (4, 3, 0)])
def test_products_are_the_reference(rows, depth, columns, transpose_a, transpose_b):
    """A B agrees with the definition in float64 to float32's precision, transposed or not."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((depth, rows) if transpose_a else (rows, depth), np.float32)
    b = rng.standard_normal((columns, depth) if transpose_b else (depth, columns), np.float32)
    how = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    found = cpu.matrix_product(a, b, **how)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert_close(found, reference.matrix_product(a.astype(np.float64), b, **how), length=depth)


def test_products_take_any_layout():
    """Views with gaps, transposed and read-only arrays give the bytes that a plain copy gives."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((20, 30), np.float32), rng.standard_normal((30, 40), np.float32)
    plain = cpu.matrix_product(a, b)
    gaps = np.repeat(a, 2, axis=0)[::2], np.repeat(b, 2, axis=1)[:, ::2]
    for array in gaps:
        array.flags.writeable = False
    np.testing.assert_array_equal(cpu.matrix_product(*gaps), plain)
    turned = np.asfortranarray(a), np.asfortranarray(b)
    np.testing.assert_array_equal(cpu.matrix_product(*turned), plain)
