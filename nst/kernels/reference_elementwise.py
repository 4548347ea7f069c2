"""The definition of what is done to every number by itself, and of sums over all of them.

Sums are made in float64 whatever the dtype: over the million values of an image, a float32 sum would leave six digits.
What takes `into` adds to that array and returns it in the place of one of its own.
"""

from __future__ import annotations

import numpy as np

BLOCK = 8192  # values converted at once: both blocks stay in the nearest cache

# The first and the second pixel of every vertical pair, then of every horizontal one.
PAIRS = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:]))


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product of two arrays of one shape, in float64 without float64 copies of the whole."""
    a, b = a.ravel(), b.ravel()
    total = 0.0
    for start in range(0, a.size, BLOCK):
        block = slice(start, start + BLOCK)
        total += np.dot(a[block].astype(np.float64, copy=False), b[block].astype(np.float64, copy=False))
    return float(total)


def combine(x: np.ndarray, scale: float, other: np.ndarray, factor: float, against: np.ndarray) -> float:
    """Replace `x` by ``scale x + factor other``, in place; return its inner product with `against`."""
    x *= scale
    x += factor * other
    return dot(x, against)


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
    """Update the running means `m` and `v` in place; return ``x - rate m_hat / (sqrt(v_hat) + eps)``.

    The hats divide by `corrections`; see `nst.optimizers.adam`.
    """
    for mean, beta, new in zip((m, v), betas, (gradient, np.square(gradient)), strict=True):
        mean *= beta
        mean += (1 - beta) * new
    m_hat, v_hat = m / corrections[0], v / corrections[1]
    return x - rate * m_hat / (np.sqrt(v_hat) + eps)


def preprocess_forward(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return ``(x - mean) scale`` by channel, the channels of `x` in reverse order first where it is said so."""
    centred = (x[..., ::-1] if reverse else x) - mean.astype(x.dtype)
    return centred * scale.astype(x.dtype)


def preprocess_backward(dy: np.ndarray, scale: np.ndarray, reverse: bool) -> np.ndarray:
    """Return the gradient of the input: ``dy scale`` by channel, back in the order of the input."""
    dx = dy * scale.astype(dy.dtype)
    return dx[..., ::-1] if reverse else dx


def squared_error(x: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    """Return ``weight sum (x - target)^2`` and its gradient, ``2 weight (x - target)``."""
    difference = x - target
    value = weight * np.square(difference).sum(dtype=np.float64)
    difference *= 2 * weight
    return float(value), difference


def squared_overshoot(
    x: np.ndarray, low: float, high: float, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return ``weight sum o^2`` of what clipping `x` to [low, high] would cut off, and its gradient ``2 weight o``."""
    gradient = np.zeros_like(x) if into is None else into
    overshoot = x - np.clip(x, low, high)
    value = weight * np.square(overshoot).sum(dtype=np.float64)
    overshoot *= 2 * weight
    gradient += overshoot
    return float(value), gradient


def total_variation(
    x: np.ndarray, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return `weight` times the sum of squared differences of neighbouring pixels, and its gradient."""
    value = 0.0
    gradient = np.zeros_like(x) if into is None else into
    for first, second in PAIRS:
        d = x[second] - x[first]
        value += np.square(d).sum(dtype=np.float64)
        d *= 2 * weight
        gradient[second] += d
        gradient[first] -= d
    return weight * float(value), gradient
