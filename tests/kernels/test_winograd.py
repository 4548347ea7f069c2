"""Winograd's convolution: the matrices against the formula, the kernels against the definition, the rounding."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import numpy as np
import pytest

from nst.kernels import cpu, cpu_winograd, memory, reference
from nst.kernels.vectors import SIMD
from nst.kernels.winograd_points import F2, F4, cook_toom

pytestmark = pytest.mark.skipif(SIMD == "plain", reason="this processor's vectors are unknown")

ONE = ((1, 1), (1, 1))
CASES = [  # images, height, width, channels in -> out, padding
    (1, 8, 8, 16, 64, ONE),
    (2, 13, 11, 64, 16, ONE),
    (3, 5, 3, 17, 70, ONE),
    (1, 1, 20, 16, 17, ONE),
    (1, 19, 2, 70, 1, ((1, 1), (0, 2))),
    (1, 3, 41, 2, 3, ((0, 0), (0, 0))),
    (2, 9, 10, 5, 33, ((2, 2), (2, 2))),
    (1, 6, 7, 32, 16, ((2, 0), (0, 1))),
    (1, 4, 4, 16, 16, ((3, 3), (4, 0))),
    (1, 36, 33, 32, 32, ONE),  # enough tiles for the fused way
    (1, 40, 32, 16, 80, ((0, 2), (1, 1))),
    (3, 6, 6, 512, 16, ONE),  # too many channels for it
    (0, 4, 4, 16, 16, ONE),
]
WAYS = [(None, False), (None, True), ("max", True), ("avg", True)]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the relative L2 error."""
    assert actual.shape == expected.shape
    return float(np.linalg.norm(actual - expected) / max(np.linalg.norm(expected), 1e-30))


@pytest.mark.parametrize(
    "matrices", [F4, F2, cook_toom([0.0, 1.0, -1.0, 2.0, -2.0])], ids=["F4", "F2", "textbook"]
)
def test_the_matrices_are_a_correlation(matrices):
    """A^T [(G g G^T) * (B^T d B)] A is the correlation of d with g, to float64's precision."""
    rng = np.random.default_rng(0)
    d, g = rng.standard_normal((matrices.size, matrices.size)), rng.standard_normal((3, 3))
    values = (matrices.weights @ g @ matrices.weights.T) * (matrices.input @ d @ matrices.input.T)
    expected = reference.conv2d_forward(d[None, :, :, None], g[:, :, None, None])[0, :, :, 0]
    np.testing.assert_allclose(matrices.output @ values @ matrices.output.T, expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["F4", "F2"])
@pytest.mark.parametrize("pool, relu", WAYS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_passes_are_the_definition(case, pool, relu, kind):
    """Forward and backward agree with float64, whatever hangs over an edge; the bits with the result's own pixels."""
    n, height, width, c_in, c_out, padding = case
    x, bias = random(n, height, width, c_in), random(c_out)
    weight = random(3, 3, c_in, c_out) / np.float32(3 * c_in**0.5)
    filters = cpu_winograd.Filters(weight, kind)
    definition = reference.prepare(weight.astype(np.float64), padding=padding)
    plain, _ = cpu_winograd.forward(x, filters, bias, padding)
    y, kept = cpu_winograd.forward(x, filters, bias, padding, pool, relu)
    expected, _ = reference.conv2d_relu_forward(x.astype(np.float64), definition, bias, pool, relu)
    assert error(y, expected) < 3e-6
    expected_y, expected_kept = reference.rectify(plain, pool, relu)
    np.testing.assert_allclose(y, expected_y, rtol=1e-6)
    assert kept is None if expected_kept is None else np.array_equal(kept, expected_kept)

    dy = random(*y.shape)
    dx = cpu_winograd.backward_input(dy, filters, x.shape, padding, kept, pool)
    expected = reference.conv2d_relu_backward_input(
        dy.astype(np.float64), kept, definition, x.shape, pool, relu
    )
    assert error(dx, expected) < 3e-6
    into = random(*x.shape)
    found = cpu_winograd.backward_input(dy, filters, x.shape, padding, kept, pool, into)
    assert found is into and error(into, random(*x.shape) + expected) < 3e-6


@pytest.mark.parametrize("channels, limit", [(64, 9e-7), (256, 1.8e-6), (512, 2.55e-6)])
def test_rounding_stays_below_three_times_that_of_a_direct_float32_convolution(channels, limit):
    """Relative L2 error against float64; PyTorch's direct convolution has 3.0e-7, 6.0e-7, 8.5e-7. F2 has no more."""
    x, weight = np.maximum(random(1, 16, 16, channels), 0), random(3, 3, channels, 64)
    expected = reference.conv2d_forward(x.astype(np.float64), weight.astype(np.float64), padding=ONE)
    for kind, bound in (("F4", limit), ("F2", limit / 3)):
        y, _ = cpu_winograd.forward(x, cpu_winograd.Filters(weight, kind), None, ONE)
        assert error(y, expected) < bound


def test_results_do_not_depend_on_the_batch_or_the_number_of_threads(monkeypatch):
    """A picture gives the same numbers, bit for bit, alone or among others, in blocks for one thread or for many."""
    import numba

    x, weight = random(5, 21, 18, 32), random(3, 3, 32, 48)
    filters = cpu_winograd.Filters(weight)
    whole, _ = cpu_winograd.forward(x, filters, None, ONE)
    np.testing.assert_array_equal(cpu_winograd.forward(x[2:3], filters, None, ONE)[0], whole[2:3])
    threads = numba.get_num_threads()
    try:
        for count in (1, 3, 5):  # with 5, there are too few tiles for the fused way
            numba.set_num_threads(min(count, threads))
            monkeypatch.setattr(cpu_winograd, "THREADS", count)
            y, _ = cpu_winograd.forward(x, cpu_winograd.Filters(weight), None, ONE)
            np.testing.assert_array_equal(y, whole)
    finally:
        numba.set_num_threads(threads)


def test_many_tiles_go_through_the_phases_in_parts(monkeypatch):
    """Parts of few tiles, and channels in pieces of which the last is incomplete, give what is computed at once."""
    x, weight = random(1, 21, 18, 200), random(3, 3, 200, 130)
    monkeypatch.setattr(cpu_winograd, "STORED_BELOW", 16)
    whole, _ = cpu_winograd.forward(x, cpu_winograd.Filters(weight), None, ONE)
    monkeypatch.setattr(cpu_winograd, "MANY", 8)
    np.testing.assert_array_equal(cpu_winograd.forward(x, cpu_winograd.Filters(weight), None, ONE)[0], whole)
    expected = reference.conv2d_forward(x.astype(np.float64), weight.astype(np.float64), padding=ONE)
    assert error(whole, expected) < 3e-6


def test_a_copy_of_filters_stands_alone():
    """What was computed of the weights is copied with them: the original may go, and its memory be used again."""
    weight, x = random(3, 3, 64, 64), random(1, 40, 40, 64)
    filters = cpu_winograd.Filters(weight)
    expected, _ = cpu_winograd.forward(x, filters, None, ONE)
    twin = copy.deepcopy(filters)
    del filters
    others = [memory.zeros((36, 64, 64)) for _ in range(3)]
    np.testing.assert_array_equal(cpu_winograd.forward(x, twin, None, ONE)[0], expected)
    assert all((other == 0).all() for other in others)


def test_the_bias_is_the_one_that_is_given():
    """A bias that was changed in place since the last call counts as it is now; one of another length is refused."""
    x, weight, bias = random(1, 12, 12, 32), random(3, 3, 32, 48), np.zeros(48, np.float32)
    filters = cpu.prepare(weight, (1, 1), ONE)
    before, _ = cpu.conv2d_relu_forward(x, filters, bias, relu=False)
    bias += 1
    after, _ = cpu.conv2d_relu_forward(x, filters, bias, relu=False)
    np.testing.assert_allclose(after, before + 1, atol=1e-4)
    with pytest.raises(ValueError, match="bias has the shape"):
        cpu.conv2d_relu_forward(x, filters, bias[:3])


def test_arguments_may_lie_in_memory_as_they_like():
    """Views with other strides are read, and added to, in their own order."""
    x, weight = random(2, 9, 12, 32)[:, ::2, :, ::2], random(16, 16, 3, 3).T
    filters = cpu_winograd.Filters(weight)
    y, _ = cpu_winograd.forward(x, filters, None, ONE)
    assert error(y, reference.conv2d_forward(x.astype(np.float64), weight, None, (1, 1), ONE)) < 3e-6
    dy, into = random(16, 12, 5, 2).T, np.zeros((2, 5, 16, 12), np.float32).transpose(0, 1, 3, 2)
    found = cpu_winograd.backward_input(dy, filters, x.shape, ONE, into=into)
    expected = reference.conv2d_backward_input(dy.astype(np.float64), weight, x.shape, (1, 1), ONE)
    assert found is into and error(into, expected) < 3e-6


def test_small_tiles_serve_small_maps_and_no_tiles_none_at_all():
    """Winograd is chosen where it saves multiplications, in tiles of the size that saves most."""
    suits = cpu_winograd.suits
    assert suits((3, 3, 64, 64), (1, 1), 1, (32, 32)) and suits((3, 3, 16, 16), (1, 1), 1, (2, 2))
    assert not suits((3, 3, 64, 64), (1, 1), 1, (1, 1))
    assert not suits((3, 3, 3, 64), (1, 1), 1, (32, 32)) and not suits((5, 5, 64, 64), (1, 1), 1, (32, 32))
    assert not suits((3, 3, 64, 64), (2, 2), 1, (32, 32)) and not suits((3, 3, 64, 64), (1, 1), 2, (32, 32))
    assert not suits((3, 3, 64, 64), (1, 1), 1, (32, 32), "none")


@pytest.mark.skipif(SIMD != "avx512", reason="this processor has no larger vectors than these")
def test_smaller_vectors_give_the_definition_too():
    """What a processor with AVX2 alone would run passes the tests of both passes, of rounding, strides and batches."""
    chosen = "both_passes or many_tiles or rounding or arguments or batch"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", chosen]
    done = subprocess.run(command, env={**os.environ, "NST_SIMD": "avx2"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
