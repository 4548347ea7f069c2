"""Borders on a card: see `nst.kernels.reference_padding`, which says what each mode shows where.

What a place of the padded picture shows is a table for each axis, made by the definition itself. Backward, a thread
looks at one number of the picture, and adds up the places that show it: their table is the first one turned round.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import cuda

from nst.kernels.cuda_array import DeviceArray, put
from nst.kernels.cuda_device import kernel
from nst.kernels.reference_padding import NUMPY_NAMES
from nst.kernels.reference_windows import Sides

ZERO = np.float32(0)


@kernel("void(f4[::1], i4[::1], i4[::1], f4[::1], i8, i8, i8, i8, i8, i8)")
def _draw(x, rows, columns, y, height, width, channels, out_height, out_width, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        pixel = i // channels
        column = columns[pixel % out_width]
        row = rows[pixel // out_width % out_height]
        n = pixel // (out_width * out_height)
        value = ZERO
        if row >= 0 and column >= 0:
            value = x[((n * height + row) * width + column) * channels + channel]
        y[i] = value


@kernel("void(f4[::1], i4[::1], i4[::1], i4[::1], i4[::1], f4[::1], i8, i8, i8, i8, i8, i8)")
def _fold(
    dy, row_begins, rows, column_begins, columns, dx, height, width, channels, out_height, out_width, count
):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        pixel = i // channels
        column = pixel % width
        row = pixel // width % height
        n = pixel // (width * height)
        total = ZERO
        for a in range(row_begins[row], row_begins[row + 1]):
            line = n * out_height + rows[a]
            for b in range(column_begins[column], column_begins[column + 1]):
                total += dy[(line * out_width + columns[b]) * channels + channel]
        dx[i] = total


@lru_cache(maxsize=256)
def _shown(length: int, before: int, after: int, mode: str) -> DeviceArray:
    """Return which place of an axis each place of the padded axis shows; -1 for none."""
    return put(_table(length, before, after, mode))


@lru_cache(maxsize=256)
def _showing(length: int, before: int, after: int, mode: str) -> tuple[DeviceArray, DeviceArray]:
    """Return the same by the place that is shown: where its showing places begin in a list, and the list."""
    table = _table(length, before, after, mode)
    order = np.argsort(table, kind="stable")
    begins = np.searchsorted(table[order], np.arange(length + 1))
    return put(begins.astype(np.int32)), put(order.astype(np.int32))


def _table(length: int, before: int, after: int, mode: str) -> np.ndarray:
    how = {"constant_values": -1} if mode == "zero" else {}
    return np.pad(np.arange(length, dtype=np.int32), (before, after), mode=NUMPY_NAMES[mode], **how)


def pad_forward(x: DeviceArray, padding: Sides, mode: str) -> DeviceArray:
    """Return `x` (N, H, W, C) with the padding drawn around it."""
    n, height, width, channels = x.shape
    y = DeviceArray((n, height + sum(padding[0]), width + sum(padding[1]), channels))
    rows, columns = _shown(height, *padding[0], mode), _shown(width, *padding[1], mode)
    how = height, width, channels, *y.shape[1:3]
    _draw.over(y.size, x.data, rows.data, columns.data, y.data, *how, y.size)
    return y


def pad_backward(dy: DeviceArray, padding: Sides, mode: str) -> DeviceArray:
    """Return the gradient of the picture inside, given `dy`, that of the padded one."""
    n, out_height, out_width, channels = dy.shape
    height, width = out_height - sum(padding[0]), out_width - sum(padding[1])
    dx = DeviceArray((n, height, width, channels))
    tables = *_showing(height, *padding[0], mode), *_showing(width, *padding[1], mode)
    data = [table.data for table in tables]
    _fold.over(dx.size, dy.data, *data, dx.data, height, width, channels, out_height, out_width, dx.size)
    return dx
