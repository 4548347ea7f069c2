"""Direct convolution, its input gradient and products: rounding, cutting into blocks, any number of threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from nst.kernels import cpu, cpu_columns, cpu_direct, cpu_products, reference
from tests.tolerances import assert_close

ONE = ((1, 1), (1, 1))
TWO = ((2, 2), (2, 2))
NONE = ((0, 0), (0, 0))

LAYERS = [  # image (N, H, W), channels in -> out, kernel, stride, padding, groups
    ((1, 40, 41), 3, 64, 3, 1, ONE, 1),  # VGG's first
    ((1, 33, 20), 64, 64, 1, 1, NONE, 1),
    ((1, 27, 27), 96, 256, 5, 1, TWO, 2),  # AlexNet's second
    ((1, 37, 36), 3, 64, 7, 2, ((3, 3), (3, 3)), 1),
    ((1, 63, 63), 3, 96, 11, 4, NONE, 1),  # AlexNet's first
    ((3, 9, 7), 128, 130, 3, 2, ONE, 1),
    ((2, 30, 101), 24, 40, 3, 1, ONE, 2),  # rows longer than a block
    ((1, 4, 301), 24, 17, 5, 2, TWO, 1),
    ((40, 2, 2), 48, 64, 3, 1, ONE, 1),  # blocks that reach over pictures
]


def layer(case, dtype=np.float32):
    """Return x, weight, dy and the arguments that follow the weight."""
    shape, c_in, c_out, k, stride, padding, groups = case
    rng = np.random.default_rng(5)
    x = rng.standard_normal((*shape, c_in)).astype(dtype)
    weight = rng.standard_normal((k, k, c_in // groups, c_out)).astype(dtype)
    how = (stride, stride), padding, groups
    out_shape = reference.Filters(weight, *how).output_shape(x.shape)
    return x, weight, rng.standard_normal(out_shape).astype(dtype), how


def rounding(length: int) -> float:
    """Return how far a float32 sum of `length` random terms strays, relative to its size, in the root mean square.

    Of the terms with variance 1, the partial sum after m has variance m. Each addition rounds by at most u = 2^-24 of
    the sum and, evenly spread, by u / sqrt(3) in the root mean square. Independent roundings add up to the variance
    u^2 / 3 (1 + 2 + ... + n) = u^2 n^2 / 6, against n of the sum itself: u sqrt(n / 6).
    """
    return 2.0**-24 * ((length + 3) / 6) ** 0.5  # a bias and small sums have a few roundings more


def error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("case", [case for case in LAYERS if case[4:6] != (1, ONE)], ids=str)
def test_rounding_is_that_of_one_float32_sum(case):
    """Both passes are as near to float64 as single sums of random terms can be, which is where PyTorch's are, too."""
    x, weight, dy, how = layer(case)
    x64, weight64, dy64 = (array.astype(np.float64) for array in (x, weight, dy))
    y = cpu.conv2d_forward(x, weight, None, *how)
    assert error(y, reference.conv2d_forward(x64, weight64, None, *how)) < rounding(weight[..., 0].size)
    dx = cpu.conv2d_backward_input(dy, weight, x.shape, *how)
    expected = reference.conv2d_backward_input(dy64, weight64, x.shape, *how)
    assert error(dx, expected) < rounding(weight[:, :, 0].size // how[2])


@pytest.mark.parametrize("depth", [100, 700, 4000])
def test_long_products_are_summed_in_parts(depth):
    """Sums of more than 256 terms are made of parts: their rounding grows with the parts, not with all terms."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((30, depth), np.float32), rng.standard_normal((depth, 70), np.float32)
    parts = -(-depth // 256)
    bound = (rounding(min(depth, 256)) ** 2 + rounding(parts) ** 2) ** 0.5
    assert error(cpu.matrix_product(a, b), a.astype(np.float64) @ b) < bound


@pytest.mark.parametrize("pool, relu", [("max", True), ("avg", True), (None, True), (None, False)])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_any_cut_is_the_reference(case, pool, relu):
    """Blocks that end anywhere, a mask or a pooling in between: the definition's numbers, also added to others."""
    x, weight, _, how = layer(case)
    filters, filters64 = cpu.prepare(weight, *how), reference.prepare(weight.astype(np.float64), *how)
    y, kept = cpu.conv2d_relu_forward(x, filters, None, pool, relu)
    expected = reference.conv2d_relu_forward(x.astype(np.float64), filters64, None, pool, relu)[0]
    assert_close(y, expected, length=weight[..., 0].size)
    dy = np.random.default_rng(6).standard_normal(y.shape, np.float32)
    expected = 1 + reference.conv2d_relu_backward_input(
        dy.astype(np.float64), kept, filters64, x.shape, pool, relu
    )
    for into in (np.ones_like(x), np.ones((*x.shape[:3], 2 * x.shape[3]), np.float32)[..., ::2]):
        found = cpu.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool, relu, into=into)
        assert found is into
        assert_close(into, expected, length=weight[:, :, 0].size // how[2])


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_one_thread_gives_the_bytes_of_many(case, monkeypatch):
    """Who computes a block, and how large it is, changes no byte of it."""
    x, weight, dy, how = layer(case)
    features = x.reshape(-1, x.shape[3])
    results, before = [], numba.get_num_threads()
    for count in (1, 2, 5):
        numba.set_num_threads(min(count, before))
        for module in (cpu_columns, cpu_direct, cpu_products):
            monkeypatch.setattr(module, "THREADS", count)
        results.append(
            [
                cpu.conv2d_forward(x, weight, None, *how),
                cpu.conv2d_backward_input(dy, weight, x.shape, *how),
                cpu.gram_sum(features),
                cpu.matrix_product(features, features, transpose_b=True),
            ]
        )
    numba.set_num_threads(before)
    for one, *others in zip(*results, strict=True):
        assert all(other.tobytes() == one.tobytes() for other in others)
