"""The fast normalisation and rectification against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cpu, reference
from tests.tolerances import assert_close

# (groups, places, channels): one place, a block's edge in both directions, several groups, nothing at all
SHAPES = [
    (1, 1, 1),
    (2, 3, 5),
    (1, 128, 16),
    (1, 129, 255),
    (3, 300, 257),
    (1, 1000, 64),
    (2, 0, 4),
    (0, 3, 4),
]


def arrays(shape: tuple[int, int, int], mean: float = 3.0):
    """Return x, dy (G, P, C) and gamma, beta (C,), float32."""
    rng = np.random.default_rng(sum(shape))
    x, dy = rng.standard_normal((2, *shape), np.float32)
    return x + np.float32(mean), dy, *rng.standard_normal((2, shape[2]), np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moments_are_the_definition(shape):
    """Mean and variance agree with those of the definition in float64, and are float64."""
    x, *_ = arrays(shape)
    for found, expected in zip(cpu.moments(x), reference.moments(x.astype(np.float64)), strict=True):
        assert found.dtype == np.float64
        assert_close(found, expected, length=shape[1], dtype=np.float32)


@pytest.mark.parametrize("mean", [100, 10_000, -300_000])
def test_a_large_mean_costs_the_variance_nothing(mean):
    """The variance of values around a large mean, as float32 holds them, is right to five digits."""
    x, *_ = arrays((2, 3000, 3), mean)
    np.testing.assert_allclose(cpu.moments(x)[1], x.astype(np.float64).var(1, keepdims=True), rtol=1e-5)


def test_one_value_far_from_all_others_costs_the_variance_little():
    """Where the first value of a block, around which it is summed, is far from all others, four digits stay."""
    x, *_ = arrays((1, 500, 3), mean=0)
    x[:, ::128] = 1e5
    np.testing.assert_allclose(cpu.moments(x)[1], x.astype(np.float64).var(1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_normalising_is_the_definition_forwards_and_backwards(shape, affine):
    """The output, the two sums and the gradient agree with the definition's in float64, with and without gamma."""
    x, dy, gamma, beta = arrays(shape)
    gamma, beta = (gamma, beta) if affine else (None, None)
    mu, variance = reference.moments(x.astype(np.float64))
    inv_sigma = 1 / np.sqrt(variance + 1e-5)
    results = []
    for module, dtype in ((cpu, np.float32), (reference, np.float64)):
        a, d, r = (array.astype(dtype) for array in (x, dy, inv_sigma))
        sums = module.normalise_sums(d, a, mu, r)
        y = module.normalise(a, mu, r, gamma, beta)
        results.append([y, *sums, module.normalise_backward(d, a, mu, r, gamma, sums)])
    assert results[0][0].dtype == results[0][3].dtype == np.float32
    for found, expected in zip(*results, strict=True):
        assert_close(found, expected, length=10 * shape[1], dtype=np.float32)


@pytest.mark.parametrize("size", [0, 1, 17, 40_000])
def test_rectifying_is_the_definition_to_the_bit(size):
    """max(x, 0), the mask and the gradient, with zeros of both signs, infinities and NaN among the values."""
    rng = np.random.default_rng(size)
    x, dy = rng.standard_normal((2, size), np.float32)
    x[rng.random(size) < 0.2] = rng.choice(np.float32([0, -0.0, np.inf, -np.inf, np.nan]))
    y, mask = cpu.relu_forward(x)
    expected, on = reference.relu_forward(x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(mask, on)
    assert mask.dtype == bool
    np.testing.assert_array_equal(cpu.relu_backward(dy, mask), reference.relu_backward(dy, mask))


def test_what_is_strided_or_read_only_will_do():
    """Arrays that are views with gaps, or that may not be written, give the same as contiguous ones."""
    x, dy, gamma, beta = arrays((2, 40, 6))
    wide = np.repeat(x, 2, axis=2)
    wide.flags.writeable = False
    view = wide[..., ::2]
    for found, expected in zip(cpu.moments(view), cpu.moments(x), strict=True):
        np.testing.assert_array_equal(found, expected)
    mu, r = np.zeros((2, 1, 6)), np.ones((2, 1, 6), np.float32)
    np.testing.assert_array_equal(
        cpu.normalise(view, mu, r, gamma, beta), cpu.normalise(x, mu, r, gamma, beta)
    )
    for found, expected in zip(
        cpu.normalise_sums(dy, view, mu, r), cpu.normalise_sums(dy, x, mu, r), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cpu.relu_forward(view)[0], cpu.relu_forward(x)[0])
