"""Fast pooling on the CPU, parallel over rows forward and over channel blocks backward.

The same functions as in `nst.kernels.reference`. The backward passes add, because windows may overlap; they run in
parallel over images and blocks of channels, which no two windows share.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nst.kernels.compiled import jit
from nst.kernels.threads import one_at_a_time

BLOCK = 16  # channels that one task of a backward pass takes

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


@jit(parallel=True)
def _max_forward(x, kh, kw, sh, sw, top, left, y, argmax):
    images, oh, ow, channels = y.shape
    height, width = x.shape[1:3]
    for task in prange(images * oh):
        n, i = task // oh, task % oh
        for j in range(ow):
            best, where = y[n, i, j], argmax[n, i, j]
            best[:] = -np.inf
            where[:] = 0
            first = True
            for ky in range(kh):
                row = i * sh - top + ky
                if row < 0 or row >= height:
                    continue
                for kx in range(kw):
                    column = j * sw - left + kx
                    if column < 0 or column >= width:
                        continue
                    values = x[n, row, column]
                    index = ky * kw + kx
                    for c in range(channels):
                        # The first pixel is taken whatever it is (a window may hold only -inf); NaN wins and stays.
                        if first or values[c] > best[c] or (values[c] != values[c] and best[c] == best[c]):
                            best[c] = values[c]
                            where[c] = index
                    first = False


@one_at_a_time
def max_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Padding, out_hw: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Return the maxima and their places in the windows; see `nst.kernels.reference.max_pool_forward`."""
    (top, _), (left, _) = padding
    shape = (x.shape[0], *out_hw, x.shape[3])
    argmax = np.empty(shape, np.uint8 if size[0] * size[1] <= 256 else np.int64)
    y = np.empty(shape, x.dtype)
    _max_forward(np.ascontiguousarray(x), *size, *stride, top, left, y, argmax)
    return y, argmax


@jit(parallel=True)
def _max_backward(dy, argmax, kw, sh, sw, top, left, dx):
    images, oh, ow, channels = dy.shape
    blocks = (channels + BLOCK - 1) // BLOCK
    for task in prange(images * blocks):
        n, first = task // blocks, task % blocks * BLOCK
        for i in range(oh):
            for j in range(ow):
                for c in range(first, min(first + BLOCK, channels)):
                    index = np.int64(argmax[n, i, j, c])
                    dx[n, i * sh - top + index // kw, j * sw - left + index % kw, c] += dy[n, i, j, c]


@one_at_a_time
def max_pool_backward(
    dy: np.ndarray,
    argmax: np.ndarray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Padding,
) -> np.ndarray:
    """Return the gradient with respect to the input: each `dy` goes to the pixel that was the maximum."""
    (top, _), (left, _) = padding
    dx = np.zeros(input_shape, dy.dtype)
    _max_backward(np.ascontiguousarray(dy), argmax, size[1], *stride, top, left, dx)
    return dx


@jit
def _window(start, size, low, high):
    """Return where the part of a window `start, start + size` that lies within `low, high` begins and ends."""
    first, last = max(start, low), min(start + size, high)
    return first, last


@jit(parallel=True)
def _avg_forward(x, kh, kw, sh, sw, padding, count_pad, y):
    top, bottom, left, right = padding
    images, oh, ow, channels = y.shape
    height, width = x.shape[1:3]
    for task in prange(images * oh):
        n, i = task // oh, task % oh
        r0, r1 = _window(i * sh - top, kh, 0, height)
        p0, p1 = _window(i * sh - top, kh, -top, height + bottom)
        for j in range(ow):
            c0, c1 = _window(j * sw - left, kw, 0, width)
            q0, q1 = _window(j * sw - left, kw, -left, width + right)
            count = (p1 - p0) * (q1 - q0) if count_pad else (r1 - r0) * (c1 - c0)
            total = y[n, i, j]
            total[:] = 0
            for row in range(r0, r1):
                for column in range(c0, c1):
                    values = x[n, row, column]
                    for c in range(channels):
                        total[c] += values[c]
            for c in range(channels):
                total[c] /= count


@one_at_a_time
def avg_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Padding, out_hw: Pair, count_include_pad: bool
) -> np.ndarray:
    """Return the means of the windows; see `nst.kernels.reference.avg_pool_forward`."""
    y = np.empty((x.shape[0], *out_hw, x.shape[3]), x.dtype)
    _avg_forward(np.ascontiguousarray(x), *size, *stride, (*padding[0], *padding[1]), count_include_pad, y)
    return y


@jit(parallel=True)
def _avg_backward(dy, kh, kw, sh, sw, padding, count_pad, dx):
    top, bottom, left, right = padding
    images, oh, ow, channels = dy.shape
    height, width = dx.shape[1:3]
    blocks = (channels + BLOCK - 1) // BLOCK
    for task in prange(images * blocks):
        n, first = task // blocks, task % blocks * BLOCK
        last = min(first + BLOCK, channels)
        for i in range(oh):
            r0, r1 = _window(i * sh - top, kh, 0, height)
            p0, p1 = _window(i * sh - top, kh, -top, height + bottom)
            for j in range(ow):
                c0, c1 = _window(j * sw - left, kw, 0, width)
                q0, q1 = _window(j * sw - left, kw, -left, width + right)
                count = (p1 - p0) * (q1 - q0) if count_pad else (r1 - r0) * (c1 - c0)
                for row in range(r0, r1):
                    for column in range(c0, c1):
                        for c in range(first, last):
                            dx[n, row, column, c] += dy[n, i, j, c] / count


@one_at_a_time
def avg_pool_backward(
    dy: np.ndarray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Padding,
    count_include_pad: bool,
) -> np.ndarray:
    """Return the gradient with respect to the input: each `dy` is shared out equally over its window."""
    dx = np.zeros(input_shape, dy.dtype)
    _avg_backward(np.ascontiguousarray(dy), *size, *stride, (*padding[0], *padding[1]), count_include_pad, dx)
    return dx
