"""What a distillation depends on, besides its pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""Where style is read, and where Gram matrices are learned."""


@dataclass(frozen=True)
class Distillation:
    """All that a distillation depends on, besides its pictures.

    Attributes
    ----------
    steps : int
    batch, side : int
        Crops in a step, and their side in pixels.
    learning_rate : float
        Of a layer whose initial weights have the deviation 0.034, which is He's for 1728 inputs; the others learn in
        proportion to theirs, to the power 0.75. A cosine to 0, with a warm-up of 60 steps in each stage.
    stages : tuple of (float, int, int)
        From this share of the steps on, learn this many blocks, on crops of this side.
    gram_weight, gram_from : float
        The weight of the Gram matrices at the taps, and the share of the steps from which on they count.
    between : float
        The weight of the layers between the taps from then on; 1 before.
    clip : float
        The largest norm of a gradient.
    average : float
        Of the moving average of the weights, which is what is validated and saved.
    check_every : int
        Steps between two looks for silent units, in the first half.
    seed : int
    """

    steps: int = 6000
    batch: int = 4
    side: int = 128
    learning_rate: float = 1e-3
    stages: tuple[tuple[float, int, int], ...] = ((0.0, 1, 64), (0.04, 2, 96), (0.12, 3, 96), (0.25, 4, 128))
    gram_weight: float = 0.5
    gram_from: float = 0.5
    between: float = 0.3
    clip: float = 1.0
    average: float = 0.995
    check_every: int = 200
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        since = step - max(start for start in self.starts() if start <= step)
        return self.learning_rate * min(1, (since + 1) / 60) * (1 + math.cos(math.pi * step / self.steps)) / 2

    def stage(self, step: int) -> tuple[int, int]:
        """Return how many blocks learn at a step, and the side of the crops."""
        behind = sum(start <= step for start in self.starts())
        return self.stages[behind - 1][1:]

    def starts(self) -> list[int]:
        """Return the first step of each stage."""
        return [round(share * self.steps) for share, _, _ in self.stages]
