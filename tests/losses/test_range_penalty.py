"""The range penalty: by hand, by slope, and nothing inside the range."""

from __future__ import annotations

import numpy as np
import pytest

from nst.losses import range_penalty


def test_by_hand():
    """Overshoots -10, 0, 0, 5 have the mean square 125/4 and the gradient half of each."""
    value, gradient = range_penalty(np.array([-10.0, 0, 255, 260]))
    assert value == 31.25
    np.testing.assert_array_equal(gradient, [-5, 0, 0, 2.5])


def test_nothing_inside_the_range():
    """Pixels in range, its ends included, cost nothing and feel nothing."""
    value, gradient = range_penalty(np.linspace(0, 255, 50, dtype=np.float32))
    assert value == 0 and not gradient.any() and gradient.dtype == np.float32


def test_gradient_is_the_slope():
    """Away from the two kinks the central difference along a random direction agrees."""
    x, v = np.random.default_rng(0).normal(size=(2, 1, 6, 5, 3))
    x[np.abs(np.abs(x) - 0.5) < 0.01] = 0
    h = 1e-3 / np.abs(v).max()
    slope = (range_penalty(x + h * v, -0.5, 0.5)[0] - range_penalty(x - h * v, -0.5, 0.5)[0]) / (2 * h)
    assert (range_penalty(x, -0.5, 0.5)[1] * v).sum() == pytest.approx(slope, rel=1e-9)


def test_limits_out_of_numpy_keep_the_dtype():
    """Limits that are NumPy's float64 scalars leave a float32 gradient float32."""
    assert range_penalty(np.ones(3, np.float32), np.float64(0), np.float64(0.5))[1].dtype == np.float32


def test_a_pixel_that_is_no_number_is_not_hidden():
    """NaN stays NaN instead of passing as in range."""
    assert np.isnan(range_penalty(np.array([np.nan, 1.0]))[0])


def test_no_pixels_cost_nothing():
    """An empty picture has the value 0."""
    assert range_penalty(np.zeros((0, 4, 4, 3)))[0] == 0
