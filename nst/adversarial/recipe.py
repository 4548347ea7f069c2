"""All that a training of a Wasserstein GAN depends on, beside the two networks and what is real."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from nst.errors import NstError


@dataclass(frozen=True)
class Recipe:
    """How generator and critic are trained; the defaults are Algorithm 1 of Arjovsky et al., 2017.

    Attributes
    ----------
    steps : int
        Of the generator.
    learning_rate : float
        Alpha, of RMSProp for both.
    clip : float
        c: after each step of the critic each of its weights is brought back to -c .. c.
    batch : int
        m: how many are drawn for each step, real ones and noise.
    critic_steps : int
        n_critic: steps of the critic for one of the generator.
    head_start : int
        The first so many steps of the generator, and each 500th, have `long` steps of the critic before them. The
        paper says only that the critic should be trained till it is optimal; this is what its authors' program does.
    long : int
    average : float
        Decay of the moving average of the generator's weights, which is what is kept and shown; 0 for none. It changes
        nothing in the game.
    seed : int
        Of the fresh weights and of all that is drawn.
    """

    steps: int = 2000
    learning_rate: float = 5e-5
    clip: float = 0.01
    batch: int = 64
    critic_steps: int = 5
    head_start: int = 25
    long: int = 100
    average: float = 0.995
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (kind, low, high) in _LIMITS.items():
            value = getattr(self, name)
            right = isinstance(value, int) if kind is int else isinstance(value, (int, float))
            if not right or isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
                said = name.replace("_", " ")
                raise NstError(f"{said} goes from {low:g} to {high:g}, and is not {value!r:.40}")

    def turns(self, step: int) -> int:
        """Return how many steps the critic does before a step of the generator, which are counted from 0."""
        return self.long if step < self.head_start or step % 500 == 499 else self.critic_steps

    def plain(self) -> dict[str, Any]:
        """Return it in the types of JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, found: object) -> Recipe:
        """Return the recipe that `plain` gave, read from outside.

        Raises
        ------
        NstError
            When a setting is missing, unknown or senseless.
        """
        if not isinstance(found, dict) or found.keys() != _LIMITS.keys():
            raise NstError("the recipe does not have the settings that it should")
        return cls(**found)


_LIMITS = {
    "steps": (int, 1, 10**9),
    "learning_rate": (float, 1e-9, 1.0),
    "clip": (float, 1e-6, 1e3),
    "batch": (int, 2, 100_000),
    "critic_steps": (int, 1, 10_000),
    "head_start": (int, 0, 10**9),
    "long": (int, 1, 10_000),
    "average": (float, 0.0, 0.999999),
    "seed": (int, 0, 2**63 - 1),
}
