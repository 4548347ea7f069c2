"""The loop: step after step until the iterations are used up, the optimiser stops, or someone asks to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nst.engine.objective import Objective
from nst.errors import NstError
from nst.optimizers import LBFGS, Adam
from nst.optimizers.dot import dots
from nst.optimizers.step import Step


@dataclass
class Progressed:
    """One iteration as the caller sees it.

    `value` and `parts` belong to `image` under L-BFGS, and to the image before the update under Adam, which
    evaluates once and then moves.
    """

    iteration: int
    image: np.ndarray
    value: float
    parts: dict[str, float]
    gradient_norm: float
    evaluations: int
    stopped: str | None


@dataclass
class _Recorder:
    """Evaluates the objective for the optimiser and remembers the parts of what it saw during one step."""

    objective: Objective
    parts: dict[float, dict[str, float]] = field(default_factory=dict)

    def __call__(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        evaluation = self.objective(image)
        self.parts[evaluation.value] = evaluation.parts
        return evaluation.value, evaluation.gradient


def optimise(
    objective: Objective,
    image: np.ndarray,
    optimizer: LBFGS | Adam,
    iterations: int,
    *,
    done: int = 0,
    on_step: Callable[[Progressed], bool | None] = lambda step: None,
) -> tuple[np.ndarray, str]:
    """Minimise `objective` over the image.

    Parameters
    ----------
    objective, image
        See `Objective`; the image is not changed.
    optimizer
        See `nst.optimizers`.
    iterations
        The number of the last iteration.
    done
        How many were done before, by the run that this one resumes.
    on_step
        Called after each iteration; the loop ends when it returns true.

    Returns
    -------
    image : ndarray
    reason : str
        Why the loop ended, in words.

    Raises
    ------
    NstError
        When loss, gradient or image are no longer finite, as a huge weight or learning rate brings about.
    """
    recorder = _Recorder(objective)
    parts: dict[str, float] = {}
    for iteration in range(done + 1, iterations + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # found out below, and said in words
            step = optimizer.step(recorder, image)
            norm = _checked_norm(step, iteration)
        image, stopped = step.x, step.stopped
        # A step that goes nowhere, just after resuming, reports a value that this run has not evaluated.
        parts = recorder.parts.get(step.value) or parts or objective(image).parts
        recorder.parts.clear()
        report = Progressed(iteration, image, step.value, parts, norm, step.evaluations, stopped)
        del step  # and with it the gradient, as large as the picture, before the next step makes its own
        if on_step(report):
            return image, f"stopped on request after iteration {iteration}"
        if stopped:
            return image, f"{stopped} (iteration {iteration})"
    return image, f"all {iterations} iterations done"


def _checked_norm(step: Step, iteration: int) -> float:
    """Return the norm of a step's gradient, once all that it found is finite."""
    # One number that is not finite makes the sum of squares so, and no array of answers is needed.
    squares = dots((step.gradient, step.gradient), (step.x, step.x))
    if not all(map(math.isfinite, (step.value, *squares))):
        raise NstError(
            f"iteration {iteration}: the loss, its gradient or the image is not finite; "
            "lower the learning rate or the weights"
        )
    return math.sqrt(squares[0])
