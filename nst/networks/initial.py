"""What fresh networks begin with."""

from __future__ import annotations

from itertools import product

import numpy as np

from nst.layers import BatchNorm


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw weights, whose last axis is of outputs, as He et al. (2015) do: normal, with variance 2 gain^2 / fan-in.

    A sum over fan-in products of such weights with what a ReLU let through, half of it zeros, has the variance of what
    went into that ReLU: signals keep their size from layer to layer.
    """
    fan_in = int(np.prod(shape[:-1]))
    return rng.standard_normal(shape, np.float32) * np.float32(gain * np.sqrt(2 / fan_in))


def waves(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> np.ndarray:
    r"""Return the kernels (kh, kw, C_in, C_out) of a first convolution: cosine waves, then `he_normal` where they end.

    A patch of a photograph is nearly of one colour, so that random kernels all see about the same: how bright it is.
    The cosine transform over rows, columns and channels takes it apart into numbers that hardly depend on one another
    (Ahmed et al., 1974), the slowest waves first, with n the length of each axis::

        w_abc[i, j, k] = sqrt(2) d_a[i] d_b[j] d_c[k]          d_a[i] ~ cos(pi a (2 i + 1) / (2 n)),  |d_a| = 1

    Along the channels of a picture these are brightness, red against blue, and green against both. Each wave comes
    with its negative, for a ReLU lets through one of the two. A batch normalisation makes all of them as loud, and so
    whitens the patch, as Page (2018) does with measured components.
    """
    kernels = he_normal(rng, shape)
    down, across, through = (_cosines(size) for size in shape[:3])
    slow_first = sorted(product(*map(range, shape[:3])), key=_speed)
    for place, (a, b, c) in enumerate(slow_first[: shape[3] // 2]):
        wave = np.sqrt(2) * np.einsum("i,j,k->ijk", down[a], across[b], through[c])
        kernels[..., 2 * place], kernels[..., 2 * place + 1] = wave, -wave
    return kernels


def _speed(wave: tuple[int, int, int]) -> int:
    """Return by what waves are ordered: colours differ less than brightness does, and come later."""
    a, b, c = wave
    return a * a + b * b + 3 * c


def _cosines(n: int) -> np.ndarray:
    """Return the orthonormal cosine basis for n values, a wave in each row."""
    basis = np.cos(np.pi * np.outer(np.arange(n), 2 * np.arange(n) + 1) / (2 * n))
    return basis / np.linalg.norm(basis, axis=1, keepdims=True)


def passing(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Return kernels of which the first ones pass a channel on, each another one; the rest are `he_normal`.

    So a fresh network sees at its top what lies at its bottom, as one with shortcuts does (Zagoruyko and Komodakis,
    *DiracNets*, 2017).
    """
    kernels = he_normal(rng, shape)
    height, width, *channels = shape
    passed = np.arange(min(channels))
    kernels[..., passed] = 0
    kernels[height // 2, width // 2, passed, passed] = 1
    return kernels


def fresh_norm(channels: int) -> BatchNorm:
    """Return a batch normalisation that has seen nothing: gammas 1, betas 0."""

    def full(value: float) -> np.ndarray:
        return np.full(channels, value, np.float32)

    return BatchNorm(full(1), full(0), full(0), full(1))
