"""What is particular to ReLU: the kink, signed zeros, infinities and NaN."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import ReLU


def test_cs231n_values():
    """The values that CS231n publishes for `relu_forward`, to their eight places."""
    y, _ = ReLU().forward(np.linspace(-0.5, 0.5, num=12).reshape(3, 4))
    published = [[0, 0, 0, 0], [0, 0, 0.04545455, 0.13636364], [0.22727273, 0.31818182, 0.40909091, 0.5]]
    np.testing.assert_allclose(y, published, rtol=0, atol=6e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_slope_at_zero_is_zero(dtype):
    """At +0 and at -0 nothing passes; the smallest positive number passes, the smallest negative does not."""
    tiny = np.finfo(dtype).smallest_subnormal
    y, saved = ReLU().forward(np.array([0.0, -0.0, tiny, -tiny], dtype))
    dx = ReLU().backward(np.ones(4, dtype), saved)
    assert y.tolist() == [0, 0, tiny, 0]
    assert dx.tolist() == [0, 0, 1, 0] and dx.dtype == y.dtype == dtype


def test_nan_and_infinity_forward():
    """NaN and +inf show in y, while -inf, for which `x * (x > 0)` is NaN, gives 0."""
    y, saved = ReLU().forward(np.array([np.nan, np.inf, -np.inf]))
    np.testing.assert_array_equal(y, [np.nan, np.inf, 0])
    np.testing.assert_array_equal(ReLU().backward(np.ones(3), saved), [0, 1, 0])


def test_an_overflowed_gradient_shows():
    """An infinite gradient passes where the unit is on and is NaN where it is off: never quietly 0."""
    _, saved = ReLU().forward(np.array([1.0, -1.0]))
    with np.errstate(invalid="ignore"):
        dx = ReLU().backward(np.array([-np.inf, np.inf]), saved)
    np.testing.assert_array_equal(dx, [-np.inf, np.nan])


def test_saved_is_one_byte_per_number():
    """The mask is bool and shares no memory with the input, which may be dropped or overwritten."""
    x = np.array([[-1.0, 2.0]])
    _, saved = ReLU().forward(x)
    x *= -1
    assert saved.dtype == bool
    np.testing.assert_array_equal(ReLU().backward(np.ones((1, 2)), saved), [[0, 1]])
