"""Normalisation and rectification on the CPU: float32, in parallel, each pass over memory once.

The same functions as in `nst.kernels.reference_norms`. They do next to no arithmetic, so what counts is how often an
array travels from memory. Each task takes `PLACES` places of `CHANNELS` channels and sums in float32 there; such sums
are added in float64, so a result does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from nst.kernels import memory
from nst.kernels.parallel import given, parallel
from nst.kernels.threads import one_at_a_time

PLACES = 128
CHANNELS = 256
NUMBERS = 1 << 14  # that a task of an elementwise function takes


def _blocks(x: np.ndarray) -> int:
    """Return how many tasks there are when each takes some places of (groups, places, channels)."""
    return x.shape[0] * -(-x.shape[1] // PLACES)


def _tasks(sums: np.ndarray) -> int:
    """Return how many tasks fill (2, groups, blocks, channels)."""
    return sums.shape[1] * sums.shape[2] * -(-sums.shape[3] // CHANNELS)


@one_at_a_time
def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance over the places, in one pass; see `nst.kernels.reference_norms.moments`.

    Each block sums `x - k` and its square, where k is the block's first value, then moves both to its own mean: of n
    values none is farther than sqrt(n) deviations from the mean, so that this difference of sums loses at most the
    digits of n. The blocks' means and variances are then those of the whole (Chan, Golub and LeVeque, 1983).
    """
    x = np.ascontiguousarray(x)
    groups, places, channels = x.shape
    if not x.size:
        return np.zeros((groups, 1, channels)), np.zeros((groups, 1, channels))
    sums = np.empty((2, groups, -(-places // PLACES), channels), np.float32)
    _shifted_sums(_tasks(sums), x, sums)
    count = np.full((sums.shape[2], 1), PLACES)
    count[-1] -= -places % PLACES
    first, squares = sums.astype(np.float64)
    mean = x[:, ::PLACES] + first / count
    mu = (mean * count).sum(axis=1, keepdims=True) / places
    within = squares - np.square(first) / count
    variance = (within + np.square(mean - mu) * count).sum(axis=1, keepdims=True) / places
    return mu, np.maximum(variance, 0)


@parallel
def _shifted_sums(task, arguments):
    """sums[0] and sums[1]: for each block and channel the sum of x - k and of its square, k being the first value."""
    x, sums = given(arguments)
    places, channels = x.shape[1:]
    blocks, across = sums.shape[2], -(-channels // CHANNELS)
    g, block, start = task // (blocks * across), task // across % blocks, task % across * CHANNELS
    end = min(start + CHANNELS, channels)
    first, squares = sums[0, g, block, start:end], sums[1, g, block, start:end]
    first[:] = 0
    squares[:] = 0
    k = x[g, block * PLACES, start:end]
    for p in range(block * PLACES + 1, min((block + 1) * PLACES, places)):
        row = x[g, p, start:end]
        for c in range(row.size):
            d = row[c] - k[c]
            first[c] += d
            squares[c] += d * d


@one_at_a_time
def normalise(
    x: np.ndarray,
    mu: np.ndarray,
    inv_sigma: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
) -> np.ndarray:
    """Return gamma (x - mu) inv_sigma + beta; see `nst.kernels.reference_norms.normalise`."""
    scale = inv_sigma if gamma is None else inv_sigma * gamma
    shift = np.zeros(x.shape[2], np.float32) if beta is None else beta.astype(np.float32, copy=False)
    y = memory.empty(x.shape)
    mu, scale = mu.astype(np.float32), scale.astype(np.float32)
    _normalise(_blocks(x), np.ascontiguousarray(x), mu, scale, shift, y)
    return y


@parallel
def _normalise(task, arguments):
    x, mu, scale, shift, y = given(arguments)
    places, channels = x.shape[1:]
    blocks = -(-places // PLACES)
    g, block = task // blocks, task % blocks
    centre, factor = mu[g, 0], scale[g, 0]
    for p in range(block * PLACES, min((block + 1) * PLACES, places)):
        row, to = x[g, p], y[g, p]
        for c in range(channels):
            to[c] = (row[c] - centre[c]) * factor[c] + shift[c]


@one_at_a_time
def normalise_sums(
    dy: np.ndarray, x: np.ndarray, mu: np.ndarray, inv_sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of dy and of dy x_hat; see `nst.kernels.reference_norms.normalise_sums`."""
    groups, places, channels = x.shape
    sums = np.empty((2, groups, -(-places // PLACES), channels), np.float32)
    dy, x = np.ascontiguousarray(dy), np.ascontiguousarray(x)
    _gradient_sums(_tasks(sums), dy, x, mu.astype(np.float32), sums)
    total, against = sums.sum(axis=2, dtype=np.float64)[:, :, None]
    return total, against * inv_sigma


@parallel
def _gradient_sums(task, arguments):
    """sums[0] and sums[1]: for each block and channel the sum of dy and of dy (x - mu)."""
    dy, x, mu, sums = given(arguments)
    places, channels = x.shape[1:]
    blocks, across = sums.shape[2], -(-channels // CHANNELS)
    g, block, start = task // (blocks * across), task // across % blocks, task % across * CHANNELS
    end = min(start + CHANNELS, channels)
    total, against = sums[0, g, block, start:end], sums[1, g, block, start:end]
    total[:] = 0
    against[:] = 0
    centre = mu[g, 0, start:end]
    for p in range(block * PLACES, min((block + 1) * PLACES, places)):
        row, d = x[g, p, start:end], dy[g, p, start:end]
        for c in range(row.size):
            total[c] += d[c]
            against[c] += d[c] * (row[c] - centre[c])


@one_at_a_time
def normalise_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mu: np.ndarray,
    inv_sigma: np.ndarray,
    gamma: np.ndarray | None,
    sums: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return dx where mu and sigma are those of `x`; see `nst.kernels.reference_norms.normalise_backward`."""
    m = max(1, x.shape[1])
    factor = inv_sigma if gamma is None else inv_sigma * gamma
    through_mu, through_sigma = sums[0] / m, sums[1] / m * inv_sigma
    constants = (a.astype(np.float32) for a in (mu, factor, through_mu, through_sigma))
    dx = memory.empty(x.shape)
    _normalise_backward(_blocks(x), np.ascontiguousarray(dy), np.ascontiguousarray(x), *constants, dx)
    return dx


@parallel
def _normalise_backward(task, arguments):
    dy, x, mu, factor, through_mu, through_sigma, dx = given(arguments)
    places, channels = x.shape[1:]
    blocks = -(-places // PLACES)
    g, block = task // blocks, task % blocks
    centre, scale, mean, slope = mu[g, 0], factor[g, 0], through_mu[g, 0], through_sigma[g, 0]
    for p in range(block * PLACES, min((block + 1) * PLACES, places)):
        row, d, to = x[g, p], dy[g, p], dx[g, p]
        for c in range(channels):
            to[c] = scale[c] * (d[c] - mean[c] - (row[c] - centre[c]) * slope[c])


@one_at_a_time
def relu_forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return max(x, 0), in which a NaN stays one, and the mask x > 0."""
    x = np.ascontiguousarray(x)
    y, mask = memory.empty(x.shape), memory.empty(x.shape, bool)
    _relu_forward(-(-x.size // NUMBERS), x.ravel(), y.ravel(), mask.ravel())
    return y, mask


@parallel
def _relu_forward(task, arguments):
    x, y, mask = given(arguments)
    here = slice(task * NUMBERS, min((task + 1) * NUMBERS, x.size))
    values, to, on = x[here], y[here], mask[here]
    for i in range(values.size):
        v = values[i]
        on[i] = v > 0
        to[i] = np.float32(0) if v <= 0 else v


@one_at_a_time
def relu_backward(dy: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return dy times the mask."""
    dy = np.ascontiguousarray(dy)
    dx = memory.empty(dy.shape)
    _relu_backward(-(-dy.size // NUMBERS), dy.ravel(), np.ascontiguousarray(mask).ravel(), dx.ravel())
    return dx


@parallel
def _relu_backward(task, arguments):
    dy, mask, dx = given(arguments)
    here = slice(task * NUMBERS, min((task + 1) * NUMBERS, dy.size))
    values, on, to = dy[here], mask[here], dx[here]
    for i in range(values.size):
        to[i] = values[i] * np.float32(on[i])
