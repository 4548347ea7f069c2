"""Activation maximisation: V(F) = argmax_X A(X), the picture that a unit wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nst.engine import Objective, Progressed, optimise
from nst.engine.objective import Term
from nst.errors import NstError
from nst.inside.ascent import Ascent
from nst.inside.canvas import Canvas, views, waves
from nst.inside.recipes import Recipe
from nst.networks import Network, fused
from nst.optimizers import Adam

TRIES = 8  # of a start, each twice as strong as the last


@dataclass(frozen=True)
class Maximised:
    """Pictures that a term has been maximised in.

    Attributes
    ----------
    pictures : ndarray, shape (N, H, W, 3)
        RGB, 0..255.
    activation : float
        Of the pictures as they are, without views: what was maximised, for one picture on average.
    before : float
        The same of what was started from.
    """

    pictures: np.ndarray
    activation: float
    before: float


def maximise(
    network: Network,
    terms: Sequence[Term],
    recipe: Recipe,
    size: tuple[int, int],
    *,
    count: int = 1,
    seed: int = 0,
    on_step: Callable[[Progressed], bool | None] = lambda step: None,
) -> Maximised:
    """Make pictures in which a network finds as much as possible of what the first term asks for.

    Parameters
    ----------
    network
        Frozen; the image enters as RGB in 0..255.
    terms
        The first is what is maximised; `nst.losses.Diversity` may follow.
    recipe
    size
        Height and width of each picture.
    count
        How many pictures, which differ in what they start from.
    seed
    on_step
        As for `nst.engine.optimise`.

    Raises
    ------
    NstError
        When nothing that is started from excites the unit at all, so that there is no way up.
    """
    rng = np.random.default_rng(seed)
    objective = Objective(fused(network, {term.tap for term in terms}), terms)
    mean = mean_colour(network)
    view = views(rng, recipe.jitter, recipe.turn, recipe.zoom)
    canvas = Canvas(objective, waves(recipe.falloff) if recipe.space == "waves" else None, view)
    z = _start(canvas, recipe, (count, *size, 3), mean, rng)
    label = terms[0].label
    before = objective.only(label)(canvas.pictures(z)).value
    optimizer = (
        Adam(recipe.rate)
        if recipe.space == "waves"
        else Ascent(mean, recipe.iterations, recipe.rules, recipe.rate, recipe.progress)
    )
    z, _ = optimise(canvas, z, optimizer, recipe.iterations, on_step=on_step)
    pictures = np.clip(canvas.pictures(z), 0, 255)
    after = objective.only(label)(pictures).value
    return Maximised(pictures, -after / count, -before / count)


def mean_colour(network: Network) -> np.ndarray:
    """Return what the network subtracts from red, green and blue: its grey."""
    zero, _ = network.forward(np.zeros((1, 1, 1, 3), np.float32), [network.names[0]])
    one, _ = network.forward(np.ones((1, 1, 1, 3), np.float32), [network.names[0]])
    first = network.nodes[network.names[0]].layer
    mean = -zero[network.names[0]] / (one[network.names[0]] - zero[network.names[0]])
    return mean.reshape(3)[:: -1 if first.channel_order == "BGR" else 1]


def _start(canvas: Canvas, recipe: Recipe, shape: tuple[int, ...], mean, rng) -> np.ndarray:
    """Return noise that excites the unit a little, weak if weak will do: a ReLU that is off has no gradient."""
    noise = rng.standard_normal(shape).astype(np.float32)
    for doublings in range(TRIES):
        z = np.float32(recipe.start * 2**doublings) * noise
        if recipe.space == "pixels":
            z = np.clip(z + mean.astype(np.float32), 0, 255)
        if np.any(canvas(z).gradient):
            return z
    label = canvas.objective.terms[0].label
    raise NstError(f"nothing excites {label}: no noise, weak or strong; ask for the layer before its ReLU")
