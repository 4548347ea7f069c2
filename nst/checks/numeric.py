"""Derivatives by differences, and how far a hand-written one is from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Arrays = list[np.ndarray]
STEP = 5e-4
"""Step of the fourth-order difference, in units of the input's root mean square."""


def step_for(x: np.ndarray, step: float = STEP) -> float:
    """Return a step in the units of `x`: `step` times its root mean square, or `step` where `x` is zero."""
    rms = float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0
    return step * (rms or 1.0)


def along(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray, h: float) -> np.ndarray:
    """Return the derivative of `function` at `x` along `v`, from four values.

    With `D(h) = (f(x + hv) - f(x - hv)) / 2h`, whose error is `h^2 f''' / 6`, the combination
    `(4 D(h) - D(2h)) / 3` has lost that term: its error is of the order `h^4`, so that a step of 5e-4
    leaves an error near 1e-13 from truncation and about as much from rounding.
    """
    near = function(x + h * v) - function(x - h * v)
    far = function(x + 2 * h * v) - function(x - 2 * h * v)
    return (8 * near - far) / (12 * h)


def numeric_gradient(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, cotangents: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the gradient of `<dy, f(x)>` for each `dy`, by elements of `x`, and the size of its terms.

    Parameters
    ----------
    function
        Any function of `x` with an output of M elements.
    x
        Where; n elements.
    cotangents
        (K, M): the gradients with respect to the output that are pulled back.

    Returns
    -------
    gradient : (K, n) array
    size : float
        The largest sum of absolute terms among the elements: what the rounding error is relative to.
    """
    gradient = np.empty((len(cotangents), x.size))
    size = 0.0
    h = step_for(x)
    for i in range(x.size):
        v = np.zeros(x.size)
        v[i] = 1.0
        column = along(function, x, v.reshape(x.shape), h).ravel()
        gradient[:, i] = cotangents @ column
        size = max(size, float(np.max(np.abs(cotangents) @ np.abs(column), initial=0.0)))
    return gradient, size


def numeric_projection(
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    cotangents: np.ndarray,
    directions: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Return the derivative of `<dy, f(x)>` along each direction, as (K, D), and the size of its terms.

    For arrays too large to be checked element by element: by the law of transposes, `<dy, J v> = <J'dy, v>`.
    """
    h = step_for(x)
    columns = np.stack([along(function, x, v.reshape(x.shape), h).ravel() for v in directions], axis=1)
    size = float(np.max(np.abs(cotangents) @ np.abs(columns), initial=0.0))
    return cotangents @ columns, size


def relative_error(analytic: np.ndarray, numeric: np.ndarray, size: float = 0.0) -> float:
    """Return the worst `|a - n| / max(|a| + |n|, size / 1000)`; infinite for a wrong shape or a NaN.

    Each element is judged by itself, as CS231n does, so that a mistake in small entries is not hidden by
    large ones. The floor keeps rounding from counting where an entry is zero because its terms cancel:
    `size` is the size of those terms.
    """
    if analytic.shape != numeric.shape:
        return float("inf")
    if not analytic.size:
        return 0.0
    difference = np.abs(analytic - numeric)
    scale = np.maximum(np.abs(analytic) + np.abs(numeric), size / 1000)
    error = np.divide(difference, scale, out=np.zeros_like(difference), where=difference != 0)
    worst = float(np.max(error))
    return worst if np.isfinite(worst) else float("inf")
