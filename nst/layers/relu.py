"""The rectified linear unit."""

from __future__ import annotations

import math

import numpy as np

from nst import kernels
from nst.layers.base import Layer


class ReLU(Layer):
    """Rectified linear unit: y = max(x, 0) for each number of `x`, of any shape.

    Its slope is 1 where x > 0 and 0 where x < 0. At the kink any slope between would be right; as everywhere
    in this field the slope at 0, of either sign, is taken to be 0. The Jacobian is diagonal, so::

        dx = dy where x > 0, else 0

    `saved` is therefore one bit of information per number, the mask `x > 0`, kept as bool: neither `x` nor
    `y` needs to stay alive.

    A NaN in `x` is a NaN in `y` (`x * (x > 0)` would also make one of -inf), so that a mistake upstream shows
    and nothing else does. Backward multiplies by the mask, which for finite `dy` is the selection above; an
    infinity or a NaN in `dy` passes where the unit is on and is NaN where it is off: a gradient that has
    overflowed is not quietly lost either.
    """

    pointwise = True

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return a byte for each number: the mask."""
        return math.prod(shape), 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return max(x, 0) and the mask x > 0."""
        return kernels.of(x).relu_forward(x)

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dy where the unit was on, 0 elsewhere."""
        return kernels.of(dy).relu_backward(dy, saved)
