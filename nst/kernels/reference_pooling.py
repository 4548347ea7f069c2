"""The definition of pooling; see `nst.kernels.reference`."""

from __future__ import annotations

import numpy as np

from nst.kernels.reference_windows import Pair, Sides, crop, pad, padded_shape, taps, window_counts


def max_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's maximum and its tap's number, i * kw + j; the first of equal maxima wins.

    The padding is -inf and never chosen, not even where all pixels are. A NaN in the window is its maximum.
    """
    padded = pad(x, size, stride, padding, out_hw, fill=-np.inf)
    inside = pad(np.ones(x.shape, bool), size, stride, padding, out_hw, fill=False)
    windows = np.stack([padded[where] for _, _, where in taps(size, stride, out_hw)])
    first_inside = np.stack([inside[where] for _, _, where in taps(size, stride, out_hw)]).argmax(axis=0)
    y = windows.max(axis=0)
    return y, np.where(y == -np.inf, first_inside, windows.argmax(axis=0))


def max_pool_backward(
    dy: np.ndarray, argmax: np.ndarray, input_shape: tuple[int, ...], size: Pair, stride: Pair, padding: Sides
) -> np.ndarray:
    """Return the gradient of the input: dy goes to the tap that won, and adds up where windows overlap."""
    out_hw = dy.shape[1:3]
    padded = np.zeros(padded_shape(input_shape, size, stride, padding, out_hw), dy.dtype)
    for i, j, where in taps(size, stride, out_hw):
        padded[where] += np.where(argmax == i * size[1] + j, dy, 0)
    return crop(padded, input_shape, padding)


def avg_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair, count_include_pad: bool = False
) -> np.ndarray:
    """Return each window's sum, the padding being zeros, divided by `window_counts`."""
    padded = pad(x, size, stride, padding, out_hw)
    y = np.zeros((len(x), *out_hw, x.shape[3]), x.dtype)
    for _, _, where in taps(size, stride, out_hw):
        y += padded[where]
    y /= window_counts(x.shape, size, stride, padding, out_hw, count_include_pad)
    return y


def avg_pool_backward(
    dy: np.ndarray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool = False,
) -> np.ndarray:
    """Return the gradient of the input: every tap of a window receives dy / count."""
    out_hw = dy.shape[1:3]
    counts = window_counts(input_shape, size, stride, padding, out_hw, count_include_pad)
    share = dy / counts.astype(dy.dtype)
    padded = np.zeros(padded_shape(input_shape, size, stride, padding, out_hw), dy.dtype)
    for _, _, where in taps(size, stride, out_hw):
        padded[where] += share
    return crop(padded, input_shape, padding)
