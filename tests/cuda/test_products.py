"""Matrix products, Gram matrices and the assembly's few instructions of our own, on a card or in numba's simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from nst.kernels import reference
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import Kernel
from nst.kernels.cuda_intrinsics import multiply_tf32, pack_bf16, round_tf32
from nst.kernels.cuda_products import gram_sum, matrix_product
from tests.cuda.precisions import on_this_card
from tests.tolerances import assert_close


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("sizes", [(7, 9, 20), (33, 4, 5), (1, 40, 3)], ids=str)
def test_products_are_the_reference(sizes, transpose_a, transpose_b):
    """A B for either of them transposed, of sizes that no tile fits."""
    rows, depth, columns = sizes
    rng = np.random.default_rng(1)
    a = rng.standard_normal((depth, rows) if transpose_a else (rows, depth), np.float32)
    b = rng.standard_normal((columns, depth) if transpose_b else (depth, columns), np.float32)
    how = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    found = matrix_product(put(a), put(b), **how)
    assert_close(to_host(found), reference.matrix_product(a, b, **how), length=depth)


@pytest.mark.parametrize("shape", [(50, 6), (37, 20)])
def test_gram_matrices_repeat_to_the_bit(shape):
    """F^T F is the definition's, and the same numbers whenever it is made, though its sums are made in parts."""
    features = np.random.default_rng(2).standard_normal(shape, np.float32)
    found = to_host(gram_sum(put(features)))
    assert_close(found, reference.gram_sum(features), length=shape[0])
    np.testing.assert_array_equal(found, to_host(gram_sum(put(features))))


def test_no_product_of_shapes_that_do_not_fit():
    """Sizes that differ are a ValueError."""
    with pytest.raises(ValueError, match="no product"):
        matrix_product(DeviceArray((2, 3)), DeviceArray((4, 5)))


def tile_of_a_warp(a, b, c, found):
    """Multiply 16x8 by four of 8x8 as the PTX manual lays it out."""
    g, t = cuda.threadIdx.x // 4, cuda.threadIdx.x % 4
    of_b = cuda.local.array(8, np.uint32)
    sums = cuda.local.array(16, np.float32)
    of_a = (
        round_tf32(a[g * 8 + t]),
        round_tf32(a[(g + 8) * 8 + t]),
        round_tf32(a[g * 8 + t + 4]),
        round_tf32(a[(g + 8) * 8 + t + 4]),
    )
    here = g * 8 + 2 * t
    for j in range(4):
        of_b[j], of_b[4 + j] = round_tf32(b[64 * j + t * 8 + g]), round_tf32(b[64 * j + (t + 4) * 8 + g])
        for k in range(4):
            sums[j + 4 * k] = c[128 * j + here + k // 2 * 64 + k % 2]
    multiply_tf32(of_a, of_b, sums, 0)
    for j in range(4):
        for k in range(4):
            found[128 * j + here + k // 2 * 64 + k % 2] = sums[j + 4 * k]


def test_four_products_of_the_tensor_cores():
    """A B + C of whole numbers is exact, for four B; a warp's 32 threads have it between them."""
    on_this_card("tf32")
    rng = np.random.default_rng(3)
    a, b, c = (rng.integers(-9, 9, shape).astype(np.float32) for shape in ((16, 8), (4, 8, 8), (4, 16, 8)))
    arrays = [put(array) for array in (a, b, c)] + [DeviceArray(c.shape)]
    kernel = Kernel(tile_of_a_warp, "void(f4[::1], f4[::1], f4[::1], f4[::1])")
    kernel[1, 32](*(array.data for array in arrays))
    np.testing.assert_array_equal(to_host(arrays[-1]), a @ b + c)


def halves(x, found):
    """Pack two numbers."""
    found[0] = pack_bf16(x[0], x[1])


def test_two_numbers_in_a_word():
    """The first of a pair of bfloat16 has the lower half of the word."""
    on_this_card("bf16")
    pair, found = put(np.array([1, -2], np.float32)), DeviceArray((1,), np.uint32)
    Kernel(halves, "void(f4[::1], u4[::1])")[1, 1](pair.data, found.data)
    assert to_host(found)[0] == 0xC0003F80
