"""Deliberate mistakes: each spoils one backward pass, and the checker must notice.

A check that nothing fails proves nothing. Each mistake here is one that people make, and stands as a wrong
formula of its own: given the input, the output and the gradient that the layer itself returns, it returns the
gradient that the mistake would have given.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nst.checks.cases import Case
from nst.checks.layer_check import LAYER_LIMIT


class At(NamedTuple):
    """One forward pass and its right backward pass: what a mistake has to work with.

    `dx` and the entries of `grads` are right. `dy` is the gradient with respect to the output.
    """

    layer: Any
    x: Any
    y: np.ndarray
    dy: np.ndarray
    dx: Any
    grads: dict[str, np.ndarray]
    saved: Any


Wrong = Callable[[At], Any]


@dataclass(frozen=True)
class Mutation:
    """A mistake in the backward pass of a layer, or in the gradient of a loss.

    Attributes
    ----------
    case : Case
        Where it must show.
    mistake : str
        What is wrong, in a line.
    wrong : callable
        The wrong gradient, from the right one and what led to it.
    of : str
        Whose gradient is wrong: `"dx"`, or the name of a parameter.
    """

    case: Case
    mistake: str
    wrong: Wrong
    of: str = "dx"

    def __str__(self) -> str:
        return f"{self.case.layer} {self.of}: {self.mistake}"

    @property
    def subject(self) -> str:
        """What it spoils, by the name that the table of layers has for it."""
        return self.case.layer

    def worst(self, seed: int = 0) -> float:
        """Return the largest relative error that the checker finds in the spoilt layer."""
        layer, x = self.case.build(seed)
        spoil = spoil_layer if hasattr(layer, "backward") else spoil_loss
        return self.case.report(spoil(layer, self.wrong, self.of), x, seed).worst

    def caught(self, seed: int = 0) -> bool:
        """Return whether the checker notices."""
        return self.worst(seed) >= LAYER_LIMIT


def pulled_back(layer: Any, x: Any, dy: np.ndarray) -> Any:
    """Return the input gradient that another layer has at `x`: many a mistake is right for another layer."""
    return layer.backward(dy, layer.forward(x)[1])


def altered(layer: Any, **attributes: Any) -> Any:
    """Return the layer with some of its attributes changed."""
    twin = copy.copy(layer)
    for name, value in attributes.items():
        setattr(twin, name, value)
    return twin


def spoil_layer(layer: Any, wrong: Wrong, of: str = "dx") -> Any:
    """Return the layer with one gradient wrong; its forward pass is the same."""

    class Spoilt(type(layer)):
        def forward(self, x: Any, *mode: bool, **named: bool) -> tuple[np.ndarray, Any]:
            y, saved = super().forward(x, *mode, **named)
            return y, (x, y, saved)

        def backward(self, dy: np.ndarray, kept: Any) -> Any:
            at = self._at(dy, kept)
            return wrong(at) if of == "dx" else at.dx

        def gradients(self, dy: np.ndarray, kept: Any) -> dict[str, np.ndarray]:
            at = self._at(dy, kept)
            return at.grads if of == "dx" else {**at.grads, of: wrong(at)}

        def both(self, dy: np.ndarray, kept: Any) -> tuple[Any, dict[str, np.ndarray]]:
            return self.backward(dy, kept), self.gradients(dy, kept)

        def _at(self, dy: np.ndarray, kept: Any) -> At:
            x, y, saved = kept
            right = super().backward(dy, saved), super().gradients(dy, saved)
            return At(layer, x, y, dy, *right, saved)

    Spoilt.__name__ = type(layer).__name__
    twin = copy.copy(layer)
    twin.__class__ = Spoilt
    return twin


def spoil_loss(
    loss: Callable[[np.ndarray], Any], wrong: Wrong, of: str = "dx"
) -> Callable[[np.ndarray], Any]:
    """Return the loss with a wrong gradient and the same value."""

    def spoilt(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss(x)
        return value, wrong(At(loss, x, np.array(value), np.array(1.0), gradient, {}, None))

    return spoilt


def mistakes(case: Case, wrong: dict[str, Wrong], of: str = "dx") -> list[Mutation]:
    """Return the mutations of one case, from descriptions and wrong gradients."""
    return [Mutation(case, mistake, gradient, of) for mistake, gradient in wrong.items()]


def without(array: np.ndarray, *where: Any) -> np.ndarray:
    """Return a copy with zeros at `where`."""
    left = array.copy()
    left[where] = 0
    return left
