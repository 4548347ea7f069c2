"""One pass over memory for what NumPy does in several: float32.

The same functions as `nst.kernels.reference_elementwise`, which says what each of them computes. Nothing here is
limited by arithmetic: a processor adds far faster than numbers arrive from memory, so each array is read once, and
written once. Pictures alone, three numbers a pixel, are so small beside a network's features that one thread will do.

Parallel sums are float64 sums over a chunk, of fixed length whatever the number of threads, and those of the chunks
are added in their order. So results are the same to the last bit on any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nst.kernels.compiled import jit
from nst.kernels.memory import empty, zeros
from nst.kernels.threads import one_at_a_time

CHUNK = 8192  # numbers


def _read(x: np.ndarray) -> np.ndarray:
    """Return a flat view for reading; always one that is read-only, so that each kernel is compiled for one type."""
    flat = np.ascontiguousarray(x).reshape(-1)
    flat.flags.writeable = False
    return flat


def _write(x: np.ndarray) -> np.ndarray:
    """Return a flat view for writing, which needs an array without gaps."""
    if not x.flags.c_contiguous:
        raise ValueError(f"an array of shape {x.shape} and strides {x.strides} cannot be updated in place")
    return x.reshape(-1)


def _partial(size: int) -> np.ndarray:
    """Return room for the sum of each chunk."""
    return np.zeros(-(-size // CHUNK))


@jit
def _dot_chunk(a, b):
    total = 0.0
    for i in range(a.size):
        total += np.float64(a[i]) * np.float64(b[i])
    return total


@jit(parallel=True)
def _dot(a, b, partial):
    for number in prange(partial.size):
        start, end = number * CHUNK, (number + 1) * CHUNK
        partial[number] = _dot_chunk(a[start:end], b[start:end])


@one_at_a_time
def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product of two arrays of one shape, in float64."""
    partial = _partial(a.size)
    _dot(_read(a), _read(b), partial)
    return float(partial.sum())


@jit
def _combine_chunk(x, scale, other, factor, against):
    total = 0.0
    for i in range(x.size):
        value = scale * x[i] + factor * other[i]
        x[i] = value
        total += np.float64(value) * np.float64(against[i])
    return total


@jit(parallel=True)
def _combine(x, scale, other, factor, against, partial):
    for number in prange(partial.size):
        start, end = number * CHUNK, (number + 1) * CHUNK
        partial[number] = _combine_chunk(x[start:end], scale, other[start:end], factor, against[start:end])


@one_at_a_time
def combine(x: np.ndarray, scale: float, other: np.ndarray, factor: float, against: np.ndarray) -> float:
    """Replace `x` by ``scale x + factor other``, in place; return its inner product with `against`."""
    partial = _partial(x.size)
    _combine(_write(x), np.float32(scale), _read(other), np.float32(factor), _read(against), partial)
    return float(partial.sum())


@jit(parallel=True)
def _adam(x, gradient, m, v, rate, beta1, beta2, rest1, rest2, correction1, correction2, eps, new):
    for i in prange(x.size):
        m[i] = beta1 * m[i] + rest1 * gradient[i]
        v[i] = beta2 * v[i] + rest2 * gradient[i] * gradient[i]
        new[i] = x[i] - rate * (m[i] / correction1) / (np.sqrt(v[i] / correction2) + eps)


@one_at_a_time
def adam_step(
    x: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    rate: float,
    betas: tuple[float, float],
    corrections: tuple[float, float],
    eps: float,
) -> np.ndarray:
    """Update the running means `m` and `v` in place; return the next `x`."""
    new = empty(x.shape)
    rests = (1 - beta for beta in betas)  # of float32, 1 - 0.999 would be off by one in a hundred thousand
    numbers = map(np.float32, (rate, *betas, *rests, *corrections, eps))
    _adam(_read(x), _read(gradient), _write(m), _write(v), *numbers, _write(new))
    return new


@jit(parallel=True)
def _shift_and_scale(x, mean, scale, first, y):
    last = 2 - first
    for pixel in prange(x.size // 3):
        p = 3 * pixel
        y[p] = (x[p + first] - mean[0]) * scale[0]
        y[p + 1] = (x[p + 1] - mean[1]) * scale[1]
        y[p + 2] = (x[p + last] - mean[2]) * scale[2]


@one_at_a_time
def preprocess_forward(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return ``(x - mean) scale`` by channel, the three channels of `x` in reverse order first where it is said so."""
    y = empty(x.shape)
    numbers = (np.array(three, np.float32) for three in (mean, scale))
    _shift_and_scale(_read(x), *numbers, 2 if reverse else 0, _write(y))
    return y


@one_at_a_time
def preprocess_backward(dy: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return the gradient of the input: ``dy scale`` by channel, back in the order of the input."""
    return preprocess_forward(dy, np.zeros(3), scale[::-1] if reverse else scale, reverse)


@jit
def _error_chunk(x, target, factor, gradient):
    total = 0.0
    for i in range(x.size):
        d = x[i] - target[i]
        gradient[i] = factor * d
        total += np.float64(d) * np.float64(d)
    return total


@jit(parallel=True)
def _squared_error(x, target, factor, gradient, partial):
    for number in prange(partial.size):
        start, end = number * CHUNK, (number + 1) * CHUNK
        partial[number] = _error_chunk(x[start:end], target[start:end], factor, gradient[start:end])


@one_at_a_time
def squared_error(x: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    """Return ``weight sum (x - target)^2`` and its gradient, ``2 weight (x - target)``."""
    partial, gradient = _partial(x.size), empty(x.shape)
    _squared_error(_read(x), _read(target), np.float32(2 * weight), _write(gradient), partial)
    return weight * float(partial.sum()), gradient


@jit
def _squared_overshoot(x, low, high, factor, gradient):
    total = 0.0
    for i in range(x.size):
        inside = low if x[i] < low else x[i]
        inside = high if inside > high else inside
        o = x[i] - inside  # NaN of NaN
        gradient[i] += factor * o
        total += np.float64(o) * np.float64(o)
    return total


@one_at_a_time
def squared_overshoot(
    x: np.ndarray, low: float, high: float, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return ``weight sum o^2`` of what clipping `x` to [low, high] would cut off, and its gradient ``2 weight o``."""
    gradient = zeros(x.shape) if into is None else into
    numbers = map(np.float32, (low, high, 2 * weight))
    return weight * _squared_overshoot(_read(x), *numbers, _write(gradient)), gradient


@jit
def _pull(here, there, factor, gradient):
    """Add the gradient of sum (here - there)^2 by `here`, times `factor` / 2; return the sum."""
    total = 0.0
    for i in range(here.size):
        d = here[i] - there[i]
        gradient[i] += factor * d
        total += np.float64(d) * np.float64(d)
    return total


@jit
def _total_variation(x, height, channels, factor, gradient):
    """x and gradient are matrices of all rows of pixels: each is pulled by the next, and by the one before."""
    total = 0.0
    for r in range(x.shape[0]):
        row, to = x[r], gradient[r]
        if r % height > 0:
            _pull(row, x[r - 1], factor, to)
        if r % height < height - 1:
            total += _pull(row, x[r + 1], factor, to)
        _pull(row[channels:], row[:-channels], factor, to[channels:])
        total += _pull(row[:-channels], row[channels:], factor, to[:-channels])
    return total


@one_at_a_time
def total_variation(
    x: np.ndarray, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return `weight` times the sum of squared differences of neighbouring pixels, and its gradient."""
    gradient = zeros(x.shape) if into is None else into
    if not x.size:
        return 0.0, gradient
    n, height, width, channels = x.shape
    rows = n * height, width * channels
    flat, to = _read(x).reshape(rows), _write(gradient).reshape(rows)
    return weight * _total_variation(flat, height, channels, np.float32(2 * weight), to), gradient
