"""Covariance: which channels vary together, their means left out."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.losses.statistic import Additive


class Covariance(Additive):
    r"""The Gram matrix of centred features, (C, C).

    With mu the mean of each channel over the M = H W pixels::

        K_ij = 1/(H W C) sum_p (F_pi - mu_i) (F_pj - mu_j)
             = G_ij - mu_i mu_j / C
        L    = 1/C^2 sum_ij (K_ij - A_ij)^2

    A Gram matrix is this and the means in one; a channel that is on everywhere weighs heavily there, and nothing
    here. Whitening and colouring (Li et al., *Universal Style Transfer via Feature Transforms*, 2017) match it, and
    the means, in closed form.

    **Gradient.** With D = K - A, as for the Gram matrix, and the way through mu zero since centred values sum to 0::

        dF = 4/(C^2 H W C) (F - mu) D
    """

    name = "covariance"

    def sums(self, f: np.ndarray) -> np.ndarray:
        """Return F^T F, and below it the row of the sums of F: (C + 1, C)."""
        kernel = kernels.of(f)
        return np.concatenate([kernels.to_host(kernel.gram_sum(f)), len(f) * kernel.moments(f[None])[0][0]])

    def of_sums(self, sums: np.ndarray, pixels: int) -> np.ndarray:
        """Return K."""
        pixels, mu = max(1, pixels), sums[-1] / max(1, pixels)
        return (sums[:-1] / pixels - np.outer(mu, mu)) / max(1, len(mu))

    def compare(
        self, sums: np.ndarray, pixels: int, target: np.ndarray
    ) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        """Return the loss; and D and mu."""
        difference = self.of_sums(sums, pixels) - target
        return float(np.square(difference).mean()), (difference, sums[-1] / max(1, pixels))

    def gradient(
        self,
        features: np.ndarray,
        difference: tuple[np.ndarray, np.ndarray],
        pixels: int,
        weight: float = 1.0,
    ) -> np.ndarray:
        """Return the gradient by some of the features."""
        channels = features.shape[-1]
        scaled = 4 * weight / max(1, channels**3 * pixels) * difference[0]
        f, of_mu = features.reshape(-1, channels), (difference[1] @ scaled)[None, None]
        kernel, scaled = kernels.of(f), kernels.beside(scaled.astype(features.dtype), f)
        pull = kernel.normalise(kernel.matrix_product(f, scaled)[None], of_mu, np.ones_like(of_mu))
        return pull.reshape(features.shape)


COVARIANCE = Covariance()
