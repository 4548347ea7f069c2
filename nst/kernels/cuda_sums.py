"""Sums over all numbers of an array, and what is done to the numbers on the way, on a card.

The same functions as in `nst.kernels.reference_elementwise`, which says what each of them computes. A float32 sum over
the million values of an image would leave six digits, and float64 is slow on most cards. So each thread adds with
compensation (Kahan, 1965): `lost` is what the last addition rounded away, and goes into the next. The threads of a
block then add theirs in pairs, rounding errors and all (Knuth's exact sum of two). The host adds those of the blocks,
a few thousand numbers, in float64, when somebody wants to know: see `nst.kernels.cuda_later`. Who adds what is fixed by
the number of numbers alone, and nothing depends on who comes first: the same sum to the last bit each time, on every
card.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from nst.kernels.cuda_arithmetic import Flat
from nst.kernels.cuda_array import DeviceArray, put
from nst.kernels.cuda_device import THREADS, Kernel, blocks_for, kernel
from nst.kernels.cuda_later import SLOTS, Later, ledger

ZERO = np.float32(0)
NO_SHARE = 0, 0, 0.0  # of a sum


@cuda.jit(device=True)
def in_pairs(sums: Flat, errors: Flat, total: float, lost: float) -> None:
    """Add up what the threads of a block have found; its first thread finds the sum, and what that has rounded away."""
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


@cuda.jit(device=True)
def settle(sums: Flat, errors: Flat, total: float, lost: float, partial: Flat) -> None:
    """Put what the threads of a block have found into partial: the sum, and what that has rounded away."""
    in_pairs(sums, errors, total, lost)
    if cuda.threadIdx.x == 0:
        partial[2 * cuda.blockIdx.x] = sums[0]
        partial[2 * cuda.blockIdx.x + 1] = errors[0]


@cuda.jit(device=True)
def known(sums: Flat, errors: Flat, ledger: Flat, at: int, blocks: int) -> float:
    """Return to all threads of a block what an earlier kernel has settled, so that no host need see it first."""
    total = ZERO
    lost = ZERO
    for i in range(cuda.threadIdx.x, blocks, THREADS):
        term = ledger[at + 2 * i] - lost
        new = total + term
        lost = (new - total) - term - ledger[at + 2 * i + 1]
        total = new
    in_pairs(sums, errors, total, lost)
    cuda.syncthreads()
    found = sums[0] + errors[0]
    cuda.syncthreads()  # before anybody writes there
    return found


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


@kernel("void(f4[::1], f4, f4[::1], f4, f4[::1], i8, i8, f4, i8, i8, f4, f4[::1], f4[::1], i8)")
def _combine(x, scale, other, base, ledger, at, blocks, share, at2, blocks2, share2, against, partial, count):
    """x = scale x + factor other, where the factor is base plus shares of two sums that may be on the card only."""
    sums = cuda.shared.array(THREADS, np.float32)
    errors = cuda.shared.array(THREADS, np.float32)
    factor = base
    if blocks > 0:
        factor += share * known(sums, errors, ledger, at, blocks)
    if blocks2 > 0:
        factor += share2 * known(sums, errors, ledger, at2, blocks2)
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


def _sum(made: Kernel, count: int, *arguments: object) -> Later | float:
    """Launch a kernel that sums over `count` numbers, and return the sum."""
    if not count:
        return 0.0
    slot = ledger().slot(blocks_for(count))
    made.over(count, *arguments, slot.data, count)
    return Later(0.0, ((1.0, slot),))


def _same(*arrays: DeviceArray) -> None:
    """Raise unless all arrays have one shape: a kernel would read beyond the end of a smaller one."""
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"shapes differ: {', '.join(str(array.shape) for array in arrays)}")


def dot(a: DeviceArray, b: DeviceArray) -> Later | float:
    """Return the inner product of two arrays of one shape, about as exactly as in float64."""
    _same(a, b)
    return _sum(_dot, a.size, a.data, b.data)


def combine(
    x: DeviceArray, scale: float, other: DeviceArray, factor: Later | float, against: DeviceArray
) -> Later | float:
    """Replace `x` by ``scale x + factor other``, in place; return its inner product with `against`.

    The factor may be made of sums that are on the card only: of up to two, nobody waits for it.
    """
    _same(x, other, against)
    base, terms = factor.on_card() if isinstance(factor, Later) else (factor, [])
    if (
        len(terms) > 2 or len(ledger().open) == SLOTS
    ):  # a full ledger is fetched, and its places are written anew
        base, terms = float(factor), []
    shares = [(slot.at, slot.blocks, share) for share, slot in terms]
    shares = sum([*shares, NO_SHARE, NO_SHARE][:2], ())
    return _sum(_combine, x.size, x.data, scale, other.data, base, ledger().array.data, *shares, against.data)


def squared_error(
    x: DeviceArray, target: DeviceArray, weight: float = 1.0
) -> tuple[Later | float, DeviceArray]:
    """Return ``weight sum (x - target)^2`` and its gradient, ``2 weight (x - target)``.

    A target that waits with the host, as that of a tile may, is brought to the card.
    """
    target, gradient = put(target), DeviceArray(x.shape)
    _same(x, target)
    value = _sum(_squared_error, x.size, x.data, target.data, 2 * weight, gradient.data)
    return weight * value, gradient


def squared_overshoot(
    x: DeviceArray, low: float, high: float, weight: float = 1.0, into: DeviceArray | None = None
) -> tuple[Later | float, DeviceArray]:
    """Return ``weight sum o^2`` of what clipping `x` to [low, high] would cut off, and its gradient ``2 weight o``."""
    gradient = DeviceArray(x.shape) if into is None else into
    _same(x, gradient)
    how = low, high, 2 * weight, into is not None
    return weight * _sum(_squared_overshoot, x.size, x.data, *how, gradient.data), gradient


def total_variation(
    x: DeviceArray, weight: float = 1.0, into: DeviceArray | None = None
) -> tuple[Later | float, DeviceArray]:
    """Return `weight` times the sum of squared differences of neighbouring pixels, and its gradient."""
    gradient = DeviceArray(x.shape) if into is None else into
    _same(x, gradient)
    how = *x.shape[1:], 2 * weight, into is not None
    return weight * _sum(_total_variation, x.size, x.data, *how, gradient.data), gradient
