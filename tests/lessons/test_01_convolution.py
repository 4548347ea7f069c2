"""The answers to the exercises of lesson 01."""

from __future__ import annotations

import numpy as np
from scipy.signal import convolve2d

from nst.layers import Conv2d, Linear, UpsampleNearest
from tests.tolerances import assert_close


def test_two_small_kernels_are_one_large() -> None:
    """A 3x3 after a 3x3 is the 5x5 whose kernel is their true convolution: 18 weights for the field of 25."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 3, 3))
    x = rng.standard_normal((1, 9, 8, 1))

    def through(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return Conv2d(kernel[..., None, None]).forward(x)[0]

    both = through(through(x, first), second)
    # Σ over u of first[i] x[u + i], then of second[j]: the weight of x[u + k] is the sum over i + j = k.
    assert_close(through(x, convolve2d(first, second)), both, length=25)
    turned = convolve2d(first, second[::-1, ::-1])
    assert np.abs(through(x, turned) - both).max() > 0.1


def test_backward_of_a_stride_spreads_first() -> None:
    """For stride 2: zeros between the entries of dy, then the stride-1 correlation with the turned kernel."""
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.standard_normal((3, 3, 2, 4)), stride=2)
    x = rng.standard_normal((1, 9, 11, 2))
    y, saved = conv.forward(x)
    dy = rng.standard_normal(y.shape)
    spread = np.zeros((1, 2 * y.shape[1] - 1, 2 * y.shape[2] - 1, 4))
    spread[:, ::2, ::2] = dy
    turned = conv.weight[::-1, ::-1].transpose(0, 1, 3, 2)
    dx, _ = Conv2d(turned, padding=2).forward(spread)
    assert_close(dx, conv.backward(dy, saved), length=36)


def test_one_by_one_is_fully_connected() -> None:
    """With every pixel as a row, a 1x1 convolution and all its gradients are those of `Linear`."""
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((5, 3)), rng.standard_normal(3)
    x, dy = rng.standard_normal((2, 4, 6, 5)), rng.standard_normal((2, 4, 6, 3))
    conv, linear = Conv2d(weight[None, None], bias), Linear(weight, bias)
    y, saved = conv.forward(x)
    rows, saved_rows = linear.forward(x.reshape(-1, 5))
    assert_close(y.reshape(-1, 3), rows, length=5)
    assert_close(conv.backward(dy, saved).reshape(-1, 5), linear.backward(dy.reshape(-1, 3), saved_rows))
    grads, expected = conv.gradients(dy, saved), linear.gradients(dy.reshape(-1, 3), saved_rows)
    assert_close(grads["weight"][0, 0], expected["weight"], length=48)
    assert_close(grads["bias"], expected["bias"], length=48)


def test_upsampling_first_leaves_no_checkerboard() -> None:
    """Every pixel away from the border counts 36 times: 4 copies, each under 9 taps."""
    up, conv = UpsampleNearest(2), Conv2d(np.ones((3, 3, 1, 1)), padding=1)
    large, saved_up = up.forward(np.zeros((1, 6, 7, 1)))
    y, saved = conv.forward(large)
    counts = up.backward(conv.backward(np.ones_like(y), saved), saved_up)
    assert np.all(counts[0, 1:-1, 1:-1] == 36)
