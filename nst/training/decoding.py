"""What the training of slim's decoders depends on, besides its pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVELS = (1, 2, 3, 4)
SHARES = (0.0, 0.06, 0.24, 0.51)
"""At which share of the steps each level's turn begins."""
RATES = (12.0, 6.0, 4.0, 1.0)
"""How many times the learning rate each bears: the less deep, the more."""
STYLED_FROM = 1 / 3
"""After which share of its turn the deepest learns from crops in another's style, too."""


@dataclass(frozen=True)
class Decoding:
    """All that the training of decoders depends on, besides its pictures.

    Attributes
    ----------
    steps : int
        Of all levels together, one after the other; see `SHARES`.
    batch, side : int
        Crops in a step, and their side in pixels.
    learning_rate : float
        Of the deepest decoder; see `RATES`. For each a cosine to 0, with a warm-up of 60 steps.
    feature_weight : float
        Of the features of what comes out, beside its pixels.
    style_weight : float
        Of mean and deviation at each tap, for the deepest decoder: from `STYLED_FROM` on, the second half of its crops
        is given the statistics of the first half before it is decoded. With 0 it learns plain reconstruction as the
        others do.
    seed : int
    """

    steps: int = 4500
    batch: int = 4
    side: int = 96
    learning_rate: float = 1e-3
    feature_weight: float = 1.0
    style_weight: float = 2.0
    seed: int = 0

    def starts(self) -> list[int]:
        """Return the first step of each level's turn, and the number of all steps."""
        return [*(round(share * self.steps) for share in SHARES), self.steps]

    def level(self, step: int) -> int:
        """Return which level learns at a step, counted from 0."""
        return sum(start <= step for start in self.starts()[:-1])

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        level = self.level(step)
        begun, ends = self.starts()[level - 1 : level + 1]
        height = self.learning_rate * RATES[level - 1] * min(1, (step - begun + 1) / 60)
        return height * (1 + math.cos(math.pi * (step - begun) / (ends - begun))) / 2

    def styled(self, step: int) -> int:
        """Return how many crops of a step are decoded in another's style."""
        begun, ends = self.starts()[-2:]
        late = step >= begun + round(STYLED_FROM * (ends - begun))
        return self.batch // 2 if self.style_weight and late else 0
