"""Checks a whole objective: the error of its directional derivatives must fall as the square of the step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OBJECTIVE_LIMIT = 1e-6
"""The relative error that a directional derivative of a whole objective must come below."""

STEPS = tuple(10.0 ** (-1 - k / 2) for k in range(11))
SLOPES = (1.8, 2.2)


@dataclass(frozen=True)
class ObjectiveReport:
    """What `check_objective` measured.

    Attributes
    ----------
    error : float
        The worst over the directions of the least error over the steps; infinite when no pair could be used.
    slope : float or None
        How the error falls with the step: the power of h, median over the directions. 2 for a right gradient,
        0 for a wrong one. `None` when the error is rounding at every step, as for a quadratic objective,
        whose central differences are exact.
    steps : (H,) array
        In the units of x.
    errors : (D, H) array
        Relative error for each direction and step; NaN where the two points lie across a kink.
    used : int
        Directions with at least one step free of kinks.
    """

    error: float
    slope: float | None
    steps: np.ndarray
    errors: np.ndarray
    used: int

    @property
    def tried(self) -> int:
        """How many directions were tried."""
        return len(self.errors)

    def passed(self, limit: float = OBJECTIVE_LIMIT) -> bool:
        """Return whether the least error is below `limit` and the slope, where there is one, is near 2."""
        return self.error < limit and (self.slope is None or SLOPES[0] <= self.slope <= SLOPES[1])

    def __str__(self) -> str:
        slope = "none (exact)" if self.slope is None else f"{self.slope:.2f}"
        return f"error {self.error:.1e}, slope {slope}, {self.used} of {self.tried} directions free of kinks"


def check_objective(
    objective: Callable[[np.ndarray], Any],
    x: np.ndarray,
    *,
    directions: int = 5,
    seed: int = 0,
    steps: Sequence[float] = STEPS,
    value: Callable[[np.ndarray], float] | None = None,
    signature: Callable[[np.ndarray], Hashable] | None = None,
) -> ObjectiveReport:
    """Compare the gradient of `objective` with its central differences over a range of steps.

    Along a direction v the central difference is `<grad f, v> + c h^2 + O(h^4)`, so the error of a right
    gradient falls as the square of the step until rounding, which grows as 1/h, takes over. A wrong one
    leaves an error that no step removes. The slope makes the verdict independent of any tolerance; the
    least error says how much of a mistake could still hide.

    Parameters
    ----------
    objective
        `objective(x)` returns a value and its gradient: a pair, or anything with `.value` and `.gradient`.
    x
        Where, in float64; any shape.
    directions
        How many random directions.
    seed
        Of the directions.
    steps
        In units of the root mean square of x.
    value
        The function whose values are differenced, when it is not the objective's own: a cheaper one, or the
        smooth piece of the objective on which x lies (see `nst.checks.smooth`). It must agree at x.
    signature
        `signature(x)` names the smooth piece on which x lies: the signs at the ReLUs, the choices of the max
        pools. Pairs of points on other pieces than x are left out, because across a kink no power law holds.

    Raises
    ------
    ValueError
        If `value(x)` is not the value of the objective.
    """
    x = np.array(x, dtype=np.float64)
    at, gradient = _split(objective(x))
    gradient = np.asarray(gradient, dtype=np.float64)
    if gradient.shape != x.shape:
        raise ValueError(f"the gradient has shape {gradient.shape}, the point {x.shape}")
    value = value or (lambda point: _split(objective(point))[0])
    if not np.isclose(value(x), at, rtol=1e-9, atol=0):
        raise ValueError(f"`value` gives {value(x)!r} at x, the objective {at!r}")

    rng = np.random.default_rng(seed)
    lengths = np.asarray(steps) * (float(np.sqrt(np.mean(x**2))) or 1.0)
    home = signature(x) if signature else None
    errors, floors = np.full((2, directions, len(lengths)), np.nan)
    for d in range(directions):
        v = _direction(rng, gradient)
        exact = float(np.vdot(gradient, v))
        # The size of a derivative along a typical direction, lest one that is small by chance be judged by
        # itself.
        typical = float(np.linalg.norm(gradient)) * float(np.linalg.norm(v)) / x.size**0.5
        for k, h in enumerate(lengths):
            if signature and not signature(x + h * v) == home == signature(x - h * v):
                continue
            measured = (value(x + h * v) - value(x - h * v)) / (2 * h)
            scale = max(abs(exact), abs(measured), typical)
            errors[d, k] = abs(measured - exact) / scale if scale else 0.0
            floors[d, k] = 16 * np.finfo(float).eps * abs(at) / (h * scale) if scale else 0.0
    seen = [row[~np.isnan(row)] for row in errors]
    least = [float(row.min()) for row in seen if row.size]
    slopes = [
        slope
        for row, floor in zip(errors, floors, strict=True)
        if (slope := _slope(lengths, row, floor)) is not None
    ]
    return ObjectiveReport(
        error=max(least, default=float("inf")),
        slope=float(np.median(slopes)) if slopes else None,
        steps=lengths,
        errors=errors,
        used=len(least),
    )


def _split(result: Any) -> tuple[float, np.ndarray]:
    """Return value and gradient of an evaluation, or of a plain pair."""
    return (result.value, result.gradient) if hasattr(result, "gradient") else (result[0], result[1])


def _direction(rng: np.random.Generator, gradient: np.ndarray) -> np.ndarray:
    """Return a random direction of unit root mean square, well away from right angles to the gradient.

    Among a million pixels a purely random direction has almost nothing along the gradient, and rounding
    drowns the derivative. So each pixel's gradient enters with a random weight, beside as much pure noise,
    which sees the pixels where the gradient is wrongly zero.
    """
    noise = rng.standard_normal(gradient.shape)
    size = float(np.sqrt(np.mean(gradient**2)))
    v = noise + (rng.uniform(0.0, 2.0, gradient.shape) * gradient / size if size else 0.0)
    return v / np.sqrt(np.mean(v**2))


def _slope(steps: np.ndarray, errors: np.ndarray, floors: np.ndarray) -> float | None:
    """Return the power of h with which the errors fall, from the four smallest steps well above rounding."""
    clear = np.flatnonzero(~np.isnan(errors) & (errors > 30 * floors))[-4:]
    if len(clear) < 3:
        return None
    return float(np.polyfit(np.log(steps[clear]), np.log(errors[clear]), 1)[0])
