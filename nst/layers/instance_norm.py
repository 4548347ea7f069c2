"""Instance normalisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.standardise import standardise, standardise_backward

PIXELS = (1, 2)  # the axes of height and width: never the batch


class Saved(NamedTuple):
    """What the backward pass of `InstanceNorm` needs."""

    x_hat: np.ndarray
    inv_sigma: np.ndarray


class InstanceNorm(Layer):
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

    and nothing between pictures (`nst.layers.standardise` has each step).

    Parameters
    ----------
    gamma, beta : ndarray, shape (C,), or None
        Scale and shift, trained; None leaves it out.
    eps : float
        Added to the variance, inside the root.
    """

    parameter_names = ("gamma", "beta")

    def __init__(self, gamma: np.ndarray | None, beta: np.ndarray | None, *, eps: float = 1e-5) -> None:
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Normalise `x` (N, H, W, C) over its pixels.

        Raises
        ------
        NstError
            With one pixel: it equals its own mean, so the output would be beta whatever the input, and the
            gradient 0.
        """
        if x.shape[1] * x.shape[2] < 2:
            raise NstError(
                f"instance normalisation of {x.shape[1]} x {x.shape[2]} pixels would erase them, as a lone "
                "value equals its mean: give the network a larger picture"
            )
        x_hat, inv_sigma, _, _ = standardise(x, PIXELS, self.eps)
        y = x_hat if self.gamma is None else x_hat * self.gamma.astype(x.dtype, copy=False)
        if self.beta is not None:
            y = y + self.beta.astype(x.dtype, copy=False)
        return y, Saved(x_hat, inv_sigma)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: the three terms, for each picture and channel by itself."""
        dx_hat = dy if self.gamma is None else dy * self.gamma.astype(dy.dtype, copy=False)
        return standardise_backward(dx_hat, saved.x_hat, saved.inv_sigma, PIXELS)

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta where those exist, summed in float64; nothing when frozen."""
        if self.frozen:
            return {}
        grads = {}
        if self.gamma is not None:
            grads["gamma"] = (dy * saved.x_hat).sum((0, *PIXELS), dtype=np.float64).astype(dy.dtype)
        if self.beta is not None:
            grads["beta"] = dy.sum((0, *PIXELS), dtype=np.float64).astype(dy.dtype)
        return grads
