"""Filter response normalisation and the thresholded unit that belongs to it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.picture_norm import by_picture, sums_over_places


class Saved(NamedTuple):
    """What the backward pass of `FilterResponseNorm` needs: the input, and 1 / sqrt(nu^2 + eps) (N, 1, C)."""

    x: np.ndarray
    mu: np.ndarray
    inv_sigma: np.ndarray


class FilterResponseNorm(Layer):
    r"""Divide each channel of each picture by its root mean square: Singh and Krishnan, *FRN*, 2020.

    For picture t and channel i, over its m = H W pixels p::

        nu^2  = 1/m sum_p x_p^2
        x_hat = x / sqrt(nu^2 + eps)             y = gamma x_hat + beta

    Instance normalisation that subtracts no mean: so it depends neither on the batch nor on how many pixels
    there are, one included. Activations keep their offset from 0, and a `TLU` behind it learns where to cut.

    **Backward.** With r = 1 / sqrt(nu^2 + eps), d nu^2 / d x_p = 2 x_p / m and d r / d x_p = -r^2 x_hat_p / m::

        d x_hat_q / d x_p = r (delta_pq - x_hat_p x_hat_q / m)

        dx_p   = gamma r (dy_p - x_hat_p 1/m sum_q dy_q x_hat_q)
        dgamma = sum_tp dy_tp x_hat_tp           dbeta = sum_tp dy_tp

    That is instance normalisation's without the term through the mean, and the same kernel computes it.

    Parameters
    ----------
    gamma, beta : ndarray, shape (C,)
        Scale and shift, trained.
    eps : float
        Added to nu^2, inside the root. (The paper learns it too where there is one pixel; here it is fixed.)
    """

    parameter_names = ("gamma", "beta")

    def __init__(self, gamma: np.ndarray, beta: np.ndarray, *, eps: float = 1e-6) -> None:
        self.gamma, self.beta, self.eps = gamma, beta, float(eps)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the same shape; NstError unless it is (N, H, W, C) with at least one pixel."""
        if len(shape) != 4 or min(shape[1:3]) < 1 or shape[3] != len(self.gamma):
            raise NstError(
                f"filter response normalisation expects (N, H, W, {len(self.gamma)}), not {tuple(shape)}"
            )
        return tuple(shape)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Normalise `x` (N, H, W, C) over its pixels."""
        self.output_shape(x.shape)
        kernel = kernels.of(x)
        mu, variance = kernel.moments(by_picture(x))
        inv_sigma = (1 / np.sqrt(variance + mu * mu + self.eps)).astype(x.dtype)
        saved = Saved(x, np.zeros_like(inv_sigma), inv_sigma)
        gamma, beta = (one.astype(x.dtype, copy=False) for one in (self.gamma, self.beta))
        return kernel.normalise(by_picture(x), saved.mu, inv_sigma, gamma, beta).reshape(x.shape), saved

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx."""
        return self._backward(dy, saved, sums_over_places(dy, saved))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta, summed in float64; nothing when frozen."""
        return {} if self.frozen else _gradients(dy, sums_over_places(dy, saved))

    def both(self, dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return dx and the gradients, which want the same sums."""
        sums = sums_over_places(dy, saved)
        return self._backward(dy, saved, sums), {} if self.frozen else _gradients(dy, sums)

    def _backward(self, dy, saved, sums):
        kernel = kernels.of(dy).normalise_backward
        without_mean = np.zeros_like(sums[0]), sums[1]
        gamma = self.gamma.astype(dy.dtype, copy=False)
        return kernel(by_picture(dy), by_picture(saved.x), *saved[1:], gamma, without_mean).reshape(dy.shape)


def _gradients(dy, sums):
    dbeta, dgamma = (total.sum(axis=(0, 1)).astype(dy.dtype) for total in sums)
    return {"gamma": dgamma, "beta": dbeta}


class TLU(Layer):
    """Thresholded linear unit: a ReLU whose threshold is learnt for each channel (Singh and Krishnan, 2020).

    ::

        y = max(x, tau)          dx   = dy where x > tau, else 0
                                 dtau = Σ dy over the places where x <= tau

    `saved` is the mask x > tau.

    Parameters
    ----------
    tau : ndarray, shape (C,)
        Trained; with 0 it begins as a ReLU.
    """

    pointwise = True
    parameter_names = ("tau",)

    def __init__(self, tau: np.ndarray) -> None:
        self.tau = tau

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the same shape; NstError when the channels are not those of tau."""
        if shape[-1] != len(self.tau):
            raise NstError(f"{len(self.tau)} thresholds do not suit an input of {tuple(shape)}")
        return tuple(shape)

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return a byte for each number: the mask."""
        return math.prod(shape), 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return max(x, tau), and the mask x > tau."""
        self.output_shape(x.shape)
        tau = self.tau.astype(x.dtype, copy=False)
        return np.maximum(x, tau), x > tau

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dy where the input was above the threshold, 0 elsewhere."""
        return dy * saved

    def gradients(self, dy: np.ndarray, saved: np.ndarray) -> dict[str, np.ndarray]:
        """Return dtau, summed in float64; nothing when frozen."""
        if self.frozen:
            return {}
        below = np.where(saved, 0, dy).sum(axis=tuple(range(dy.ndim - 1)), dtype=np.float64)
        return {"tau": below.astype(dy.dtype)}
