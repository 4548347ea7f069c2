"""The rectified linear unit that leaks."""

from __future__ import annotations

import math

import numpy as np

from nst.layers.base import Layer


class LeakyReLU(Layer):
    """Leaky rectified linear unit: Maas et al., *Rectifier Nonlinearities*, 2013.

    ::

        y = x      where x > 0            dx = dy         where x > 0
            a x    elsewhere                   a dy       elsewhere

    Below 0 a little gets through, so that no unit is ever dead: critics of generators are made of it. At the
    kink the slope is taken to be `a`. `saved` is the mask `x > 0`.

    Parameters
    ----------
    slope : float
        `a`, from 0 (a ReLU) to 1 (the identity); 0.01 in the paper and in CS231n, 0.2 in most critics.
    """

    pointwise = True

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 <= slope <= 1:
            raise ValueError(f"a slope of {slope} is not from 0 to 1")
        self.slope = float(slope)

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return a byte for each number: the mask."""
        return math.prod(shape), 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return max(x, a x), and the mask x > 0."""
        return np.maximum(x, self.slope * x), x > 0

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dy where the unit was on, a dy elsewhere."""
        return np.where(saved, dy, self.slope * dy)
