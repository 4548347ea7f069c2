"""What one step of an optimiser returns, and how it asks for values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nst.optimizers.dot import finite

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]  # x -> its value and its gradient, a new array


class Point(NamedTuple):
    """A place that has been evaluated; its arrays are never written into."""

    x: np.ndarray
    value: float
    gradient: np.ndarray

    def is_finite(self) -> bool:
        """Tell whether the value and all of the gradient are numbers that a step can be made of."""
        return math.isfinite(self.value) and finite(self.gradient)


def sealed(array: np.ndarray) -> np.ndarray:
    """Return a view of an array that cannot be written into: it may be handed out without a copy."""
    view = array.view()
    view.setflags(write=False)
    return view


def evaluate_at(evaluate: Evaluate, x: np.ndarray) -> Point:
    """Evaluate at `x`, and take over the gradient in its dtype."""
    value, gradient = evaluate(x)
    return Point(sealed(x), float(value), sealed(gradient.astype(x.dtype, order="C", copy=False)))


@dataclass(frozen=True, eq=False)
class Step:
    """One step of an optimiser.

    Attributes
    ----------
    x : ndarray
        Where the step ended, in the shape and dtype of the x that was given. Read-only, as the gradient is: both are
        what the optimiser itself goes on with, and no copies.
    value : float
        The objective. L-BFGS knows it at the new `x`; Adam, which evaluates once and then moves, knows it at
        the x that it was given.
    gradient : ndarray
        The gradient where `value` was taken.
    evaluations : int
        How often the step evaluated the objective.
    stopped : str or None
        Why another step would be of no use, or None.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    evaluations: int
    stopped: str | None = None
