"""Fast pooling on the CPU.

The same functions as in `nst.kernels.reference`. Each task makes one row of what is computed: of the output, or of the
gradient, where it adds up what all windows over that row send to it. So no two tasks write to one place.
"""

from __future__ import annotations

import numpy as np

from nst.kernels import memory
from nst.kernels.compiled import inlined
from nst.kernels.parallel import given, parallel
from nst.kernels.reference_windows import Pair, Sides
from nst.kernels.threads import one_at_a_time


def _read(x: np.ndarray) -> np.ndarray:
    """Return an array to be read: without gaps and read-only, so that each kernel is compiled for one type."""
    view = np.ascontiguousarray(x).view()
    view.flags.writeable = False
    return view


@parallel
def _max_forward(task, arguments):
    x, (kh, kw), (sh, sw), (top, left), y, argmax = given(arguments)
    n, i = task // y.shape[1], task % y.shape[1]
    # The part of the window that lies within the picture.
    rows = range(max(0, top - i * sh), min(kh, x.shape[1] + top - i * sh))
    for j in range(y.shape[2]):
        columns = range(max(0, left - j * sw), min(kw, x.shape[2] + left - j * sw))
        best, where = y[n, i, j], argmax[n, i, j]
        for ky in rows:
            for kx in columns:
                values, tap = x[n, i * sh - top + ky, j * sw - left + kx], ky * kw + kx
                # The first pixel is taken whatever it is (a window may hold only -inf); NaN wins and stays.
                first = ky == rows.start and kx == columns.start
                for c in range(values.size):
                    if first or values[c] > best[c] or (values[c] != values[c] and best[c] == best[c]):
                        best[c] = values[c]
                        where[c] = tap


@one_at_a_time
def max_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Return the maxima and their places in the windows; see `nst.kernels.reference.max_pool_forward`."""
    (top, _), (left, _) = padding
    shape = (x.shape[0], *out_hw, x.shape[3])
    argmax = memory.empty(shape, np.uint8 if size[0] * size[1] <= 256 else np.int64)
    y = memory.empty(shape, x.dtype)
    _max_forward(shape[0] * shape[1], _read(x), size, stride, (top, left), y, argmax)
    return y, argmax


@inlined
def _covering(place, size, stride, before, count):
    """Return the windows that cover a place, from the first to before the last."""
    return max(0, -((size - 1 - place - before) // stride)), min(count, (place + before) // stride + 1)


@parallel
def _max_backward(task, arguments):
    dy, argmax, (kh, kw), (sh, sw), (top, left), dx = given(arguments)
    n, row = task // dx.shape[1], task % dx.shape[1]
    dx[n, row] = 0
    first, last = _covering(row, kh, sh, top, dy.shape[1])
    for i in range(first, last):
        for j in range(dy.shape[2]):
            gradient, won = dy[n, i, j], argmax[n, i, j]
            for kx in range(max(0, left - j * sw), min(kw, dx.shape[2] + left - j * sw)):
                to, tap = dx[n, row, j * sw - left + kx], (row + top - i * sh) * kw + kx
                for c in range(to.size):
                    to[c] += gradient[c] if won[c] == tap else np.float32(0)


@one_at_a_time
def max_pool_backward(
    dy: np.ndarray,
    argmax: np.ndarray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
) -> np.ndarray:
    """Return the gradient with respect to the input: each `dy` goes to the pixel that was the maximum."""
    (top, _), (left, _) = padding
    dx = memory.empty(input_shape, dy.dtype)
    _max_backward(dx.shape[0] * dx.shape[1], _read(dy), _read(argmax), size, stride, (top, left), dx)
    return dx


@inlined
def _span(start, size, length, before, after, count_pad):
    """Return where the part of a window within `length` places begins and ends, and how many places count."""
    first, last = max(start, 0), min(start + size, length)
    return first, last, min(start + size, length + after) - max(start, -before) if count_pad else last - first


@parallel
def _avg_forward(task, arguments):
    x, (kh, kw), (sh, sw), ((top, bottom), (left, right)), count_pad, y = given(arguments)
    n, i = task // y.shape[1], task % y.shape[1]
    r0, r1, high = _span(i * sh - top, kh, x.shape[1], top, bottom, count_pad)
    for j in range(y.shape[2]):
        c0, c1, wide = _span(j * sw - left, kw, x.shape[2], left, right, count_pad)
        total, share = y[n, i, j], np.float32(1) / np.float32(high * wide)
        for c in range(total.size):
            total[c] = 0
        for row in range(r0, r1):
            for column in range(c0, c1):
                values = x[n, row, column]
                for c in range(total.size):
                    total[c] += values[c] * share


@one_at_a_time
def avg_pool_forward(
    x: np.ndarray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair, count_include_pad: bool
) -> np.ndarray:
    """Return the means of the windows; see `nst.kernels.reference.avg_pool_forward`."""
    y = memory.empty((x.shape[0], *out_hw, x.shape[3]), x.dtype)
    _avg_forward(x.shape[0] * out_hw[0], _read(x), size, stride, padding, int(count_include_pad), y)
    return y


@parallel
def _avg_backward(task, arguments):
    dy, (kh, kw), (sh, sw), ((top, bottom), (left, right)), count_pad, dx = given(arguments)
    n, row = task // dx.shape[1], task % dx.shape[1]
    dx[n, row] = 0
    first, last = _covering(row, kh, sh, top, dy.shape[1])
    for i in range(first, last):
        _, _, high = _span(i * sh - top, kh, dx.shape[1], top, bottom, count_pad)
        for j in range(dy.shape[2]):
            c0, c1, wide = _span(j * sw - left, kw, dx.shape[2], left, right, count_pad)
            gradient, share = dy[n, i, j], np.float32(1) / np.float32(high * wide)
            for column in range(c0, c1):
                to = dx[n, row, column]
                for c in range(to.size):
                    to[c] += gradient[c] * share


@one_at_a_time
def avg_pool_backward(
    dy: np.ndarray,
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool,
) -> np.ndarray:
    """Return the gradient with respect to the input: each `dy` is shared out equally over its window."""
    dx = memory.empty(input_shape, dy.dtype)
    _avg_backward(dx.shape[0] * dx.shape[1], _read(dy), size, stride, padding, int(count_include_pad), dx)
    return dx
