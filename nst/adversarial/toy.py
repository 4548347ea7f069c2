"""Two normal distributions on a line: a Wasserstein distance that is known, beside the one that a critic finds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from nst.adversarial.recipe import Recipe
from nst.adversarial.wgan import Game
from nst.errors import NstError
from nst.layers import Linear, ReLU
from nst.networks import Network, Node

REACH = 4.0  # standard deviations from the mean, as far as anything is looked at
HIDDEN = 64
PLACES = 4001  # at which the critic is looked at
QUANTILES = 20_000  # of each distribution, with which expectations are taken


@dataclass(frozen=True)
class Normal:
    """A normal distribution.

    Attributes
    ----------
    mean, deviation : float
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0 < self.deviation < math.inf):
            raise NstError(
                f"mean {self.mean:g} and deviation {self.deviation:g} are of no normal distribution"
            )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return values drawn at random, (count, 1) float32."""
        return (self.mean + self.deviation * rng.standard_normal((count, 1))).astype(np.float32)

    def quantiles(self) -> np.ndarray:
        """Return values of equal weight that stand for the distribution, in order."""
        return self.mean + self.deviation * _standard_quantiles()


@lru_cache
def _standard_quantiles() -> np.ndarray:
    """Return the middle of each of `QUANTILES` parts, equally likely, of the standard normal distribution."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse((i + 0.5) / QUANTILES) for i in range(QUANTILES)])


def distance(one: Normal, other: Normal) -> float:
    r"""Return the Wasserstein distance of two normal distributions.

    On a line the cheapest transport keeps the order: each quantile goes to the same quantile. With d the difference of
    means, s that of deviations, Z standard normal and Phi its distribution function::

        W = E|d + s Z| = s sqrt(2 / pi) exp(-d^2 / (2 s^2)) + d (1 - 2 Phi(-d / s))

    which is |d| where s is 0: then one is the other, moved.
    """
    d, s = other.mean - one.mean, abs(other.deviation - one.deviation)
    if s == 0:
        return abs(d)
    tail = NormalDist().cdf(-d / s)
    return s * math.sqrt(2 / math.pi) * math.exp(-d * d / (2 * s * s)) + d * (1 - 2 * tail)


@dataclass(frozen=True)
class Found:
    """What the critic knows at some step of the generator.

    Attributes
    ----------
    step : int
    fake : Normal
        The generator's distribution, which is known: it is linear.
    known : float
        The closed form.
    estimate : float
        E f(real) - E f(fake).
    slope : float
        The Lipschitz bound that the critic reaches: its largest slope where either distribution lives.
    """

    step: int
    fake: Normal
    known: float
    estimate: float
    slope: float

    @property
    def distance(self) -> float:
        """The estimate in the unit of the closed form: no more than it for any critic, and equal for the best."""
        return self.estimate / self.slope if self.slope else 0.0


class Toy:
    """A game on a line: real numbers from one normal distribution, a generator z -> a z + b that begins as another.

    The critic has one hidden layer of ReLUs, half of which begin with a rising and half with a falling slope, so that
    it can be as steep to the left as to the right. What adds them up begins with 0: a wrong sign there would turn
    slopes round before it was set right, and not as many on both sides. Numbers are given to it in the unit of `scale`,
    which brings all into -1..1: a unit's kink is at -bias / weight, both within the same box, and so can lie anywhere
    there.

    Parameters
    ----------
    real, fake : Normal
    recipe : Recipe
    generator_rate : float
        The generator's learning rate. At the critic's own, of 5e-5, it would take 20,000 steps for a distance of 1.
    """

    def __init__(self, real: Normal, fake: Normal, recipe: Recipe, generator_rate: float) -> None:
        self.real = real
        self.scale = max(abs(one.mean) + REACH * one.deviation for one in (real, fake))
        rng = np.random.default_rng(recipe.seed)
        rising = np.repeat([1.0, -1.0], HIDDEN // 2) * np.abs(rng.standard_normal(HIDDEN))
        critic = Network(
            [
                Node("hidden", Linear(_float(rising[None]), np.zeros(HIDDEN, np.float32))),
                Node("on", ReLU()),
                Node("score", Linear(np.zeros((HIDDEN, 1), np.float32), np.zeros(1, np.float32))),
            ]
        )
        start = np.array([[fake.deviation]]), np.array([fake.mean])
        generator = Network([Node("line", Linear(*(_float(part / self.scale) for part in start)))])

        def scaled(rng: np.random.Generator, count: int) -> np.ndarray:
            return real.draw(rng, count) / np.float32(self.scale)

        self.game = Game(critic, generator, scaled, Normal(0, 1).draw, recipe, generator_rate / self.scale)

    @property
    def fake(self) -> Normal:
        """The generator's distribution now."""
        line = self.game.generator.nodes["line"].layer
        return Normal(
            float(line.bias[0]) * self.scale, max(abs(float(line.weight[0, 0])) * self.scale, 1e-30)
        )

    def train_critic(self, steps: int) -> None:
        """Let the critic do so many steps while the generator stands still."""
        for turn in range(steps):
            self.game.critic_step(self.game.draw(1 + turn))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return f(x) of numbers (N,), in float64: differences of close places are asked for."""
        critic = self.game.critic.astype(np.float64)
        return critic.features(x[:, None] / self.scale, ["score"])["score"][:, 0]

    def look(self) -> Found:
        """Return what the critic says of the two distributions as they are now, and what is true."""
        fake = self.fake
        of_real, of_fake = (self.scores(one.quantiles()).mean(dtype=np.float64) for one in (self.real, fake))
        return Found(
            self.game.step, fake, distance(self.real, fake), float(of_real - of_fake), self.slope(fake)
        )

    def slope(self, fake: Normal) -> float:
        """Return the critic's largest slope between places close together, where the distributions live."""
        x = np.linspace(
            min(one.mean - REACH * one.deviation for one in (self.real, fake)),
            max(one.mean + REACH * one.deviation for one in (self.real, fake)),
            PLACES,
        )
        return float(np.abs(np.diff(self.scores(x))).max() / (x[1] - x[0]))


def play(real: Normal, fake: Normal, recipe: Recipe, generator_rate: float, looks: int) -> Iterator[Found]:
    """Yield what the critic knows before the generator moves at all, and then now and then.

    The head start of the recipe is the critic's alone: the generator stands still, and the first that is yielded is a
    critic trained as far as it goes.

    Parameters
    ----------
    looks : int
        How often, besides the first time.
    """
    toy = Toy(real, fake, dataclasses.replace(recipe, head_start=0), generator_rate)
    toy.train_critic(recipe.head_start * recipe.long)
    yield toy.look()
    every = max(1, recipe.steps // looks)
    while toy.game.step < recipe.steps:
        toy.game.advance()
        if toy.game.step % every == 0 or toy.game.step == recipe.steps:
            yield toy.look()


def _float(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)
