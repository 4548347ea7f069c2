"""How a convolution's kernels read its input, or the gradient of its output, pixel by pixel.

A gradient need not have passed back through ReLU and pooling before a convolution takes it: what was kept of them says
which numbers get it, and is read along. See `nst.kernels.reference.rectify` for what is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from nst.kernels.cuda_intrinsics import device, load1, load4

READERS = ("plain", "relu", "max", "avg")
ZERO = np.float32(0)


def kept_dtype(how: str) -> type:
    """Return the dtype of what was kept: a byte for each window, or float32."""
    return np.uint8 if how in ("max", "avg") else np.float32


@cache
def loader(width: int) -> Callable:
    """Return `load(array, at, into, to)`, which copies `width` neighbours, 1 or 4, the latter as one."""

    @device
    def one(array, at, into, to):
        into[to] = load1(array, at)

    @device
    def four(array, at, into, to):
        into[to], into[to + 1], into[to + 2], into[to + 3] = load4(array, at)

    return one if width == 1 else four


def reader(how: str, width: int) -> Callable:
    """Return `read(x, kept, size, pixel, channel, into, to, mask)`, which copies `width` channels of a pixel.

    Parameters
    ----------
    how : str
        "plain"; "relu", where `kept` is above 0 where the gradient passes; or "max" or "avg", where x is of windows of
        2x2 pixels, and `kept` has a byte for each.
    width : int
        4 channels, the first a multiple of 4, or 1.

    `size` is height, width and channels of the pictures, before any pooling, and `pixel` an image, a row and a column
    inside them; `mask` is room for `width` of what was kept.
    """
    return {"plain": _plain, "relu": _relu, "max": _pooled, "avg": _pooled}[how](width, how == "avg")


@cache
def _plain(width: int, _: bool) -> Callable:
    load = loader(width)

    @device
    def read(x, kept, size, pixel, channel, into, to, mask):
        load(x, ((pixel[0] * size[0] + pixel[1]) * size[1] + pixel[2]) * size[2] + channel, into, to)

    return read


@cache
def _relu(width: int, _: bool) -> Callable:
    load = loader(width)

    @device
    def read(x, kept, size, pixel, channel, into, to, mask):
        at = ((pixel[0] * size[0] + pixel[1]) * size[1] + pixel[2]) * size[2] + channel
        load(x, at, into, to)
        load(kept, at, mask, 0)
        for i in range(width):
            into[to + i] = into[to + i] if mask[i] > ZERO else ZERO

    return read


@cache
def _pooled(width: int, average: bool) -> Callable:
    load, share = loader(width), np.float32(0.25 if average else 1)

    @device
    def read(x, kept, size, pixel, channel, into, to, mask):
        row, column = pixel[1] >> 1, pixel[2] >> 1
        inside = row < size[0] >> 1 and column < size[1] >> 1  # a last odd row or column has no window
        at = ((pixel[0] * (size[0] >> 1) + row) * (size[1] >> 1) + column) * size[2] + channel
        bit = 1 << ((pixel[1] & 1) * 2 + (pixel[2] & 1))
        if inside:
            load(x, at, into, to)
            load(kept, at, mask, 0)
        for i in range(width):
            into[to + i] = share * into[to + i] if inside and mask[i] & bit else ZERO

    return read
