"""One pass over memory for what NumPy does in several: float32.

The same functions as `nst.kernels.reference_elementwise`, which says what each of them computes. Nothing here is
limited by arithmetic: a processor adds far faster than numbers arrive from memory, so each array is read once, and
written once.

Parallel sums are float64 sums over a chunk, of fixed length whatever the number of threads, and those of the chunks
are added in their order. So results are the same to the last bit on any number of threads.

Indices are unsigned: numba lets signed ones count from the end, and a loop with that question in it is no vector code.
"""

from __future__ import annotations

import numpy as np

from nst.kernels import reference_elementwise
from nst.kernels.memory import empty, zeros
from nst.kernels.parallel import given, parallel
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


@parallel
def _dot(chunk, arguments):
    a, b, partial = given(arguments)
    total = 0.0
    for i in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, a.size))):
        total += np.float64(a[i]) * np.float64(b[i])
    partial[chunk] = total


@one_at_a_time
def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product of two arrays of one shape, in float64."""
    partial = _partial(a.size)
    _dot(partial.size, _read(a), _read(b), partial)
    return float(partial.sum())


@parallel
def _combine(chunk, arguments):
    x, scale, other, factor, against, partial = given(arguments)
    scale, factor, total = np.float32(scale), np.float32(factor), 0.0
    for i in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, x.size))):
        value = scale * x[i] + factor * other[i]
        x[i] = value
        total += np.float64(value) * np.float64(against[i])
    partial[chunk] = total


@one_at_a_time
def combine(x: np.ndarray, scale: float, other: np.ndarray, factor: float, against: np.ndarray) -> float:
    """Replace `x` by ``scale x + factor other``, in place; return its inner product with `against`."""
    partial = _partial(x.size)
    _combine(partial.size, _write(x), scale, _read(other), factor, _read(against), partial)
    return float(partial.sum())


@parallel
def _adam(chunk, arguments):
    x, gradient, m, v, new, numbers = given(arguments)
    rate, beta1, beta2, rest1, rest2, correction1, correction2, eps = numbers
    for i in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, x.size))):
        g = gradient[i]
        mean, square = beta1 * m[i] + rest1 * g, beta2 * v[i] + rest2 * g * g
        m[i], v[i] = mean, square
        new[i] = x[i] - rate * (mean / correction1) / (np.sqrt(square / correction2) + eps)


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
    numbers = np.array((rate, *betas, *rests, *corrections, eps), np.float32)
    _adam(-(-x.size // CHUNK), _read(x), _read(gradient), _write(m), _write(v), _write(new), numbers)
    return new


@parallel
def _shift_and_scale(chunk, arguments):
    x, mean, scale, first, y = given(arguments)
    first, last = np.uint64(first), np.uint64(2 - first)
    for pixel in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, x.size // 3))):
        p = np.uint64(3) * pixel
        y[p] = (x[p + first] - mean[0]) * scale[0]
        y[p + 1] = (x[p + 1] - mean[1]) * scale[1]
        y[p + 2] = (x[p + last] - mean[2]) * scale[2]


@one_at_a_time
def preprocess_forward(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return ``(x - mean) scale`` by channel, the channels of `x` in reverse order first where it is said so."""
    if x.shape[-1] != 3:  # grey pictures: small ones, for which two passes will do
        return reference_elementwise.preprocess_forward(x, mean, scale, reverse)
    y = empty(x.shape)
    numbers = (np.array(three, np.float32) for three in (mean, scale))
    _shift_and_scale(-(-x.size // (3 * CHUNK)), _read(x), *numbers, 2 if reverse else 0, _write(y))
    return y


@one_at_a_time
def preprocess_backward(dy: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return the gradient of the input: ``dy scale`` by channel, back in the order of the input."""
    return preprocess_forward(dy, np.zeros(dy.shape[-1]), scale[::-1] if reverse else scale, reverse)


@parallel
def _squared_error(chunk, arguments):
    x, target, factor, gradient, partial = given(arguments)
    factor, total = np.float32(factor), 0.0
    for i in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, x.size))):
        d = x[i] - target[i]
        gradient[i] = factor * d
        total += np.float64(d) * np.float64(d)
    partial[chunk] = total


@one_at_a_time
def squared_error(x: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    """Return ``weight sum (x - target)^2`` and its gradient, ``2 weight (x - target)``."""
    partial, gradient = _partial(x.size), empty(x.shape)
    _squared_error(partial.size, _read(x), _read(target), 2 * weight, _write(gradient), partial)
    return weight * float(partial.sum()), gradient


@parallel
def _squared_overshoot(chunk, arguments):
    x, low, high, factor, gradient, partial = given(arguments)
    low, high, factor, total = np.float32(low), np.float32(high), np.float32(factor), 0.0
    for i in range(np.uint64(chunk * CHUNK), np.uint64(min((chunk + 1) * CHUNK, x.size))):
        inside = low if x[i] < low else x[i]
        inside = high if inside > high else inside
        o = x[i] - inside  # NaN of NaN
        gradient[i] += factor * o
        total += np.float64(o) * np.float64(o)
    partial[chunk] = total


@one_at_a_time
def squared_overshoot(
    x: np.ndarray, low: float, high: float, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return ``weight sum o^2`` of what clipping `x` to [low, high] would cut off, and its gradient ``2 weight o``."""
    partial, gradient = _partial(x.size), zeros(x.shape) if into is None else into
    _squared_overshoot(partial.size, _read(x), low, high, 2 * weight, _write(gradient), partial)
    return weight * float(partial.sum()), gradient


@parallel
def _total_variation(r, arguments):
    """x and gradient are matrices of all rows of pixels: each is pulled by the next, and by the one before."""
    x, height, channels, factor, gradient, partial = given(arguments)
    factor, total, here, to = np.float32(factor), 0.0, x[r], gradient[r]
    if r % height > 0:
        above = x[r - 1]
        for i in range(here.size):
            to[i] += factor * (here[i] - above[i])
    if r % height < height - 1:
        below = x[r + 1]
        for i in range(here.size):
            d = here[i] - below[i]
            to[i] += factor * d
            total += np.float64(d) * np.float64(d)
    left, right, to_right = here[: here.size - channels], here[channels:], to[channels:]
    for i in range(left.size):
        to_right[i] += factor * (right[i] - left[i])
    for i in range(left.size):
        d = left[i] - right[i]
        to[i] += factor * d
        total += np.float64(d) * np.float64(d)
    partial[r] = total


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
    flat, to, partial = _read(x).reshape(rows), _write(gradient).reshape(rows), np.empty(n * height)
    _total_variation(n * height, flat, height, channels, 2 * weight, to, partial)
    return weight * float(partial.sum()), gradient
