"""The terms that an objective is a sum of: a loss, the place where it is taken, and its weight.

`tap` names the layer whose output a term takes, None meaning the pixels themselves; `label` names the term in
progress lines and reports. Called with the tap's features, which it does not change, a term returns its
weighted value and its weighted gradient in their dtype. Those of the pixels can add it to one that is there, `into`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.losses.content import content_loss
from nst.losses.gram import GRAM
from nst.losses.range_penalty import range_penalty
from nst.losses.statistic import Statistic
from nst.losses.total_variation import total_variation


@dataclass(frozen=True, eq=False)
class Content:
    """`weight` times `content_loss` of the features at `tap` against `target`."""

    tap: str
    target: np.ndarray
    weight: float = 1.0

    @property
    def label(self) -> str:
        return f"content {self.tap}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        return content_loss(features, self.target, self.weight)


@dataclass(frozen=True, eq=False)
class Style:
    """`weight` times the loss of the features at `tap` against `target`, a `statistic` of the style's.

    For several styles, `target` is what `blend` makes of theirs.
    """

    tap: str
    target: np.ndarray
    weight: float = 1.0
    statistic: Statistic = GRAM

    @property
    def label(self) -> str:
        return f"{'style' if self.statistic is GRAM else self.statistic.name} {self.tap}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        return self.statistic.loss(features, self.target, self.weight)


@dataclass(frozen=True)
class TotalVariation:
    """`weight` times `total_variation` of the pixels."""

    weight: float = 1.0
    tap: None = None
    label: str = "tv"

    def __call__(self, features: np.ndarray, into: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        return total_variation(features, self.weight, into)


@dataclass(frozen=True)
class Range:
    """`weight` times `range_penalty` of the pixels beyond `low` and `high`."""

    weight: float = 1.0
    low: float = 0.0
    high: float = 255.0
    tap: None = None
    label: str = "range"

    def __call__(self, features: np.ndarray, into: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        return range_penalty(features, self.low, self.high, self.weight, into)
