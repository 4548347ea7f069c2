"""What a distillation depends on, besides its pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

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
        proportion to theirs, to the power 0.75. A cosine to 0 in each part, with a warm-up of 60 steps there and in
        each stage.
    stages : tuple of (float, int, int)
        From this share of the steps on, learn this many blocks, on crops of this side.
    parts : tuple of (float, float)
        The share of the steps at which each part begins, and its height as a share of the learning rate.
    painted, mixed : int
        How many pictures the student paints at the beginning and in the middle of each part but the first, and how
        many of them stand in for crops in each step from then on (half of the batch at most).
    gram_weight, gram_from : float
        The weight of the Gram matrices at the taps, and the share of the steps from which on they count.
    between : float
        The weight of the layers between the taps from then on; 1 before.
    clip : float
        The largest norm of a gradient.
    average : float
        Of the moving average of the weights, which is what is validated and saved.
    seed : int
    """

    steps: int = 9000
    batch: int = 4
    side: int = 128
    learning_rate: float = 1e-3
    stages: tuple[tuple[float, int, int], ...] = (
        (0.0, 1, 64),
        (2 / 75, 2, 96),
        (0.08, 3, 96),
        (1 / 6, 4, 128),
    )
    parts: tuple[tuple[float, float], ...] = ((0.0, 1.0), (2 / 3, 0.5), (8 / 9, 0.4))
    painted: int = 64
    mixed: int = 2
    gram_weight: float = 0.5
    gram_from: float = 1 / 3
    between: float = 0.3
    clip: float = 1.0
    average: float = 0.995
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        bounds = [*(round(share * self.steps) for share, _ in self.parts), self.steps]
        part = sum(bound <= step for bound in bounds) - 1
        begun, ends = bounds[part : part + 2]
        since = step - max(start for start in (*self.starts(), begun) if start <= step)
        height = self.learning_rate * self.parts[part][1] * min(1, (since + 1) / 60)
        return height * (1 + math.cos(math.pi * (step - begun) / (ends - begun))) / 2

    def painting(self, step: int) -> int:
        """Return how many pictures have been painted when a step is done."""
        bounds = [*(share for share, _ in self.parts[1:]), 1.0]
        shares = [*bounds[:-1], *((a + b) / 2 for a, b in pairwise(bounds))]
        return self.painted * sum(step >= round(share * self.steps) for share in shares)

    def stage(self, step: int) -> tuple[int, int]:
        """Return how many blocks learn at a step, and the side of the crops."""
        behind = sum(start <= step for start in self.starts())
        return self.stages[behind - 1][1:]

    def starts(self) -> list[int]:
        """Return the first step of each stage."""
        return [round(share * self.steps) for share, _, _ in self.stages]
