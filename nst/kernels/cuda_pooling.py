"""Pooling on a card; see `nst.kernels.reference_pooling`.

Forward, a thread looks at one window of one channel. Backward, it looks at one number of the input, and at the windows
that cover it: to let each window add to its pixels would be a race where windows overlap.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from nst.kernels.cuda_array import DeviceArray
from nst.kernels.cuda_device import kernel
from nst.kernels.reference_windows import Pair, Sides

ZERO = np.float32(0)
INFINITY = np.float32(np.inf)


@kernel("void(f4[::1], f4[::1], u1[::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8)")
def _largest(x, y, taps, height, width, channels, out_height, out_width, kh, kw, sh, sw, top, left, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        window = i // channels
        column = window % out_width * sw - left
        row = window // out_width % out_height * sh - top
        n = window // (out_width * out_height)
        best = -INFINITY
        found = -1
        for a in range(max(0, -row), min(kh, height - row)):
            for b in range(max(0, -column), min(kw, width - column)):
                value = x[((n * height + row + a) * width + column + b) * channels + channel]
                if found < 0 or value > best or (value != value and best == best):
                    best = value
                    found = a * kw + b
        y[i] = best
        taps[i] = found


def max_pool_forward(
    x: DeviceArray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair
) -> tuple[DeviceArray, DeviceArray]:
    """Return each window's maximum and its tap's number, i * kw + j, a byte; the first of equal maxima wins."""
    if size[0] * size[1] > 256:
        raise ValueError(f"on the card a window has at most 256 places, and not {size[0]}x{size[1]}")
    shape = (x.shape[0], *out_hw, x.shape[3])
    y, taps = DeviceArray(shape), DeviceArray(shape, np.uint8)
    how = (*x.shape[1:], *out_hw, *size, *stride, padding[0][0], padding[1][0])
    _largest.over(y.size, x.data, y.data, taps.data, *how, y.size)
    return y, taps


@kernel("void(f4[::1], u1[::1], f4[::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8)")
def _to_largest(
    dy, taps, dx, height, width, channels, out_height, out_width, kh, kw, sh, sw, top, left, count
):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        pixel = i // channels
        column = pixel % width + left
        row = pixel // width % height + top
        n = pixel // (width * height)
        total = ZERO
        for a in range(max(0, (row - kh) // sh + 1), min(out_height, row // sh + 1)):
            for b in range(max(0, (column - kw) // sw + 1), min(out_width, column // sw + 1)):
                at = ((n * out_height + a) * out_width + b) * channels + channel
                if taps[at] == (row - a * sh) * kw + column - b * sw:
                    total += dy[at]
        dx[i] = total


def max_pool_backward(
    dy: DeviceArray,
    argmax: DeviceArray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
) -> DeviceArray:
    """Return the gradient of the input: dy goes to the tap that won, and adds up where windows overlap."""
    dx = DeviceArray(input_shape)
    how = (*input_shape[1:], *dy.shape[1:3], *size, *stride, padding[0][0], padding[1][0])
    _to_largest.over(dx.size, dy.data, argmax.data, dx.data, *how, dx.size)
    return dx


@kernel("void(f4[::1], f4[::1], UniTuple(i8, 15), i8)")
def _mean(x, y, shape, count):
    height, width, channels, out_height, out_width, kh, kw, sh, sw, top, left, up, down, before, after = shape
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        window = i // channels
        column = window % out_width * sw - left
        row = window // out_width % out_height * sh - top
        n = window // (out_width * out_height)
        total = ZERO
        for a in range(max(0, -row), min(kh, height - row)):
            for b in range(max(0, -column), min(kw, width - column)):
                total += x[((n * height + row + a) * width + column + b) * channels + channel]
        rows = min(row + kh, height + down) - max(row, -up)
        columns = min(column + kw, width + after) - max(column, -before)
        y[i] = total / np.float32(rows * columns)


def avg_pool_forward(
    x: DeviceArray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair, count_include_pad: bool = False
) -> DeviceArray:
    """Return each window's sum, the padding being zeros, divided by the number of places that count."""
    y = DeviceArray((x.shape[0], *out_hw, x.shape[3]))
    how = *x.shape[1:], *out_hw, *size, *stride, padding[0][0], padding[1][0]
    _mean.over(y.size, x.data, y.data, (*how, *_counting(padding, count_include_pad)), y.size)
    return y


@kernel("void(f4[::1], f4[::1], UniTuple(i8, 15), i8)")
def _shares(dy, dx, shape, count):
    height, width, channels, out_height, out_width, kh, kw, sh, sw, top, left, up, down, before, after = shape
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        pixel = i // channels
        column = pixel % width + left
        row = pixel // width % height + top
        n = pixel // (width * height)
        total = ZERO
        for a in range(max(0, (row - kh) // sh + 1), min(out_height, row // sh + 1)):
            first = a * sh - top
            rows = min(first + kh, height + down) - max(first, -up)
            for b in range(max(0, (column - kw) // sw + 1), min(out_width, column // sw + 1)):
                first = b * sw - left
                columns = min(first + kw, width + after) - max(first, -before)
                at = ((n * out_height + a) * out_width + b) * channels + channel
                total += dy[at] / np.float32(rows * columns)
        dx[i] = total


def avg_pool_backward(
    dy: DeviceArray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool = False,
) -> DeviceArray:
    """Return the gradient of the input: every tap of a window receives dy / count."""
    dx = DeviceArray(input_shape)
    how = *input_shape[1:], *dy.shape[1:3], *size, *stride, padding[0][0], padding[1][0]
    _shares.over(dx.size, dy.data, dx.data, (*how, *_counting(padding, count_include_pad)), dx.size)
    return dx


def _counting(padding: Sides, count_include_pad: bool) -> tuple[int, ...]:
    """Return how far beyond the picture places count: above, below, before and behind."""
    return (*padding[0], *padding[1]) if count_include_pad else (0, 0, 0, 0)
