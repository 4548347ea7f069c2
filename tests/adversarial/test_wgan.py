"""Algorithm 1: its signs, its clipping, PyTorch's numbers, and that a game can be taken up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nst.adversarial.recipe import Recipe
from nst.adversarial.wgan import Game, clip
from nst.errors import NstError
from nst.layers import LeakyReLU, Linear
from nst.networks import Network, Node


def layers(rng: np.random.Generator, *sizes: int) -> Network:
    """Return fully connected layers with leaky ReLUs between them, float64."""
    nodes = []
    for number, (before, after) in enumerate(pairwise(sizes)):
        nodes += [Node(f"on{number}", LeakyReLU(0.2))] if number else []
        linear = Linear(rng.standard_normal((before, after)) / before**0.5, rng.standard_normal(after))
        nodes.append(Node(f"fc{number}", linear))
    return Network(nodes)


def game(**settings: object) -> Game:
    """Return a game whose real points lie to the right of the fakes, on the average."""
    rng = np.random.default_rng(0)
    recipe = Recipe(**{"batch": 16, "clip": 0.1, "learning_rate": 1e-3, "head_start": 0, **settings})
    return Game(
        layers(rng, 3, 8, 1),
        layers(rng, 2, 8, 3),
        lambda rng, n: 2 + rng.standard_normal((n, 3)),
        lambda rng, n: rng.standard_normal((n, 2)),
        recipe,
    )


def weights(network: Network) -> list[np.ndarray]:
    return [array for arrays in network.parameters().values() for array in arrays.values()]


def mean_score(game: Game, points: np.ndarray) -> float:
    top = game.critic.names[-1]
    return float(game.critic.features(points, [top])[top].mean())


def fakes(game: Game, noise: np.ndarray) -> np.ndarray:
    top = game.generator.names[-1]
    return game.generator.features(noise, [top])[top]


def test_the_critic_climbs_the_difference_of_means():
    """Its step returns E f(real) - E f(fake) as it was, raises it on the same points, and moves the critic alone."""
    one = game()
    rng = one.draw(1)
    made, real = fakes(one, one.noise(rng, 16)), one.real(rng, 16)
    before, still = mean_score(one, real) - mean_score(one, made), [w.copy() for w in weights(one.generator)]
    assert one.critic_step(one.draw(1)) == pytest.approx(before, rel=1e-12)
    assert mean_score(one, real) - mean_score(one, made) > before
    assert all(np.array_equal(a, b) for a, b in zip(still, weights(one.generator), strict=True))


def test_the_generator_climbs_the_score_of_its_fakes():
    """After its step the critic, which has not moved, gives what is made of the same noise a higher score."""
    one = game()
    for turn in range(20):
        one.critic_step(one.draw(1 + turn))
    noise, still = one.noise(one.draw(0), 16), [w.copy() for w in weights(one.critic)]
    before = mean_score(one, fakes(one, noise))
    one.generator_step(one.draw(0))
    assert mean_score(one, fakes(one, noise)) > before
    assert all(np.array_equal(a, b) for a, b in zip(still, weights(one.critic), strict=True))


def test_a_trained_critic_scores_what_is_real_higher():
    """The sign of the estimate: positive, as a distance is, where real and fake differ."""
    one = game()
    estimates = [one.critic_step(one.draw(1 + turn)) for turn in range(200)]
    assert min(estimates[100:]) > 0


def test_every_weight_of_the_critic_stays_in_the_box():
    """From the start on and after each step: kernels and biases alike, and the generator's are not touched."""
    one = game(clip=0.05)
    for _ in range(3):
        assert all(np.abs(w).max() <= 0.05 for w in weights(one.critic))
        one.advance()
    assert max(np.abs(w).max() for w in weights(one.critic)) == 0.05
    assert max(np.abs(w).max() for w in weights(one.generator)) > 0.5


def test_clipping_keeps_what_is_inside():
    """A weight within the box stays as it is; one beyond it comes to its wall."""
    network = layers(np.random.default_rng(1), 2, 2)
    network.nodes["fc0"].layer.weight = np.array([[0.3, -0.7], [-0.01, 2.0]])
    clip(network, 0.5)
    np.testing.assert_array_equal(network.nodes["fc0"].layer.weight, [[0.3, -0.5], [-0.01, 0.5]])


def test_as_many_steps_of_the_critic_as_the_recipe_says():
    """Five for one of the generator; a hundred in the head start, and at each 500th step."""
    recipe = Recipe()
    assert [recipe.turns(step) for step in (0, 24, 25, 498, 499, 500, 999)] == [100, 100, 5, 5, 100, 5, 100]
    one = game(critic_steps=3, head_start=1, long=7)
    seen = []
    one.critic_step = lambda rng: seen.append(rng) or 0.0
    for expected in (7, 10, 13):
        one.advance()
        assert len(seen) == expected


def test_it_is_torchs_to_rounding():
    """Three rounds by PyTorch's autograd, RMSprop and clamp, on the same points, give the same weights in float64."""
    torch = pytest.importorskip("torch")
    ours = game(critic_steps=2)

    def theirs(network: Network) -> tuple[object, list[object]]:
        parts = []
        for node in network.nodes.values():
            if isinstance(node.layer, Linear):
                linear = torch.nn.Linear(*node.layer.weight.shape, dtype=torch.float64)
                linear.weight.data = torch.tensor(node.layer.weight.T.copy())
                linear.bias.data = torch.tensor(node.layer.bias.copy())
                parts.append(linear)
            else:
                parts.append(torch.nn.LeakyReLU(0.2))
        module = torch.nn.Sequential(*parts)
        return module, list(module.parameters())

    (f, of_critic), (g, of_generator) = theirs(ours.critic), theirs(ours.generator)
    critic, generator = (torch.optim.RMSprop(of, 1e-3) for of in (of_critic, of_generator))
    for step in range(3):
        for turn in range(2):
            rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(step, 1 + turn)))
            made = g(torch.tensor(ours.noise(rng, 16))).detach()
            loss = f(made).mean() - f(torch.tensor(ours.real(rng, 16))).mean()
            critic.zero_grad()
            loss.backward()
            critic.step()
            for parameter in of_critic:
                parameter.data.clamp_(-0.1, 0.1)
        rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(step, 0)))
        generator.zero_grad()
        (-f(g(torch.tensor(ours.noise(rng, 16)))).mean()).backward()
        generator.step()
        assert ours.advance() == pytest.approx(-loss.item(), rel=1e-9)
    for network, expected in ((ours.critic, of_critic), (ours.generator, of_generator)):
        for w, other in zip(weights(network), expected, strict=True):
            np.testing.assert_allclose(w, other.detach().numpy().T, rtol=0, atol=1e-12)


def test_a_score_that_is_no_number_ends_the_game():
    """With a line that says at which step, and what to do; nothing has moved."""
    one = game()
    one.real = lambda rng, n: np.full((n, 3), np.inf)
    before = [w.copy() for w in weights(one.critic)]
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(NstError, match=r"step 1: the critic's loss is .*--clip"),
    ):
        one.advance()
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(one.critic), strict=True))


@pytest.mark.parametrize(
    "wrong", [{"clip": 0.0}, {"batch": 1}, {"steps": 1.5}, {"average": 1.0}, {"learning_rate": float("nan")}]
)
def test_a_recipe_without_sense_is_refused(wrong):
    """Each setting has its limits, and a name in the message."""
    with pytest.raises(NstError, match=next(iter(wrong)).replace("_", " ")):
        Recipe(**wrong)


def test_a_recipe_from_outside_must_be_whole():
    """What JSON carries comes back; one that lacks a setting, or has another, does not."""
    plain = Recipe(seed=3).plain()
    assert Recipe.from_plain(plain) == Recipe(seed=3)
    for bad in ({**plain, "more": 1}, {"seed": 3}, None, {**plain, "clip": "0.01"}):
        with pytest.raises(NstError):
            Recipe.from_plain(bad)
