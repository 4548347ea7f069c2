"""Checks a whole objective: the error of its directional derivatives must fall as the square of the step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OBJECTIVE_LIMIT = 1e-6
"""The relative error that a directional derivative of a whole objective must come below."""

STEPS = tuple(10.0 ** (-1 - k / 2) for k in range(11))
LEAST_SLOPE = 1.8
"""Of the error against the step: 2 in theory, 0 for a wrong gradient, more where the h^2 term vanishes."""

LEAST_SHARE = 1e-3
"""The part of the steepest slope that errors are relative to where the gradient is smaller still: a term that
starts at its minimum has a gradient of rounding errors, to which nothing could be compared."""

LEAST_ROUNDING = 3e-13
"""Relative errors of this size are rounding, even where the value itself is too small to account for them."""


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
        """Return whether the least error is below `limit` and the error falls as h^2 (or is rounding)."""
        return self.error < limit and (self.slope is None or self.slope >= LEAST_SLOPE)

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
        smooth piece of the objective on which x lies (see `nst.checks.held`). It must agree at x.
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
    value = value or (lambda point: _split(objective(point))[0])
    return compare(
        lambda point: [value(point)],
        x,
        [at],
        [gradient],
        directions=directions,
        seed=seed,
        steps=steps,
        signature=signature,
    )[0]


def compare(
    values: Callable[[np.ndarray], Sequence[float]],
    x: np.ndarray,
    at: Sequence[float],
    gradients: Sequence[np.ndarray],
    *,
    directions: int = 5,
    seed: int = 0,
    steps: Sequence[float] = STEPS,
    signature: Callable[[np.ndarray], Hashable] | None = None,
) -> list[ObjectiveReport]:
    """Compare the gradients of several functions of one point at once, as `check_objective` does for one.

    Parameters
    ----------
    values
        `values(x)` returns T numbers.
    x
        Where.
    at
        The T values at x, from whatever gave the gradients.
    gradients
        Of each of the T values at x.
    directions, seed, steps, signature
        As for `check_objective`.
    """
    at = np.array(at, dtype=np.float64)
    found = np.array(values(x))
    if not np.allclose(found, at, rtol=1e-9, atol=0):
        raise ValueError(f"`value` gives {found} at x, the objective {at}")
    for gradient in gradients:
        if gradient.shape != x.shape:
            raise ValueError(f"the gradient has shape {gradient.shape}, the point {x.shape}")
    rng = np.random.default_rng(seed)
    lengths = np.asarray(steps) * (float(np.sqrt(np.mean(x**2))) or 1.0)
    home = signature(x) if signature else None
    ahead, behind = np.full((2, directions, len(lengths), len(at)), np.nan)
    exact = np.empty((directions, 1, len(at)))
    for d in range(directions):
        v = _direction(rng, gradients)
        exact[d] = [np.vdot(gradient, v) for gradient in gradients]
        for k, h in enumerate(lengths):
            points = x + h * v, x - h * v
            if signature is None or all(signature(point) == home for point in points):
                ahead[d, k], behind[d, k] = (values(point) for point in points)

    h = lengths[:, None]
    typical = np.array([np.sqrt(np.sum(np.square(gradient))) for gradient in gradients])
    scale = np.maximum(np.maximum(np.abs(exact), typical), LEAST_SHARE * _steepest(ahead, at, h))
    scale[scale == 0] = 1.0  # a function that does not change at all
    errors = np.abs((ahead - behind) / (2 * h) - exact) / scale
    rounding = 16 * np.finfo(float).eps * np.maximum(np.abs(ahead), np.abs(at)) / (h * scale)
    rounding = np.maximum(rounding, LEAST_ROUNDING)
    return [_report(lengths, errors[..., t], rounding[..., t]) for t in range(len(at))]


def _steepest(ahead: np.ndarray, at: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the largest slope `|f(x + hv) - f(x)| / h` along each direction over the steps, (D, 1, T)."""
    rates = np.where(np.isnan(ahead), 0.0, np.abs(ahead - at) / h)
    return rates.max(axis=1, keepdims=True)


def _report(steps: np.ndarray, errors: np.ndarray, floors: np.ndarray) -> ObjectiveReport:
    """Return the verdict on one function from its errors, (D, H), and what rounding makes of them."""
    least = [float(np.nanmin(row)) for row in errors if not np.isnan(row).all()]
    slopes = [_slope(steps, *rows) for rows in zip(errors, floors, strict=True)]
    clear = [slope for slope in slopes if slope is not None]
    return ObjectiveReport(
        error=max(least, default=float("inf")),
        slope=float(np.median(clear)) if clear else None,
        steps=steps,
        errors=errors,
        used=len(least),
    )


def _split(result: Any) -> tuple[float, np.ndarray]:
    """Return value and gradient of an evaluation, or of a plain pair."""
    return (result.value, result.gradient) if hasattr(result, "gradient") else (result[0], result[1])


def _direction(rng: np.random.Generator, gradients: Sequence[np.ndarray]) -> np.ndarray:
    """Return a random direction of unit root mean square, well away from right angles to the gradients.

    Among a million pixels a purely random direction has almost nothing along a gradient, and rounding
    drowns the derivative. So each pixel's gradients enter with random weights, beside as much pure noise,
    which sees the pixels where a gradient is wrongly zero.
    """
    v = rng.standard_normal(gradients[0].shape)
    for gradient in gradients:
        size = float(np.sqrt(np.mean(np.square(gradient))))
        v += rng.uniform(0.0, 2.0, gradient.shape) * gradient / (size or 1.0)
    return v / np.sqrt(np.mean(v**2))


def _slope(steps: np.ndarray, errors: np.ndarray, floors: np.ndarray) -> float | None:
    """Return the power of h with which the errors fall, from the four smallest steps well above rounding."""
    clear = np.flatnonzero(~np.isnan(errors) & (errors > 30 * floors))[-4:]
    if len(clear) < 3:
        return None
    return float(np.polyfit(np.log(steps[clear]), np.log(errors[clear]), 1)[0])
