"""Batch normalisation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer, Mode
from nst.layers.standardise import standardise, standardise_backward


class Saved(NamedTuple):
    """What the backward pass of `BatchNorm` needs; `mu` and `variance` only after a forward in training."""

    x_hat: np.ndarray | None
    inv_sigma: np.ndarray
    mu: np.ndarray | None = None
    variance: np.ndarray | None = None
    m: int = 0


class BatchNorm(Layer):
    r"""Normalise each channel over the batch: Ioffe and Szegedy, *Batch Normalization*, 2015.

    In training the statistics are those of the mini-batch B, m values for each channel (N values of an
    (N, C) input, N H W of an (N, H, W, C) input)::

        mu_B      = 1/m sum_i x_i
        sigma_B^2 = 1/m sum_i (x_i - mu_B)^2
        x_hat_i   = (x_i - mu_B) / sqrt(sigma_B^2 + eps)
        y_i       = gamma x_hat_i + beta

    In inference mu and sigma^2 are the running statistics, which are constants.

    **Backward, parameters.** y is linear in them, and each is used at all m places::

        dgamma = sum_i dy_i x_hat_i            dbeta = sum_i dy_i

    **Backward, input, inference.** mu and sigma are constants, so only the scale remains::

        dx_i = gamma / sqrt(sigma^2 + eps) dy_i

    **Backward, input, training.** Each x_i also moves mu_B and sigma_B, and through them every x_hat_j. With
    r = 1 / sqrt(sigma_B^2 + eps), d mu_B / d x_i = 1/m and d r / d x_i = -r^2 x_hat_i / m::

        d x_hat_j / d x_i = r (delta_ij - 1/m - x_hat_i x_hat_j / m)

        dx_i = gamma r (dy_i - 1/m sum_j dy_j - x_hat_i 1/m sum_j dy_j x_hat_j)

    (`nst.layers.standardise` has each step.) An all-ones dy makes the three terms cancel to zero, so it
    proves nothing about them: check this layer with a random one.

    Parameters
    ----------
    gamma, beta : ndarray, shape (C,)
        Scale and shift, trained.
    running_mean, running_var : ndarray, shape (C,)
        The statistics of inference; `update` moves them.
    momentum : float
        The share of the new batch in `update` (PyTorch's convention; Keras counts the share of the old).
    eps : float
        Added to the variance, inside the root.
    """

    pointwise = True
    parameter_names = ("gamma", "beta")
    buffer_names = ("running_mean", "running_var")
    has_mode = True

    def __init__(
        self,
        gamma: np.ndarray,
        beta: np.ndarray,
        running_mean: np.ndarray,
        running_var: np.ndarray,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        self.gamma, self.beta = gamma, beta
        self.running_mean, self.running_var = running_mean, running_var
        self.momentum, self.eps = momentum, eps

    def forward(self, x: np.ndarray, training: Mode = False) -> tuple[np.ndarray, Saved]:
        """Normalise `x` (..., C) by the batch's statistics while `training`, by the running ones otherwise.

        Raises
        ------
        NstError
            In training with one value per channel: its x_hat is 0 whatever the value, so nothing is learnt.
        """
        x_hat, saved = self._by_batch(x) if training else self._by_running(x)
        y = x_hat * self.gamma.astype(x.dtype, copy=False)
        y += self.beta.astype(x.dtype, copy=False)
        return y, saved

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: the three terms after a forward in training, the scale alone after one in inference."""
        dx_hat = dy * self.gamma.astype(dy.dtype, copy=False)
        if saved.mu is None:
            dx_hat *= saved.inv_sigma
            return dx_hat
        return standardise_backward(dx_hat, saved.x_hat, saved.inv_sigma, _all_but_channels(dy))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta, summed in float64; nothing when frozen."""
        if self.frozen:
            return {}
        axes = _all_but_channels(dy)
        dgamma = (dy * saved.x_hat).sum(axes, dtype=np.float64)
        return {"gamma": dgamma.astype(dy.dtype), "beta": dy.sum(axes, dtype=np.float64).astype(dy.dtype)}

    def update(self, saved: Saved) -> None:
        """Let the running statistics absorb the batch of a forward in training.

        ``running = (1 - momentum) running + momentum batch``, with the unbiased variance, divided by m - 1:
        inference meets the population, not the batch. An empty batch changes nothing.
        """
        if saved.mu is None:
            raise ValueError("update needs what a forward with training=True saved")
        if saved.m == 0:
            return
        unbiased = saved.variance * saved.m / (saved.m - 1)
        self.running_mean = self._absorb(self.running_mean, saved.mu)
        self.running_var = self._absorb(self.running_var, unbiased)

    def _absorb(self, running: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return ((1 - self.momentum) * running + self.momentum * batch.reshape(-1)).astype(running.dtype)

    def _by_batch(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        m = math.prod(x.shape[:-1])
        if m == 1:
            raise NstError(
                f"batch normalisation in training has one value per channel (input {x.shape}) and so no "
                "variance: give it a larger batch or picture, or run it in inference"
            )
        x_hat, inv_sigma, mu, variance = standardise(x, _all_but_channels(x), self.eps)
        return x_hat, Saved(x_hat, inv_sigma, mu, variance, m)

    def _by_running(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        inv_sigma = (1 / np.sqrt(self.running_var + self.eps)).astype(x.dtype, copy=False)
        x_hat = x - self.running_mean.astype(x.dtype, copy=False)
        x_hat *= inv_sigma
        return x_hat, Saved(None if self.frozen else x_hat, inv_sigma)


def _all_but_channels(x: np.ndarray) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))
