"""Instance normalisation."""

from __future__ import annotations

import numpy as np

from nst.layers.picture_norm import Affine, PictureNorm


class InstanceNorm(PictureNorm):
    r"""Normalise each channel of each picture by itself: Ulyanov et al., *Instance Normalization*, 2016.

    For picture t and channel i, over its m = H W pixels (l, m)::

        mu_ti      = 1/HW sum_lm x_tilm
        sigma_ti^2 = 1/HW sum_lm (x_tilm - mu_ti)^2
        x_hat_tijk = (x_tijk - mu_ti) / sqrt(sigma_ti^2 + eps)
        y_tijk     = gamma_i x_hat_tijk + beta_i

    That is batch normalisation with a batch of one picture, in training and in inference alike: pictures
    never mix, and no running statistics are kept. It removes the contrast of the picture, which is why
    stylisation networks want it.

    **Backward, parameters.** gamma_i and beta_i serve every picture and pixel, so the sums run over both::

        dgamma_i = sum_tjk dy_tijk x_hat_tijk          dbeta_i = sum_tjk dy_tijk

    **Backward, input.** Within one picture and channel, with r = 1 / sqrt(sigma^2 + eps), p and q pixels::

        d mu / d x_p = 1/HW        d r / d x_p = -r^2 x_hat_p / HW

        d x_hat_q / d x_p = r (delta_pq - 1/HW - x_hat_p x_hat_q / HW)

        dx_p = gamma r (dy_p - 1/HW sum_q dy_q - x_hat_p 1/HW sum_q dy_q x_hat_q)

    and nothing between pictures (`nst.kernels.reference_norms` has each step).

    Parameters
    ----------
    gamma, beta : ndarray, shape (C,), or None
        Scale and shift, trained; None leaves it out.
    eps : float
        Added to the variance, inside the root.
    """

    def __init__(self, gamma: np.ndarray | None, beta: np.ndarray | None, *, eps: float = 1e-5) -> None:
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def affine(self, pictures: int) -> Affine:
        """Return gamma and beta."""
        return self.gamma, self.beta

    def of_sums(self, dbeta: np.ndarray, dgamma: np.ndarray) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta (C,), the sums over all pictures."""
        return {"gamma": dgamma.sum(axis=0), "beta": dbeta.sum(axis=0)}
