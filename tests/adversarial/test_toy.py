"""Normal distributions on a line: the closed form, and the critic that finds it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from nst.adversarial.recipe import Recipe
from nst.adversarial.toy import Normal, Toy, distance, play
from nst.errors import NstError

PAIRS = [
    (Normal(0, 1), Normal(3, 1)),  # moved
    (Normal(0, 1), Normal(0, 3)),  # spread: the means are the same
    (Normal(1, 1), Normal(0, 3)),  # both
]
RECIPE = Recipe(batch=256, learning_rate=1e-4, head_start=10, long=80, steps=40, average=0.0)

pairs = pytest.mark.parametrize("real, fake", PAIRS, ids=["moved", "spread", "both"])


@pairs
def test_the_closed_form_is_the_cheapest_transport(real, fake):
    """It is what the quantiles give in order, by SciPy, and the same in both directions; 0 to itself."""
    known = distance(real, fake)
    found = wasserstein_distance(real.quantiles(), fake.quantiles())
    assert known == pytest.approx(found, rel=1e-3)
    assert distance(fake, real) == pytest.approx(known, rel=1e-12)
    assert distance(real, real) == 0


def test_the_closed_form_in_two_plain_cases():
    """The difference of means when one is the other, moved; of deviations, times E|Z|, when the means agree."""
    assert distance(Normal(-1, 2), Normal(4, 2)) == 5
    assert distance(Normal(7, 1), Normal(7, 4)) == pytest.approx(3 * np.sqrt(2 / np.pi), rel=1e-12)


@pairs
def test_the_critic_finds_the_distance_to_5_per_cent(real, fake):
    """Divided by the largest slope that it reaches, its estimate is the closed form; no critic's is larger."""
    first = next(play(real, fake, RECIPE, 0.01, 1))
    assert first.step == 0 and first.fake.mean == pytest.approx(fake.mean, abs=1e-5)
    assert first.known == pytest.approx(distance(real, fake), rel=1e-5)
    assert 0.95 * first.known <= first.distance <= 1.001 * first.known
    assert first.estimate > 0


@pairs
def test_any_critic_is_a_lower_bound(real, fake):
    """Kantorovich and Rubinstein: untrained ones, over their slopes, are below the distance, some far below."""
    shares = []
    for seed in range(5):
        toy, rng = Toy(real, fake, Recipe(seed=seed), 0.01), np.random.default_rng(seed)
        toy.game.critic.nodes["score"].layer.weight += rng.standard_normal((64, 1)).astype(np.float32)
        found = toy.look()
        shares.append(abs(found.distance) / found.known)
    assert min(shares) < 0.9 and max(shares) <= 1.001


def test_the_generator_comes_nearer():
    """Under Algorithm 1 it goes towards what is real, and the last closed form is below half of the first."""
    first, last = play(*PAIRS[0], RECIPE, 0.02, 1)
    assert (first.step, last.step) == (0, 40)
    assert last.known < first.known / 2 and abs(last.fake.mean) < 1.5


def test_the_same_seed_plays_the_same_game():
    """To the bit; another seed plays another."""

    def ended(seed: int) -> float:
        toy = Toy(*PAIRS[0], Recipe(seed=seed, head_start=0, batch=8), 0.01)
        toy.train_critic(3)
        toy.game.advance()
        return toy.look().estimate

    assert ended(1) == ended(1) != ended(2)


def test_a_deviation_of_nothing_is_refused():
    """A normal distribution has a finite mean and a deviation above 0."""
    for mean, deviation in ((0, 0), (0, -1), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(NstError, match="no normal distribution"):
            Normal(mean, deviation)
