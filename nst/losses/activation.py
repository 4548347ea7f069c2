"""Terms that reward activations: what excites a unit, a channel, a layer, a class.

An objective is minimised, so each of these is *minus* its weight times an activation. They are sums over the pictures
of a batch, so that each picture is as if it were alone; over places they are means, so that a weight means the same
at every size, and a picture can be taken tile by tile (`mean_over_places`, see `nst.engine.TiledObjective`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nst.errors import NstError


@dataclass(frozen=True)
class Unit:
    r"""The activation of one unit: of channel k at one place p, before or after its ReLU as the tap says::

        L = -weight sum_n F_npk            dF_npk = -weight, and 0 elsewhere

    Erhan et al., *Visualizing Higher-Layer Features of a Deep Network*, 2009.

    Attributes
    ----------
    tap : str
    channel : int
        k.
    place : pair of int, optional
        p, row and column, the middle when not given.
    weight : float
    """

    tap: str
    channel: int
    place: tuple[int, int] | None = None
    weight: float = 1.0

    @property
    def label(self) -> str:
        """What the term is called."""
        where = "" if self.place is None else " at {},{}".format(*self.place)
        return f"unit {self.tap}:{self.channel}{where}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        _check_channel(self, features)
        row, column = self.place or (features.shape[1] // 2, features.shape[2] // 2)
        if not (0 <= row < features.shape[1] and 0 <= column < features.shape[2]):
            size = f"{features.shape[1]} rows and {features.shape[2]} columns"
            raise NstError(f"{self.tap} has {size}, no place {row},{column} (they count from 0)")
        gradient = np.zeros_like(features)
        gradient[:, row, column, self.channel] = -self.weight
        return -self.weight * _sum(features[:, row, column, self.channel]), gradient


@dataclass(frozen=True)
class Channel:
    r"""The mean activation of a channel over all P places::

        L = -weight sum_n 1/P sum_p F_npk            dF_npk = -weight / P, and 0 in other channels

    Attributes
    ----------
    tap : str
    channel : int
        k.
    weight : float
    """

    tap: str
    channel: int
    weight: float = 1.0
    mean_over_places: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return f"channel {self.tap}:{self.channel}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        _check_channel(self, features)
        places = features.shape[1] * features.shape[2]
        gradient = np.zeros_like(features)
        gradient[..., self.channel] = -self.weight / places
        return -self.weight * _sum(features[..., self.channel]) / places, gradient


@dataclass(frozen=True)
class Energy:
    r"""All of a layer, as in Deep Dream: the mean of the squares of the M features of a picture::

        L = -weight sum_n 1/M sum_i F_ni^2            dF_ni = -2 weight/M F_ni

    Whatever the layer sees in the picture, it shall see more of it: the gradient is the features themselves
    (Mordvintsev, Olah and Tyka, *Inceptionism*, 2015).

    Attributes
    ----------
    tap : str
    weight : float
    """

    tap: str
    weight: float = 1.0
    mean_over_places: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return f"layer {self.tap}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        scale = self.weight / max(1, features[:1].size)
        flat = features.reshape(-1)
        value = -scale * float(np.einsum("i,i", flat, flat, dtype=np.float64))
        return value, features * features.dtype.type(-2 * scale)


@dataclass(frozen=True)
class ClassScore:
    r"""The score of a class before the softmax::

        L = -weight sum_n z_nk            dz_nk = -weight, and 0 for the other classes

    Not its probability: that grows as well when all other scores fall, and the picture that makes them fall need not
    show anything (Simonyan, Vedaldi and Zisserman, *Deep Inside Convolutional Networks*, 2013).

    Attributes
    ----------
    tap : str
        The last layer before the softmax: its features are (N, classes).
    number : int
        k, counted from 0.
    weight : float
    """

    tap: str
    number: int
    weight: float = 1.0

    @property
    def label(self) -> str:
        return f"class {self.number}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        if features.ndim != 2 or not 0 <= self.number < features.shape[1]:
            raise NstError(
                f"{self.tap}, of shape {features.shape}, has no class {self.number}: give a layer of scores, "
                "and one of its numbers from 0"
            )
        gradient = np.zeros_like(features)
        gradient[:, self.number] = -self.weight
        return -self.weight * _sum(features[:, self.number]), gradient


def _check_channel(term: Unit | Channel, features: np.ndarray) -> None:
    if features.ndim != 4:
        raise NstError(f"{term.tap} has no places, only {features.shape[-1]} scores: ask for a class")
    if not 0 <= term.channel < features.shape[3]:
        raise NstError(f"{term.tap} has channels 0 to {features.shape[3] - 1}, no {term.channel}")


def _sum(values: np.ndarray) -> float:
    return float(values.sum(dtype=np.float64))
