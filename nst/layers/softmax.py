"""Softmax over the last axis."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer


class Softmax(Layer):
    r"""Turn scores into probabilities along the last axis::

        p_i = exp(z_i) / sum_j exp(z_j) = exp(z_i - max z) / sum_j exp(z_j - max z)

    Subtracting the maximum changes nothing in exact arithmetic and keeps exp from overflowing: its largest
    argument is 0, so the sum is at least 1. A score of -inf gets probability 0. A row with no finite score
    (all -inf, or a +inf) has no limit that all paths to it share: its probabilities are NaN.

    **Backward.** With S = sum_j exp(z_j), the two cases of the quotient rule::

        i = k:   d p_i / d z_k = (exp(z_i) S - exp(z_i) exp(z_k)) / S^2 = p_i (1 - p_k)
        i != k:  d p_i / d z_k = -exp(z_i) exp(z_k) / S^2               = -p_i p_k

    together d p_i / d z_k = p_i (delta_ik - p_k), so that::

        dz_k = sum_i dp_i p_i (delta_ik - p_k) = p_k (dp_k - sum_i dp_i p_i)

    Only the output is needed, so only it is saved.
    """

    pointwise = True

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of the scores `x` (..., C)."""
        with np.errstate(invalid="ignore"):  # -inf minus -inf: the NaN that the docstring promises
            p = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        p /= p.sum(axis=-1, keepdims=True)
        return p, p

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dz, given dp = `dy` and p = `saved`."""
        p = saved
        return p * (dy - (dy * p).sum(axis=-1, keepdims=True))
