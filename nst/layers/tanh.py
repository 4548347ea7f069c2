"""The hyperbolic tangent, with which generators keep colours in range."""

from __future__ import annotations

import math

import numpy as np

from nst.layers.base import Layer


class Tanh(Layer):
    r"""Squeeze any number into middle - reach .. middle + reach::

        y = middle + reach t,    t = tanh(x) = (e^x - e^-x) / (e^x + e^-x)

    **Backward.** With u and v for numerator and denominator, u' = v and v' = u, so t' = (v v - u u) / v^2::

        dx = dy reach (1 - t^2)

    Only t is needed, so only it is saved. Where it is 1 or -1 to rounding the gradient is 0.

    Parameters
    ----------
    reach, middle : float
        1 and 0; for colours 127.5 and 127.5, or a little more reach where the picture may not be grey at its
        darkest (Johnson et al., 2016, take 150 and clip).
    """

    pointwise = True

    def __init__(self, reach: float = 1.0, middle: float = 0.0) -> None:
        self.reach, self.middle = float(reach), float(middle)

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return t."""
        return itemsize * math.prod(shape), 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers in middle - reach .. middle + reach, of the shape of `x`, and t."""
        t = np.tanh(x)
        return self.middle + self.reach * t, t

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dx, given t."""
        return dy * self.reach * (1 - saved * saved)
