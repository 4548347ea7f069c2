"""Values by rank: by hand, the fast kernel against its definition, sums kept."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cpu, reference
from nst.kernels.reference_ranks import resample


def test_by_hand():
    """The smallest value gets the smallest quantile, and of two equal ones the first is the smaller."""
    x = np.array([[3.0], [-1.0], [3.0], [0.0]])
    np.testing.assert_array_equal(
        reference.by_rank(x, np.array([[10.0, 20, 30, 40]])), [[30], [10], [40], [20]]
    )


@pytest.mark.parametrize("count", [1, 3, 7, 8, 1000])
def test_another_number_of_steps_keeps_the_mean(count):
    """Each step is the mean of those that it covers, so the mean of all stays, and so does their order."""
    quantiles = np.sort(np.random.default_rng(0).normal(size=(3, 7)))
    steps = resample(quantiles, count)
    assert steps.shape == (3, count)
    np.testing.assert_allclose(steps.mean(axis=1), quantiles.mean(axis=1), atol=1e-12)
    assert (np.diff(steps) >= -1e-12).all()


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (1000, 16), (777, 17), (0, 3), (4, 0)])
@pytest.mark.parametrize("steps", [1, 5, 1000])
def test_the_fast_kernel_agrees(shape, steps):
    """Negative, equal and large values too."""
    rng = np.random.default_rng(1)
    x = (100 * rng.standard_normal(shape)).astype(np.float32)
    np.maximum(x, -20, out=x)  # a fifth of them equal
    quantiles = np.sort(rng.standard_normal((shape[1], steps))).astype(np.float32)
    np.testing.assert_allclose(cpu.by_rank(x, quantiles), reference.by_rank(x, quantiles), atol=2e-6)


def test_the_input_stays_and_may_be_a_slice():
    """Read-only columns of a larger array are ranked like a copy, and not changed."""
    x = np.random.default_rng(2).standard_normal((50, 40), np.float32)
    x.flags.writeable = False
    quantiles = np.arange(20 * 50, dtype=np.float32).reshape(20, 50)
    found = cpu.by_rank(x[:, ::2], quantiles)
    np.testing.assert_array_equal(found, reference.by_rank(x[:, ::2].copy(), quantiles))
    assert not np.shares_memory(found, x)
