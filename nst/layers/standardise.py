"""Subtract the mean, divide by the standard deviation: what batch and instance normalisation share."""

from __future__ import annotations

import math

import numpy as np


def standardise(
    x: np.ndarray, axes: tuple[int, ...], eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Give the values along `axes` mean 0 and variance 1.

    With m values along `axes`::

        mu      = 1/m sum_i x_i
        sigma^2 = 1/m sum_i (x_i - mu)^2                (biased: divided by m, not by m - 1)
        x_hat   = (x - mu) / sqrt(sigma^2 + eps)

    Two passes: the variance comes from the centred values. The shorter `E[x^2] - E[x]^2` subtracts two large
    numbers, and in float32 loses every digit once the mean is a few thousand times the deviation. Both sums
    run in float64.

    Parameters
    ----------
    x : ndarray
        Values of any shape, an empty one included.
    axes : tuple of int
        The axes that are averaged over.
    eps : float
        Keeps the root away from zero; it stands inside the root.

    Returns
    -------
    x_hat : ndarray
        As `x`, in its dtype.
    inv_sigma : ndarray
        1 / sqrt(sigma^2 + eps) in the dtype of `x`, with `axes` kept at length 1.
    mu, variance : ndarray
        float64, with `axes` kept at length 1.
    """
    m = max(1, math.prod(x.shape[axis] for axis in axes))
    mu = x.sum(axes, dtype=np.float64, keepdims=True) / m
    x_hat = x - mu.astype(x.dtype)
    variance = np.square(x_hat).sum(axes, dtype=np.float64, keepdims=True) / m
    inv_sigma = (1 / np.sqrt(variance + eps)).astype(x.dtype)
    x_hat *= inv_sigma
    return x_hat, inv_sigma, mu, variance


def standardise_backward(
    dx_hat: np.ndarray, x_hat: np.ndarray, inv_sigma: np.ndarray, axes: tuple[int, ...]
) -> np.ndarray:
    r"""Return the gradient with respect to `x`, given the gradient with respect to `x_hat`.

    x reaches the loss by three roads: directly, through mu and through sigma. With r = inv_sigma::

        d x_hat_j / d x_i = r (delta_ij - d mu / d x_i)  +  (x_j - mu) d r / d x_i

        d mu / d x_i = 1/m
        d r  / d x_i = -1/2 r^3 d sigma^2 / d x_i = -1/2 r^3 2/m (x_i - mu) = -r^2 x_hat_i / m

    (in d sigma^2 the road through mu drops out, because sum_j (x_j - mu) = 0). Since x_j - mu = x_hat_j / r::

        d x_hat_j / d x_i = r (delta_ij - 1/m - x_hat_j x_hat_i / m)

    and the sum over j against dx_hat_j leaves three terms, one for each road::

        dx_i = r (dx_hat_i - mean_j dx_hat_j - x_hat_i mean_j(dx_hat_j x_hat_j))

    The result has mean 0 and is (eps aside) orthogonal to x_hat: shifting or stretching x changes nothing.
    """
    m = max(1, math.prod(x_hat.shape[axis] for axis in axes))
    through_mu = dx_hat.sum(axes, dtype=np.float64, keepdims=True) / m
    through_sigma = (dx_hat * x_hat).sum(axes, dtype=np.float64, keepdims=True) / m
    dx = dx_hat - through_mu.astype(x_hat.dtype)
    dx -= x_hat * through_sigma.astype(x_hat.dtype)
    dx *= inv_sigma
    return dx
