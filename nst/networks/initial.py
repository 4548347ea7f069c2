"""What fresh networks begin with."""

from __future__ import annotations

import numpy as np

from nst.layers import BatchNorm


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw weights, whose last axis is of outputs, as He et al. (2015) do: normal, with variance 2 gain^2 / fan-in.

    A sum over fan-in products of such weights with what a ReLU let through, half of it zeros, has the variance of what
    went into that ReLU: signals keep their size from layer to layer.
    """
    fan_in = int(np.prod(shape[:-1]))
    return rng.standard_normal(shape, np.float32) * np.float32(gain * np.sqrt(2 / fan_in))


def fresh_norm(channels: int) -> BatchNorm:
    """Return a batch normalisation that has seen nothing: gammas 1, betas 0."""

    def full(value: float) -> np.ndarray:
        return np.full(channels, value, np.float32)

    return BatchNorm(full(1), full(0), full(0), full(1))
