"""Mean and deviation of each channel: the smallest statistic that still tells styles apart."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.losses.statistic import Additive

EPSILON = 1e-5  # added to a variance: a channel that is the same everywhere has a slope of 0, not of 0/0


class Moments(Additive):
    r"""The mean and the standard deviation of each channel, as the rows of (2, C).

    With F of M pixels and C channels, and E a small constant::

        mu_c    = 1/M sum_p F_pc
        sigma_c = sqrt(1/M sum_p (F_pc - mu_c)^2 + E)
        L       = 1/(2 C) sum_c [(mu_c - mu'_c)^2 + (sigma_c - sigma'_c)^2]

    mu' and sigma' are those of the style. Li et al., *Demystifying Neural Style Transfer*, 2017, call it matching
    the statistics of batch normalisation; Huang and Belongie, *Arbitrary Style Transfer in Real-Time with Adaptive
    Instance Normalization*, 2017, take it as their style loss.

    **Gradient.** F_pc has slope 1/M in mu_c, and in the variance 2/M (F_pc - mu_c), for the way through mu is the sum
    of centred values, 0. The root divides by 2 sigma::

        dF_pc = 1/(C M) [(mu_c - mu'_c) + (sigma_c - sigma'_c) (F_pc - mu_c) / sigma_c]

    Each channel's values are moved and stretched; nothing tells one channel of another.
    """

    name = "moments"

    def sums(self, f: np.ndarray) -> np.ndarray:
        """Return the sums of F and of F^2, (2, C)."""
        mu, variance = kernels.of(f).moments(f[None])
        return len(f) * np.concatenate([mu[0], variance[0] + np.square(mu[0])])

    def of_sums(self, sums: np.ndarray, pixels: int) -> np.ndarray:
        """Return mu and sigma."""
        mu, square = sums / max(1, pixels)
        return np.stack([mu, np.sqrt(np.maximum(square - np.square(mu), 0) + EPSILON)])

    def compare(self, sums: np.ndarray, pixels: int, target: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss; and mu, the excess of mu, and that of sigma over sigma, (3, C)."""
        mu, sigma = found = self.of_sums(sums, pixels)
        excess = found - target
        return float(np.square(excess).mean()), np.stack([mu, excess[0], excess[1] / sigma])

    def gradient(
        self, features: np.ndarray, difference: np.ndarray, pixels: int, weight: float = 1.0
    ) -> np.ndarray:
        """Return the gradient by some of the features."""
        channels = features.shape[-1]
        mu, shift, stretch = difference
        scale = weight / max(1, channels * pixels)
        f = features.reshape(1, -1, channels)
        normalise = kernels.of(features).normalise
        return normalise(f, mu[None, None], scale * stretch[None, None], None, scale * shift).reshape(
            features.shape
        )


MOMENTS = Moments()
