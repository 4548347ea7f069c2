"""Algorithm 1 of *Wasserstein GAN* (Arjovsky, Chintala and Bottou, 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nst.adversarial.recipe import Recipe
from nst.errors import NstError
from nst.losses import wasserstein
from nst.networks import Network
from nst.optimizers import RMSProp

Source = Callable[[np.random.Generator, int], np.ndarray]
"""Draws so many: pictures that are real, or noise."""

REAL, FAKE = 1, 0


@dataclass
class Game:
    """A critic and a generator, and what they play with.

    What is drawn for a step depends on the seed and the step alone, so that a game can be taken up at any step.

    Parameters
    ----------
    critic, generator : Network
        The last node of the one gives scores (N, 1), that of the other what the critic takes.
    real, noise : callable
        Draw what is real, and what the generator takes.
    recipe : Recipe
    generator_rate : float, optional
        The generator's own learning rate; by default the critic's.

    Attributes
    ----------
    step : int
        Steps of the generator that are done.
    """

    critic: Network
    generator: Network
    real: Source
    noise: Source
    recipe: Recipe
    generator_rate: float | None = None
    step: int = 0

    def __post_init__(self) -> None:
        self.of_critic, self.of_generator = RMSProp(), RMSProp()
        clip(self.critic, self.recipe.clip)

    def advance(self) -> float:
        """Let the critic do its steps and the generator one; return the critic's estimate before the generator moved.

        Raises
        ------
        NstError
            When the loss of either is not finite.
        """
        for turn in range(self.recipe.turns(self.step)):
            estimate = self.critic_step(self.draw(1 + turn))
        self.generator_step(self.draw(0))
        self.step += 1
        return estimate

    def draw(self, turn: int) -> np.random.Generator:
        """Return the random generator of a turn of this step."""
        return np.random.default_rng(np.random.SeedSequence(self.recipe.seed, spawn_key=(self.step, turn)))

    def critic_step(self, rng: np.random.Generator) -> float:
        """Move the critic once up the slope of E f(real) - E f(fake), clip it, and return that difference."""
        m = self.recipe.batch
        fakes, _ = _run(self.generator, self.noise(rng, m))
        loss, total = 0.0, {}
        for pictures, label in ((self.real(rng, m), REAL), (fakes, FAKE)):
            scores, tape = _run(self.critic, pictures)
            value, dscores = wasserstein(scores, label)
            loss += value
            top = {self.critic.names[-1]: dscores}
            total = _sum(total, self.critic.gradients(top, tape, image=False)[1])
        self._check(loss, "critic")
        self.of_critic.update(self.critic.parameters(), total, self.recipe.learning_rate)
        clip(self.critic, self.recipe.clip)
        return -loss

    def generator_step(self, rng: np.random.Generator) -> None:
        """Move the generator once up the slope of E f(fake), which leads back through the critic as it is."""
        fakes, tape = _run(self.generator, self.noise(rng, self.recipe.batch))
        scores, seen = _run(self.critic, fakes)
        value, dscores = wasserstein(scores, REAL)
        self._check(value, "generator")
        dfakes = self.critic.backward({self.critic.names[-1]: dscores}, seen)
        _, found = self.generator.gradients({self.generator.names[-1]: dfakes}, tape, image=False)
        rate = self.recipe.learning_rate if self.generator_rate is None else self.generator_rate
        self.of_generator.update(self.generator.parameters(), found, rate)
        self.generator.update(tape)

    def _check(self, value: float, whose: str) -> None:
        if not math.isfinite(value):
            raise NstError(
                f"step {self.step + 1}: the {whose}'s loss is {value}; take a smaller --clip or --learning-rate"
            )


def clip(critic: Network, c: float) -> None:
    """Bring all parameters of a critic back into the box -c .. c, in place.

    A box is compact, and so all critics within it are K-Lipschitz for one K, whatever that is: it depends on the
    network and c. The supremum over them is then at most K times the Wasserstein distance.
    """
    for arrays in critic.parameters().values():
        for array in arrays.values():
            np.clip(array, -c, c, out=array)


def _run(network: Network, x: np.ndarray) -> tuple[np.ndarray, object]:
    """Return what comes out at the top in training, and the tape."""
    top = network.names[-1]
    features, tape = network.forward(x, [top], training=True)
    return features[top], tape


def _sum(one: dict, other: dict) -> dict:
    if not one:
        return other
    return {
        layer: {name: array + one[layer][name] for name, array in found.items()}
        for layer, found in other.items()
    }
