"""What `DeviceArray` is made of: the few sums, multiples and cuts that are asked of whole arrays, on a card.

Each thread goes over every (number of threads)-th number, so that neighbouring threads read neighbouring numbers, which
is what the card's memory is fast at. Constants are float32 by name: a plain 0.0 is a float64, and draws all that it
meets into float64, which most cards do at a thirty-second of the speed or less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from nst.kernels.cuda_device import THREADS, kernel

Flat = Any
"""A flat array of float32 on the card."""

INFINITY = np.float32(np.inf)


@kernel("void(f4[::1], f4, i8)")
def fill(y: Flat, value: float, count: int) -> None:
    """y = value."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = value


@kernel("void(f4[::1], f4, f4, f4[::1], i8)")
def affine(x: Flat, scale: float, shift: float, y: Flat, count: int) -> None:
    """y = scale x + shift."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = scale * x[i] + shift


@kernel("void(f4[::1], f4, f4[::1], f4, f4[::1], i8)")
def linear(x: Flat, a: float, z: Flat, b: float, y: Flat, count: int) -> None:
    """y = a x + b z; y may be either of them."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = a * x[i] + b * z[i]


@kernel("void(f4[::1], i8, i8, i8, i8, f4[::1], i8, i8, i8, i8, i8, i8, i8, i8)")
def box(
    x: Flat,
    x_height: int,
    x_width: int,
    x_top: int,
    x_left: int,
    y: Flat,
    y_height: int,
    y_width: int,
    y_top: int,
    y_left: int,
    height: int,
    width: int,
    channels: int,
    count: int,
) -> None:
    """Copy a box of pixels, (N, height, width, channels), from its place in x to its place in y."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        pixel = i // channels
        column = pixel % width
        line = pixel // width
        row = line % height
        n = line // height
        source = ((n * x_height + x_top + row) * x_width + x_left + column) * channels + channel
        target = ((n * y_height + y_top + row) * y_width + y_left + column) * channels + channel
        y[target] = x[source]


@kernel("void(f4[::1], f4[::1], i8)")
def extremes(x: Flat, partial: Flat, count: int) -> None:
    """Put the least and the largest number of each block's share into partial; NaN where there is one."""
    lows = cuda.shared.array(THREADS, np.float32)
    highs = cuda.shared.array(THREADS, np.float32)
    me = cuda.threadIdx.x
    low = INFINITY
    high = -INFINITY
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        value = x[i]
        if value < low or value != value:
            low = value
        if value > high or value != value:
            high = value
    lows[me] = low
    highs[me] = high
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if me < half:
            low = lows[me + half]
            high = highs[me + half]
            if low < lows[me] or low != low:
                lows[me] = low
            if high > highs[me] or high != high:
                highs[me] = high
        half //= 2
    if me == 0:
        partial[2 * cuda.blockIdx.x] = lows[0]
        partial[2 * cuda.blockIdx.x + 1] = highs[0]
