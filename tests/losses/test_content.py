"""The content loss by hand, by its slope, and at the size of real features."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.losses import content_loss


def test_by_hand():
    """Differences 1, -2, 0, 3 have the mean square 14/4 and the gradient half of each."""
    value, gradient = content_loss(np.array([1.0, 2, 3, 4]), np.array([0.0, 4, 3, 1]))
    assert value == 3.5
    np.testing.assert_array_equal(gradient, [0.5, -1, 0, 1.5])


def test_gradient_is_the_slope():
    """The loss is quadratic, so the central difference along a random direction is exact."""
    f, p, v = np.random.default_rng(0).normal(size=(3, 1, 4, 5, 6))
    slope = (content_loss(f + v, p)[0] - content_loss(f - v, p)[0]) / 2
    assert (content_loss(f, p)[1] * v).sum() == pytest.approx(slope, rel=1e-12)


def test_float32_sums_run_in_float64():
    """Four million float32 squares of 0.1 have the mean 0.01 to float32 precision, and dtypes stay."""
    f = np.full((1, 256, 256, 64), 0.1, np.float32)
    value, gradient = content_loss(f, np.zeros_like(f))
    assert value == pytest.approx(0.01, rel=1e-6)
    assert gradient.dtype == np.float32


def test_inputs_stay_as_they_are():
    """Read-only, strided inputs are neither changed nor returned."""
    f, p = np.random.default_rng(1).normal(size=(2, 1, 8, 5, 6))
    f, p = f[:, ::-2], p[:, ::2]
    for array in (f, p):
        array.flags.writeable = False
    value, gradient = content_loss(f, p)
    assert value == pytest.approx(np.mean((f - p) ** 2))
    assert not np.shares_memory(gradient, f) and gradient.flags.writeable


def test_shapes_must_agree_and_may_be_empty():
    """A target that would only broadcast is refused; no features cost nothing."""
    with pytest.raises(NstError, match=r"\(1, 4, 4, 2\) do not fit"):
        content_loss(np.zeros((1, 4, 4, 2)), np.zeros((1, 1, 1, 2)))
    assert content_loss(np.zeros((0, 4)), np.zeros((0, 4)))[0] == 0
