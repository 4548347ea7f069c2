"""What a statistic of style is: numbers that tell of a picture's features, but not where in the picture they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from nst import kernels
from nst.errors import NstError


class Statistic(ABC):
    """A statistic of one picture's features at a tap, and the loss that compares two of them.

    Each loss here is a mean of squared differences between `measure` of the features and a target, so that several
    targets can be blended; see `blend`.

    Attributes
    ----------
    name : str
        As it is asked for.
    additive : bool
        Whether it is a function of sums over pixels, which tiles can add up.
    """

    name: str
    additive = False

    @abstractmethod
    def measure(self, features: np.ndarray) -> np.ndarray:
        """Return the statistic of features (1, H, W, C): a target."""

    @abstractmethod
    def loss(self, features: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
        """Return `weight` times how far the features' statistic is from `target`, and the gradient.

        The value is summed in float64; the gradient, (1, H, W, C), is in the dtype of the features.

        Raises
        ------
        NstError
            When there is not exactly one picture, or the target has another number of channels.
        """

    def energy(self, target: np.ndarray) -> float:
        """Return the loss of features that are zero everywhere: the size of the target, squared.

        Statistics measure in units of their own. Divided by this, their losses can be compared.
        """
        return float(mean_square(target))


class Additive(Statistic):
    """A statistic of sums over pixels. The gradient at a pixel needs of all the others nothing but these sums."""

    additive = True

    @abstractmethod
    def sums(self, f: np.ndarray) -> np.ndarray:
        """Return the sums over some pixels (P, C), in float64; those of several pieces add up."""

    @abstractmethod
    def of_sums(self, sums: np.ndarray, pixels: int) -> np.ndarray:
        """Return the statistic from the sums over all pixels."""

    @abstractmethod
    def compare(self, sums: np.ndarray, pixels: int, target: np.ndarray) -> tuple[float, Any]:
        """Return the loss, and what `gradient` needs of the picture as a whole."""

    @abstractmethod
    def gradient(self, features: np.ndarray, difference: Any, pixels: int, weight: float = 1.0) -> np.ndarray:
        """Return the gradient by some of the features, (1, h, w, C), of a picture of so many `pixels`."""

    def measure(self, features: np.ndarray) -> np.ndarray:
        """Return the statistic of features (1, H, W, C)."""
        f = as_matrix(features)
        return self.of_sums(self.sums(f), len(f))

    def loss(self, features: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
        """Return the weighted loss and its gradient."""
        f = as_matrix(features)
        check_channels(self.name, target, features)
        value, difference = self.compare(self.sums(f), len(f), target)
        return weight * value, self.gradient(features, difference, len(f), weight)


def blend(targets: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    r"""Return the one target that several styles with blend weights amount to.

    With weights w_k scaled to sum to 1 and the blend B = sum_k w_k A_k::

        sum_k w_k |S - A_k|^2 = |S - B|^2 + sum_k w_k |A_k - B|^2

    The last sum does not depend on the features' own statistic S, so the blend has the gradients of all the styles at
    the cost of one.

    Parameters
    ----------
    targets : sequence of ndarray
        Of the styles, A_k, all of one shape: one statistic at one tap.
    weights : sequence of float
        One for each style, none negative, not all zero.

    Raises
    ------
    NstError
        When the weights do not fit.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(targets),) or not (
        np.isfinite(shares).all() and (shares >= 0).all() and shares.sum()
    ):
        raise NstError(
            f"blend weights {list(weights)} do not fit {len(targets)} styles: "
            "give one each, none below 0, not all 0"
        )
    return sum(share * a for share, a in zip(shares / shares.sum(), targets, strict=True))


def mean_square(a: np.ndarray) -> float:
    """Return the mean of the squares of all numbers, summed in float64; 0 where there are none."""
    return kernels.of(a).dot(a, a) / max(1, a.size)


def as_matrix(features: np.ndarray) -> np.ndarray:
    """Return (H W, C): the pixels as rows."""
    if features.ndim != 4 or len(features) != 1:
        raise NstError(
            f"a statistic of style needs the features (1, H, W, C) of one picture, not shape {features.shape}"
        )
    return features.reshape(-1, features.shape[-1])


def check_channels(name: str, target: np.ndarray, features: np.ndarray) -> None:
    """Raise an `NstError` unless a target, whose last axis or first is of channels, is of as many as the features."""
    if features.shape[-1] not in target.shape:
        raise NstError(
            f"a {name} target of shape {target.shape} does not fit {features.shape[-1]} channels of features"
        )
