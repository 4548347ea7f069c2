"""The steps of training a generator, and the state between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nst.engine import culprit
from nst.errors import NstError
from nst.networks.generators import Design, entering, fresh_generator, mixed
from nst.npz import family
from nst.optimizers import AdamW
from nst.training.average import labelled, take
from nst.training.fast_loss import Perceptual
from nst.training.fast_recipe import FastRecipe

NOISE, STYLES = 2, 3  # what is drawn for a step, beside the crops: each from a stream of its own


class FastTraining:
    """A generator on its way.

    What is drawn for a step depends on the seed and its number alone, so that a training can be taken up anywhere.

    Parameters
    ----------
    design : Design
    recipe : FastRecipe
    loss : Perceptual

    Attributes
    ----------
    step : int
        How many are done.
    losses : list of list of float
        Of each step the weighted value of each term, in the order of `loss.labels`.
    """

    def __init__(self, design: Design, recipe: FastRecipe, loss: Perceptual) -> None:
        self.design, self.recipe, self.loss = design, recipe, loss
        self.network = fresh_generator(design, recipe.seed)
        self.optimizer = AdamW()
        self.step = 0
        self.losses: list[list[float]] = []

    def advance(self, photographs: np.ndarray) -> dict[str, float]:
        """Do a step on photographs (N, H, W, 3); return the weighted value of each term, before it.

        Raises
        ------
        NstError
            When the loss or a gradient is not finite: what was trained has not moved then.
        """
        rate, count = self.recipe.rate(self.step), len(photographs)
        styles = self._rng(STYLES).integers(self.design.styles, size=count)
        network = mixed(self.network, np.eye(self.design.styles)[styles])
        x = entering(self.design, photographs, self._rng(NOISE))
        features, tape = network.forward(x, ["painting"], training=True)
        parts, gradient = self.loss(features["painting"], photographs, styles)
        if not math.isfinite(sum(parts.values())):
            raise NstError(f"step {self.step + 1}: the loss is not finite ({_first(parts)}); {culprit.RATE}")
        _, gradients = network.gradients({"painting": gradient}, tape, image=False)
        if cause := culprit.of_gradients(gradients):
            raise NstError(f"step {self.step + 1}: {cause}")
        self.optimizer.update(self.network.parameters(), gradients, rate)
        network.update(tape)
        self.step += 1
        self.losses.append([parts[label] for label in self.loss.labels])
        return parts

    def painted(self, photographs: np.ndarray, style: int = 0) -> np.ndarray:
        """Return paintings (N, H, W, 3) as the generator, as it is now, gives them to who applies it, not clipped."""
        network = mixed(self.network, np.eye(self.design.styles)[style])
        x = entering(self.design, photographs, np.random.default_rng(self.recipe.seed))
        return network.features(x, ["painting"])["painting"]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return all that `load` needs to go on: what JSON can carry, and arrays."""
        families = {"network": labelled(self.network), "optimizer": self.optimizer.state()}
        arrays = {f"{kind}.{name}": array for kind, of in families.items() for name, array in of.items()}
        return {"step": self.step}, {**arrays, "losses": self._table(self.losses)}

    def load(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not of this design and recipe, or makes no sense.
        """
        step, losses = plain.get("step"), arrays.get("losses")
        if type(step) is not int or not 0 <= step <= self.recipe.steps:
            raise NstError(f"the checkpoint is at step {step!r:.20} of {self.recipe.steps}; start anew")
        if losses is None or losses.shape != (step, len(self.loss.labels)) or losses.dtype != np.float64:
            raise NstError("the checkpoint does not have the losses of its steps; start anew")
        take(self.network, family(arrays, "network."), "the generator")
        self.optimizer.load(family(arrays, "optimizer."))
        self._check_optimizer(step)
        self.step, self.losses = step, losses.tolist()

    def _check_optimizer(self, step: int) -> None:
        wanted = {
            f"m.{layer}.{name}": array.shape
            for layer, found in self.network.parameters().items()
            for name, array in found.items()
        }
        held = {name: a.shape for name, a in self.optimizer.state().items() if name.startswith("m.")}
        if held != (wanted if step else {}):
            raise NstError("the state of Adam in the checkpoint is of another generator; start anew")

    def _table(self, rows: list[list[float]]) -> np.ndarray:
        return np.array(rows, np.float64).reshape(len(rows), len(self.loss.labels))

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.recipe.seed, stream, self.step))


def _first(parts: Mapping[str, float]) -> str:
    """Return the first term that is not finite."""
    return next((name for name, value in parts.items() if not math.isfinite(value)), "their sum")
