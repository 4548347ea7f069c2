"""Giving the features of one picture the statistics of another's: AdaIN and WCT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nst.errors import NstError

BLOCK = 1 << 17  # numbers at once in float64
FLOOR = 1e-5  # of the largest eigenvalue: directions with less are not stretched further
TINY = 1e-8  # and in any case: the covariance of a flat picture is 0


class Moments(NamedTuple):
    """What is measured of features: the mean (C,), and the variance (C,) or the covariance (C, C); float64."""

    mu: np.ndarray
    spread: np.ndarray


class Transform:
    """A way to give features other statistics."""

    def measure(self, f: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Return the statistics of features (P, C), each place weighing as much as `weights` (P,) say."""
        raise NotImplementedError

    def factor(self, own: Moments, wanted: Moments) -> np.ndarray:
        """Return A of (f - mu_c) A + mu_s: (C, C), or (C,) where it is diagonal."""
        raise NotImplementedError

    def move(self, f: np.ndarray, own: Moments, wanted: Moments) -> np.ndarray:
        """Return features of the statistics `own` with those that are `wanted`."""
        return moved(f, own.mu, self.factor(own, wanted), wanted.mu)


class AdaIN(Transform):
    """Adaptive instance normalisation: Huang and Belongie, *Arbitrary Style Transfer*, 2017.

    Each channel by itself gets the mean and the standard deviation of the style's::

        AdaIN(f) = sigma_s (f - mu_c) / sigma_c + mu_s            sigma^2 = variance + eps

    With eps in both deviations a picture in its own style stays as it is, to rounding.

    Parameters
    ----------
    eps : float
    """

    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = eps

    def measure(self, f: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Return mean and variance of each channel."""
        return _moments(f, weights, lambda d, w: np.einsum("pc,pc->c", d, d if w is None else d * w))

    def factor(self, own: Moments, wanted: Moments) -> np.ndarray:
        """Return sigma_s / sigma_c, (C,)."""
        return np.sqrt((wanted.spread + self.eps) / (own.spread + self.eps))


class WCT(Transform):
    """Whitening and colouring: Li et al., *Universal Style Transfer via Feature Transforms*, 2017.

    All channels together get the style's mean and its whole covariance. With the eigendecompositions of the symmetric
    covariances, S = E D E^T::

        WCT(f) = E_s D_s^(1/2) E_s^T  E_c D_c^(-1/2) E_c^T (f - mu_c) + mu_s

    from the right: whitened, so that the covariance is the identity, then coloured. Eigenvalues are raised to `FLOOR`
    times the largest, at least `TINY`, in both: so nothing is divided by zero, directions that hold rounding errors
    alone are not blown up to the size of the others, and a picture in its own style stays as it is.
    """

    def measure(self, f: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Return mean and covariance."""
        return _moments(f, weights, lambda d, w: d.T @ (d if w is None else d * w))

    def factor(self, own: Moments, wanted: Moments) -> np.ndarray:
        """Return what whitens and colours rows, (C, C)."""
        return floored_power(own.spread, -0.5) @ floored_power(wanted.spread, 0.5)


def floored_power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """Return a power of a symmetric matrix (C, C) with its eigenvalues raised to the floor that `WCT` states."""
    if not np.isfinite(covariance).all():
        raise NstError("the features of the picture are not finite: is this the encoder's own file?")
    values, vectors = np.linalg.eigh(covariance)
    floor = max(FLOOR * values[-1], TINY)
    return (vectors * np.maximum(values, floor) ** exponent) @ vectors.T


def whitened(f: np.ndarray) -> np.ndarray:
    """Return features (P, C) with mean 0 and, in all directions above the floor, covariance 1."""
    mu, covariance = WCT().measure(f)
    return moved(f, mu, floored_power(covariance, -0.5), np.zeros_like(mu))


def moved(f: np.ndarray, mu: np.ndarray, factor: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return (f - mu) A + `to`, of features (P, C) and a factor A, (C,) or (C, C)."""
    mu, factor, to = (one.astype(f.dtype) for one in (mu, factor, to))
    d = f - mu
    d = np.multiply(d, factor, out=d) if factor.ndim == 1 else d @ factor
    return np.add(d, to, out=d)


def restyled(
    content: np.ndarray,
    styles: Sequence[Moments],
    shares: np.ndarray,
    transform: Transform,
    alpha: float = 1.0,
) -> np.ndarray:
    """Return the features of a content in one style or in several, each with its share of each place.

    With m_k(p) the share of style k at place p, and T_k the transform from the content's statistics *where the style
    goes*, places weighing as their shares, to those of style k::

        t(p) = sum_k m_k(p) T_k(f(p)) + (1 - sum_k m_k(p)) f(p)        alpha t(p) + (1 - alpha) f(p)

    Parameters
    ----------
    content : ndarray, shape (h, w, C)
    styles
        As `transform.measure` gives them.
    shares : ndarray, shape (K, h, w)
        From 0 to 1; at each place at most 1 together. A style without any is left out.
    transform
    alpha : float
        How much of the styles: 0 leaves the features as they are.
    """
    f = content.reshape(-1, content.shape[-1])
    shares = (alpha * shares.reshape(len(styles), -1)).astype(f.dtype)
    if not shares.any():
        return content
    if (shares == shares[:, :1]).all():  # then all of it is one such step
        own = transform.measure(f)
        each = [(float(share), style) for share, style in zip(shares[:, 0], styles, strict=True) if share]
        factor = sum(share * transform.factor(own, style) for share, style in each)
        left = 1 - sum(share for share, _ in each)
        factor = factor + left * (np.eye(len(factor)) if factor.ndim == 2 else 1)
        to = sum(share * style.mu for share, style in each) + left * own.mu
        return moved(f, own.mu, factor, to).reshape(content.shape)
    painted = f * (1 - shares.sum(axis=0))[:, None]
    for style, share in zip(styles, shares, strict=True):
        if share.any():
            own = transform.measure(f, share)
            painted += share[:, None] * transform.move(f, own, style)
    return painted.reshape(content.shape)


def _moments(f: np.ndarray, weights: np.ndarray | None, second) -> Moments:
    """Return the weighted mean, and the weighted mean of `second(f - mu, w)`, in float64.

    With d = f - f[0], in one pass: the mean of d d^T, less that of d with itself. Around a place of the picture nothing
    cancels that would count in float64.
    """
    total, first, squares = 0.0, 0.0, 0.0
    rows = max(1, BLOCK // f.shape[1])
    for start in range(0, len(f), rows):
        d = np.subtract(f[start : start + rows], f[0], dtype=np.float64)
        w = np.ones(len(d)) if weights is None else weights[start : start + rows].astype(np.float64)
        total, first = total + w.sum(), first + w @ d
        squares = squares + second(d, None if weights is None else w[:, None])
    mean = first / total
    return Moments(f[0] + mean, squares / total - second(mean[None], None))
