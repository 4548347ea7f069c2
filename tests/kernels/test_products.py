"""Matrix products: shapes that are whole panels and such that are not, either side transposed, layouts."""

from __future__ import annotations

import subprocess
import sys

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
    (8, 300, 64),
    (128, 600, 192),
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


def test_long_sums_round_as_numpys_do():
    """A sum over as many terms as a picture's features has an error near that of NumPy's own product."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((24, 25088), np.float32), rng.standard_normal((25088, 64), np.float32)
    exact = a.astype(np.float64) @ b
    found = np.linalg.norm(cpu.matrix_product(a, b) - exact) / np.linalg.norm(exact)
    assert found < 2 * np.linalg.norm(a @ b - exact) / np.linalg.norm(exact)


GUARDED = """
import ctypes, mmap, numpy as np
from nst.kernels import cpu
for rows, depth, columns in (8, 1024, 64), (13, 1024, 100), (128, 1024, 64), (131, 256, 33):
    size = 4 * rows * depth
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + mmap.PAGESIZE)
    end = np.frombuffer(memory, np.uint8).ctypes.data + pages
    assert not ctypes.CDLL(None).mprotect(ctypes.c_void_p(end), ctypes.c_size_t(mmap.PAGESIZE), 0)
    a = np.frombuffer(memory, np.float32, rows * depth, pages - size).reshape(rows, depth)
    a[:] = 1
    assert (cpu.matrix_product(a, np.ones((depth, columns), np.float32)) == depth).all()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages are protected by a call of Linux")
def test_nothing_behind_the_end_is_read():
    """A matrix may end where the process's memory ends."""
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
