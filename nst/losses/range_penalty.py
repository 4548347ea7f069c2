"""The soft penalty that keeps pixels in range."""

from __future__ import annotations

import numpy as np

from nst import kernels


def range_penalty(
    x: np.ndarray,
    low: float = 0.0,
    high: float = 255.0,
    weight: float = 1.0,
    into: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    r"""Return the mean squared overshoot of pixels beyond [low, high], and the gradient.

    With n pixel values and o_i the part of x_i that clipping would cut off::

        o_i = x_i - min(max(x_i, low), high)
        L_range = 1/n sum_i o_i^2

    A file holds 0..255 only. An optimiser that does not know it spends the overshoot, and clipping the result
    undoes what it had matched; a clipped *iterate* would break the curvature that L-BFGS measures. The
    penalty is smooth enough for it (its gradient is continuous) and is zero inside the range.

    **Gradient.** o_i has slope 1 outside the range and is 0 inside, so::

        dx_i = 2/n o_i

    Parameters
    ----------
    x : ndarray
        Pixels, of any shape.
    low, high : float
        The range, in the pixels' own units.
    weight : float
        Multiplies both results.
    into : ndarray, optional
        A gradient to which this one is added, in place; it is returned then.

    Returns
    -------
    value : float
        Summed in float64; 0 without pixels.
    gradient : ndarray
        In the shape and dtype of `x`.
    """
    squared_overshoot = kernels.of(x).squared_overshoot  # sum o^2 and 2 o, weighted
    return squared_overshoot(x, float(low), float(high), weight / max(1, x.size), into)
