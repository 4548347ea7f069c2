"""Sums over all numbers of an array, and what is done to the numbers on the way, on a card.

The same functions as in `nst.kernels.reference_elementwise`, which says what each of them computes. A float32 sum over
the million values of an image would leave six digits, and float64 is slow on most cards. So each thread adds with
compensation (Kahan, 1965): `lost` is what the last addition rounded away, and goes into the next. The threads of a
block then add theirs in pairs, rounding errors and all (Knuth's exact sum of two), and the host adds those of the
blocks, a few thousand numbers, in float64. Who adds what is fixed by the number of numbers alone, and nothing depends
on who comes first: the same sum to the last bit each time, on every card.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from nst.kernels.cuda_arithmetic import Flat
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import THREADS, Kernel, blocks_for, kernel

ZERO = np.float32(0)


@cuda.jit(device=True)
def settle(sums: Flat, errors: Flat, total: float, lost: float, partial: Flat) -> None:
    """Add up what the threads of a block have found, and put it into partial: the sum, and what it has rounded away."""
    me = cuda.threadIdx.x
    sums[me] = total
    errors[me] = -lost
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if me < half:
            a = sums[me]
            b = sums[me + half]
            s = a + b
            t = s - a
            sums[me] = s
            errors[me] += errors[me + half] + ((a - (s - t)) + (b - t))
        half //= 2
    if me == 0:
        partial[2 * cuda.blockIdx.x] = sums[0]
        partial[2 * cuda.blockIdx.x + 1] = errors[0]


@kernel("void(f4[::1], f4[::1], f4[::1], i8)")
def _dot(a, b, partial, count):
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    total = ZERO
    lost = ZERO
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        product = a[i] * b[i]
        term = product - lost + cuda.fma(a[i], b[i], -product)  # and what the product has rounded away
        new = total + term
        lost = (new - total) - term
        total = new
    settle(sums, errors, total, lost, partial)


@kernel("void(f4[::1], f4, f4[::1], f4, f4[::1], f4[::1], i8)")
def _combine(x, scale, other, factor, against, partial, count):
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    total = ZERO
    lost = ZERO
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        value = scale * x[i] + factor * other[i]
        x[i] = value
        product = value * against[i]
        term = product - lost + cuda.fma(value, against[i], -product)
        new = total + term
        lost = (new - total) - term
        total = new
    settle(sums, errors, total, lost, partial)


@kernel("void(f4[::1], f4[::1], f4, f4[::1], f4[::1], i8)")
def _squared_error(x, target, factor, gradient, partial, count):
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    total = ZERO
    lost = ZERO
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        d = x[i] - target[i]
        gradient[i] = factor * d
        term = d * d - lost
        new = total + term
        lost = (new - total) - term
        total = new
    settle(sums, errors, total, lost, partial)


@kernel("void(f4[::1], f4, f4, f4, i4, f4[::1], f4[::1], i8)")
def _squared_overshoot(x, low, high, factor, add, gradient, partial, count):
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    total = ZERO
    lost = ZERO
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        inside = low if x[i] < low else x[i]
        inside = high if inside > high else inside
        d = x[i] - inside  # NaN of NaN
        pull = factor * d
        gradient[i] = gradient[i] + pull if add else pull
        term = d * d - lost
        new = total + term
        lost = (new - total) - term
        total = new
    settle(sums, errors, total, lost, partial)


@kernel("void(f4[::1], i8, i8, i8, f4, i4, f4[::1], f4[::1], i8)")
def _total_variation(x, height, width, channels, factor, add, gradient, partial, count):
    """Each number is pulled by its four neighbours, and counts the differences from the one below and to the right."""
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    total = ZERO
    lost = ZERO
    line = width * channels
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        pixel = i // channels
        column = pixel % width
        row = pixel // width % height
        here = x[i]
        pull = ZERO
        squares = ZERO
        if row > 0:
            pull += here - x[i - line]
        if column > 0:
            pull += here - x[i - channels]
        if row < height - 1:
            d = here - x[i + line]
            pull += d
            squares += d * d
        if column < width - 1:
            d = here - x[i + channels]
            pull += d
            squares += d * d
        pull *= factor
        gradient[i] = gradient[i] + pull if add else pull
        term = squares - lost
        new = total + term
        lost = (new - total) - term
        total = new
    settle(sums, errors, total, lost, partial)


def _sum(made: Kernel, count: int, *arguments: object) -> float:
    """Launch a kernel that sums over `count` numbers, and return the sum."""
    if not count:
        return 0.0
    partial = DeviceArray((blocks_for(count), 2))
    made.over(count, *arguments, partial.data, count)
    return float(to_host(partial).sum(dtype=np.float64))


def _same(*arrays: DeviceArray) -> None:
    """Raise unless all arrays have one shape: a kernel would read beyond the end of a smaller one."""
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"shapes differ: {', '.join(str(array.shape) for array in arrays)}")


def dot(a: DeviceArray, b: DeviceArray) -> float:
    """Return the inner product of two arrays of one shape, about as exactly as in float64."""
    _same(a, b)
    return _sum(_dot, a.size, a.data, b.data)


def combine(x: DeviceArray, scale: float, other: DeviceArray, factor: float, against: DeviceArray) -> float:
    """Replace `x` by ``scale x + factor other``, in place; return its inner product with `against`."""
    _same(x, other, against)
    return _sum(_combine, x.size, x.data, scale, other.data, factor, against.data)


def squared_error(x: DeviceArray, target: DeviceArray, weight: float = 1.0) -> tuple[float, DeviceArray]:
    """Return ``weight sum (x - target)^2`` and its gradient, ``2 weight (x - target)``.

    A target that waits with the host, as that of a tile may, is brought to the card.
    """
    target, gradient = put(target), DeviceArray(x.shape)
    _same(x, target)
    value = _sum(_squared_error, x.size, x.data, target.data, 2 * weight, gradient.data)
    return weight * value, gradient


def squared_overshoot(
    x: DeviceArray, low: float, high: float, weight: float = 1.0, into: DeviceArray | None = None
) -> tuple[float, DeviceArray]:
    """Return ``weight sum o^2`` of what clipping `x` to [low, high] would cut off, and its gradient ``2 weight o``."""
    gradient = DeviceArray(x.shape) if into is None else into
    _same(x, gradient)
    how = low, high, 2 * weight, into is not None
    return weight * _sum(_squared_overshoot, x.size, x.data, *how, gradient.data), gradient


def total_variation(
    x: DeviceArray, weight: float = 1.0, into: DeviceArray | None = None
) -> tuple[float, DeviceArray]:
    """Return `weight` times the sum of squared differences of neighbouring pixels, and its gradient."""
    gradient = DeviceArray(x.shape) if into is None else into
    _same(x, gradient)
    how = *x.shape[1:], 2 * weight, into is not None
    return weight * _sum(_total_variation, x.size, x.data, *how, gradient.data), gradient
