"""Batch normalisation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer, Mode


class Saved(NamedTuple):
    """What the backward pass of `BatchNorm` needs: the input, unless nothing needs it, and the statistics (1, 1, C).

    `x_hat` is computed from them when somebody asks. `variance` is there only after a forward in training.
    """

    x: np.ndarray | None
    mu: np.ndarray
    inv_sigma: np.ndarray
    variance: np.ndarray | None = None

    @property
    def m(self) -> int:
        """How many values each channel had."""
        return math.prod(self.x.shape[:-1])

    @property
    def x_hat(self) -> np.ndarray | None:
        """The normalised input."""
        if self.x is None:
            return None
        return kernels.of(self.x).normalise(_as_one(self.x), self.mu, self.inv_sigma).reshape(self.x.shape)


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

    (`nst.kernels.reference_norms` has each step.) An all-ones dy makes the three terms cancel to zero, so it
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
        saved = self._by_batch(x) if training else self._by_running(x)
        normalise = kernels.of(x).normalise
        y = normalise(_as_one(x), saved.mu, saved.inv_sigma, *self._scale_and_shift(x.dtype))
        return y.reshape(x.shape), saved._replace(x=None) if self.frozen and not training else saved

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: the three terms after a forward in training, the scale alone after one in inference."""
        return self._backward(dy, saved, None if saved.variance is None else _sums(dy, saved))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta, summed in float64; nothing when frozen."""
        return {} if self.frozen else _gradients(dy, _sums(dy, saved))

    def both(self, dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return dx and the gradients, which after a forward in training want the same two sums."""
        if self.frozen:
            return self.backward(dy, saved), {}
        sums = _sums(dy, saved)
        return self._backward(dy, saved, sums), _gradients(dy, sums)

    def update(self, saved: Saved) -> None:
        """Let the running statistics absorb the batch of a forward in training.

        ``running = (1 - momentum) running + momentum batch``, with the unbiased variance, divided by m - 1:
        inference meets the population, not the batch. An empty batch changes nothing.
        """
        if saved.variance is None:
            raise ValueError("update needs what a forward with training=True saved")
        if saved.m == 0:
            return
        unbiased = saved.variance * saved.m / (saved.m - 1)
        self.running_mean = self._absorb(self.running_mean, saved.mu)
        self.running_var = self._absorb(self.running_var, unbiased)

    def _absorb(self, running: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return ((1 - self.momentum) * running + self.momentum * batch.reshape(-1)).astype(running.dtype)

    def _by_batch(self, x: np.ndarray) -> Saved:
        if math.prod(x.shape[:-1]) == 1:
            raise NstError(
                f"batch normalisation in training has one value per channel (input {x.shape}) and so no "
                "variance: give it a larger batch or picture, or run it in inference"
            )
        mu, variance = kernels.of(x).moments(_as_one(x))
        return Saved(x, mu, (1 / np.sqrt(variance + self.eps)).astype(x.dtype), variance)

    def _by_running(self, x: np.ndarray) -> Saved:
        inv_sigma = (1 / np.sqrt(self.running_var + self.eps)).astype(x.dtype, copy=False)
        return Saved(x, self.running_mean.reshape(1, 1, -1), inv_sigma.reshape(1, 1, -1))

    def _scale_and_shift(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        return self.gamma.astype(dtype, copy=False), self.beta.astype(dtype, copy=False)

    def _backward(self, dy, saved, sums):
        kernel, (gamma, _) = kernels.of(dy), self._scale_and_shift(dy.dtype)
        if saved.variance is None:
            dx = kernel.normalise(_as_one(dy), np.zeros_like(saved.inv_sigma), saved.inv_sigma, gamma)
        else:
            dx = kernel.normalise_backward(
                _as_one(dy), _as_one(saved.x), saved.mu, saved.inv_sigma, gamma, sums
            )
        return dx.reshape(dy.shape)


def _as_one(x: np.ndarray) -> np.ndarray:
    """Return (..., C) as one group of places, (1, P, C)."""
    return x.reshape(1, math.prod(x.shape[:-1]), x.shape[-1])


def _sums(dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, np.ndarray]:
    kernel = kernels.of(dy).normalise_sums
    return kernel(_as_one(dy), _as_one(saved.x), saved.mu, saved.inv_sigma)


def _gradients(dy: np.ndarray, sums: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    dbeta, dgamma = (total.reshape(-1).astype(dy.dtype) for total in sums)
    return {"gamma": dgamma, "beta": dbeta}
