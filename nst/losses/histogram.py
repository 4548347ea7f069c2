"""Histograms: how often each channel takes which value."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.kernels.reference_ranks import resample
from nst.losses.content import content_loss
from nst.losses.statistic import Statistic, as_matrix, check_channels

MOST = 1 << 16  # quantiles of a channel that are kept: of larger maps, means of neighbouring ones


class Histogram(Statistic):
    r"""The values of each channel in order: its quantiles, (C, Q).

    To match a histogram is to give the k-th smallest of M values the k-th smallest of the style's, q_1 <= ... <= q_M.
    With r_pc the rank of F_pc in its channel, and R(F) the matched features::

        R(F)_pc = q_c,r_pc
        L       = 1/(H W C) sum_pc (F_pc - R(F)_pc)^2

    Risser, Wilmot and Barnes, *Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram
    Losses*, 2017. They match through histograms of 256 bins; here the values are sorted, so that there are no bins to
    choose, and L is the exact squared distance (Wasserstein's) of two distributions on a line. Where the style has
    another number of pixels, q_k is the mean of its distribution between the ranks (k - 1)/M and k/M.

    **Gradient.** R depends on F through the ranks alone, which do not change in a small step: R is a constant, as in
    the paper, and this is no approximation::

        dF_pc = 2/(H W C) (F_pc - R(F)_pc)

    Where two values tie, the slope jumps, as that of a ReLU does at 0. Units that are off tie all the time, but
    a ReLU lets no gradient through to them.

    A rank is not known until all values are, so tiles cannot add it up.
    """

    name = "histogram"

    def measure(self, features: np.ndarray) -> np.ndarray:
        """Return the quantiles, at most `MOST`, in the dtype of the features."""
        f = np.sort(as_matrix(kernels.to_host(features)).T, axis=1)
        return resample(f, MOST).astype(f.dtype) if f.shape[1] > MOST else f

    def matched(self, features: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return R(F), in the shape and dtype of the features."""
        f = as_matrix(features)
        check_channels(self.name, target[:, 0], features)
        return kernels.of(f).by_rank(f, target).reshape(features.shape)

    def loss(self, features: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
        """Return the weighted loss and its gradient."""
        return content_loss(features, self.matched(features, target), weight)


HISTOGRAM = Histogram()
