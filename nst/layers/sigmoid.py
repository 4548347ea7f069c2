"""The logistic function, as the last layer of a generator: it keeps colours in range."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer


class Sigmoid(Layer):
    r"""Squeeze any number into 0..high::

        y = high / (1 + exp(-x))

    **Backward.** With s = y / high, the quotient rule gives ds/dx = exp(-x) / (1 + exp(-x))^2 = s (1 - s)::

        dx = dy high s (1 - s) = dy y (1 - y / high)

    Only the output is needed, so only it is saved. exp is taken of -|x| alone and cannot overflow; where the output
    is 0 or `high` to rounding, its gradient is 0.

    Parameters
    ----------
    high : float
        255 for colours.
    """

    pointwise = True
    saves_output = True

    def __init__(self, high: float = 1.0) -> None:
        self.high = float(high)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers in 0..high of the shape of `x`."""
        small = np.exp(-np.abs(x))  # 1 / (1 + e) for x >= 0, and e / (1 + e) below, where e = exp(-|x|)
        y = self.high * np.where(x >= 0, 1, small) / (1 + small)
        return y.astype(x.dtype, copy=False), y

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dx, given the output."""
        return dy * saved * (1 - saved / self.high)
