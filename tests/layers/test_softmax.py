"""Softmax against its definition and its corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers.softmax import Softmax


def test_forward_is_the_formula_and_sums_to_one():
    """Moderate scores give exp over the sum of exp along the last axis, for any number of axes."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    y, _ = Softmax().forward(x)
    np.testing.assert_allclose(y, np.exp(x) / np.exp(x).sum(-1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-14)


def test_large_scores_neither_overflow_nor_matter_by_their_level():
    """Scores of 10000 are as good as scores of 0: only differences count."""
    x = np.random.default_rng(1).normal(size=(4, 5))
    np.testing.assert_allclose(Softmax().forward(x + 1e4)[0], Softmax().forward(x)[0], rtol=1e-10)
    assert np.isfinite(Softmax().forward(np.float32([[1e30, -1e30, 0]]))[0]).all()


def test_the_jacobian_is_p_times_delta_minus_p():
    """Backward of each unit vector is a row of p_i (delta_ik - p_k)."""
    p, saved = Softmax().forward(np.random.default_rng(2).normal(size=(1, 6)))
    rows = [Softmax().backward(unit[None], saved)[0] for unit in np.eye(6)]
    np.testing.assert_allclose(rows, np.diag(p[0]) - np.outer(p[0], p[0]), atol=1e-16)


def test_backward_is_the_slope():
    """Along a random direction the central difference of <dy, y> is <dx, v>."""
    x, dy, v = np.random.default_rng(3).normal(size=(3, 2, 3, 5))
    layer, h = Softmax(), 1e-5
    slope = (dy * (layer.forward(x + h * v)[0] - layer.forward(x - h * v)[0])).sum() / (2 * h)
    np.testing.assert_allclose((layer.backward(dy, layer.forward(x)[1]) * v).sum(), slope, rtol=1e-8)


def test_scores_of_minus_infinity():
    """-inf beside a finite score is probability 0; a row of nothing else is NaN, without a warning."""
    y, _ = Softmax().forward(np.array([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf]]))
    np.testing.assert_array_equal(y, [[0.5, 0, 0.5], [np.nan, np.nan, np.nan]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_empty_batches(dtype):
    """The dtype stays, and no rows give no rows."""
    y, saved = Softmax().forward(np.zeros((0, 5), dtype))
    assert y.dtype == dtype and Softmax().backward(y, saved).shape == (0, 5)
