"""The answers to the exercises of lesson 18."""

from __future__ import annotations

import numpy as np
import pytest

from nst.adversarial.recipe import Recipe
from nst.adversarial.toy import Normal, Toy, distance
from nst.layers import Linear
from nst.networks import Network, Node
from nst.networks.initial import fresh_norm

RECIPE = Recipe(batch=256, learning_rate=1e-4, average=0.0)


def trained(real: Normal, fake: Normal, recipe: Recipe = RECIPE) -> Toy:
    toy = Toy(real, fake, recipe, 0.01)
    toy.train_critic(800)
    return toy


def test_the_divergence_does_not_see_how_far() -> None:
    """It is log 2 at every distance, with the slope 0; the Wasserstein distance is the distance, with the slope 1."""

    def divergence(p: np.ndarray, q: np.ndarray) -> float:
        m = (p + q) / 2
        return sum(np.sum(one[one > 0] * np.log(one[one > 0] / m[one > 0])) for one in (p, q)) / 2

    heap = np.zeros(100)
    heap[:10] = 0.1
    found = [divergence(heap, np.roll(heap, shift)) for shift in (10, 11, 50, 90)]
    np.testing.assert_allclose(found, np.log(2), rtol=1e-12)
    ways = [distance(Normal(0, 1), Normal(shift, 1)) for shift in (10.0, 11.0, 50.0)]
    np.testing.assert_allclose(ways, [10, 11, 50], rtol=1e-12)


def test_the_critic_bends_where_the_distribution_functions_cross() -> None:
    """At 1.5 as much of the one lies to the left as of the other, since (1.5 - 1) / 1 = (1.5 - 0) / 3: sand goes away
    from there on both sides, and so the score falls on both."""
    toy = trained(Normal(1, 1), Normal(0, 3))
    x = np.linspace(-8, 8, 3201)
    assert x[np.argmax(toy.scores(x))] == pytest.approx(1.5, abs=0.5)


def test_a_larger_box_is_a_steeper_critic() -> None:
    """Each of two layers doubles, so that the estimate is four times as large; divided by the slope it stays."""
    pair = Normal(0, 1), Normal(3, 1)
    one = trained(*pair).look()
    # Steps that are twice as long, so that in a box twice as large everything is.
    other = trained(*pair, Recipe(batch=256, learning_rate=2e-4, clip=0.02, average=0.0)).look()
    assert other.estimate == pytest.approx(4 * one.estimate, rel=0.02)
    assert other.distance == pytest.approx(one.distance, rel=0.01)


def test_batch_normalisation_makes_a_score_depend_on_the_others() -> None:
    """The same picture has another score in other company: there is no function of it that could be steep or not."""
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((3, 4)).astype(np.float32), np.zeros(4, np.float32)
    last = Linear(rng.standard_normal((4, 1)).astype(np.float32), np.zeros(1, np.float32))
    plain = Network([Node("fc", Linear(weight, bias)), Node("score", last)])
    normed = Network([Node("fc", Linear(weight, bias)), Node("norm", fresh_norm(4)), Node("score", last)])
    picture, company = rng.standard_normal((1, 3)), rng.standard_normal((2, 7, 3))
    differences = []
    for critic in (plain, normed):
        scores = [
            critic.forward(np.concatenate([picture, one]).astype(np.float32), ["score"], training=True)[0][
                "score"
            ][0, 0]
            for one in company
        ]
        differences.append(abs(float(scores[0] - scores[1])))
    assert differences[0] < 1e-5 < 0.1 < differences[1]
