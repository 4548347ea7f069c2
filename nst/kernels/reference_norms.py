"""Normalisation and rectification, by their definition: NumPy, any dtype.

Values come as (G, P, C): for each of G groups and C channels, the P places that share a mean. A batch normalised as one
is (1, N H W, C); pictures normalised each by itself are (N, H W, C). All sums run in float64.
"""

from __future__ import annotations

import numpy as np


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the mean and the variance over the places, float64 (G, 1, C); 0 where there are no places.

    ::

        mu      = 1/m sum_i x_i
        sigma^2 = 1/m sum_i (x_i - mu)^2                (biased: divided by m, not by m - 1)

    Two passes: the variance comes from the centred values. The shorter `E[x^2] - E[x]^2` subtracts two large
    numbers, and in float32 loses every digit once the mean is a few thousand times the deviation.
    """
    m = max(1, x.shape[1])
    mu = x.sum(axis=1, dtype=np.float64, keepdims=True) / m
    variance = np.square(x - mu.astype(x.dtype)).sum(axis=1, dtype=np.float64, keepdims=True) / m
    return mu, variance


def normalise(
    x: np.ndarray,
    mu: np.ndarray,
    inv_sigma: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
) -> np.ndarray:
    """Return gamma (x - mu) inv_sigma + beta, in the dtype of `x`.

    `mu` and `inv_sigma` = 1 / sqrt(sigma^2 + eps) are (G, 1, C); `gamma` and `beta`, which may be absent, (C,).
    """
    y = x - mu.astype(x.dtype, copy=False)
    y *= inv_sigma
    if gamma is not None:
        y *= gamma
    if beta is not None:
        y += beta
    return y


def normalise_sums(
    dy: np.ndarray, x: np.ndarray, mu: np.ndarray, inv_sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums over the places of dy and of dy x_hat, float64 (G, 1, C), where x_hat = (x - mu) inv_sigma.

    Summed over the groups as well they are the gradients of beta and of gamma.
    """
    x_hat = normalise(x, mu, inv_sigma)
    return dy.sum(1, dtype=np.float64, keepdims=True), (dy * x_hat).sum(1, dtype=np.float64, keepdims=True)


def normalise_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mu: np.ndarray,
    inv_sigma: np.ndarray,
    gamma: np.ndarray | None,
    sums: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    r"""Return the gradient with respect to `x` where mu and sigma are those of `x` itself.

    x reaches the loss by three roads: directly, through mu and through sigma. With r = inv_sigma::

        d x_hat_j / d x_i = r (delta_ij - d mu / d x_i)  +  (x_j - mu) d r / d x_i

        d mu / d x_i = 1/m
        d r  / d x_i = -1/2 r^3 d sigma^2 / d x_i = -1/2 r^3 2/m (x_i - mu) = -r^2 x_hat_i / m

    (in d sigma^2 the road through mu drops out, because sum_j (x_j - mu) = 0). Since x_j - mu = x_hat_j / r::

        d x_hat_j / d x_i = r (delta_ij - 1/m - x_hat_j x_hat_i / m)

    and the sum over j against d x_hat_j = gamma dy_j leaves three terms, one for each road::

        dx_i = gamma r (dy_i - mean_j dy_j - x_hat_i mean_j(dy_j x_hat_j))

    The result has mean 0 and is (eps aside) orthogonal to x_hat: shifting or stretching x changes nothing. `sums` is
    what `normalise_sums` returns.
    """
    m = max(1, x.shape[1])
    through_mu, through_sigma = ((total / m).astype(x.dtype) for total in sums)
    dx = dy - through_mu
    dx -= normalise(x, mu, inv_sigma) * through_sigma
    dx *= inv_sigma
    if gamma is not None:
        dx *= gamma
    return dx


def relu_forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return max(x, 0), in which a NaN stays one, and the mask x > 0."""
    return np.maximum(x, 0), x > 0


def relu_backward(dy: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return dy times the mask."""
    return dy * mask
