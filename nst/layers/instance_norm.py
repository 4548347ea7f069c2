"""Instance normalisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer


class Saved(NamedTuple):
    """What the backward pass of `InstanceNorm` needs: the input and its statistics (N, 1, C)."""

    x: np.ndarray
    mu: np.ndarray
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

    and nothing between pictures (`nst.kernels.reference_norms` has each step).

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
        kernel = kernels.select(x.dtype)
        mu, variance = kernel.moments(by_picture(x))
        inv_sigma = (1 / np.sqrt(variance + self.eps)).astype(x.dtype)
        gamma, beta = (None if a is None else a.astype(x.dtype, copy=False) for a in (self.gamma, self.beta))
        y = kernel.normalise(by_picture(x), mu, inv_sigma, gamma, beta)
        return y.reshape(x.shape), Saved(x, mu, inv_sigma)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: the three terms, for each picture and channel by itself."""
        return self._backward(dy, saved, sums_over_places(dy, saved))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta where those exist, summed in float64; nothing when frozen."""
        return {} if self.frozen else self._gradients(dy, sums_over_places(dy, saved))

    def both(self, dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return dx and the gradients, which want the same two sums."""
        sums = sums_over_places(dy, saved)
        return self._backward(dy, saved, sums), {} if self.frozen else self._gradients(dy, sums)

    def _backward(self, dy, saved, sums):
        gamma = None if self.gamma is None else self.gamma.astype(dy.dtype, copy=False)
        kernel = kernels.select(dy.dtype).normalise_backward
        dx = kernel(by_picture(dy), by_picture(saved.x), saved.mu, saved.inv_sigma, gamma, sums)
        return dx.reshape(dy.shape)

    def _gradients(self, dy, sums):
        dbeta, dgamma = (total.sum(axis=(0, 1)).astype(dy.dtype) for total in sums)
        grads = {"gamma": dgamma, "beta": dbeta}
        return {name: grads[name] for name in self.parameters()}


def by_picture(x: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) as N groups of places, (N, H W, C)."""
    n, h, w, c = x.shape
    return x.reshape(n, h * w, c)


def sums_over_places(dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums over each picture's places of dy and of dy x_hat, float64 (N, 1, C)."""
    kernel = kernels.select(dy.dtype).normalise_sums
    return kernel(by_picture(dy), by_picture(saved.x), saved.mu, saved.inv_sigma)
