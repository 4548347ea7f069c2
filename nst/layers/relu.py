"""The rectified linear unit."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer


class ReLU(Layer):
    """Rectified linear unit: y = max(x, 0) for each number of `x`, of any shape.

    Its slope is 1 where x > 0 and 0 where x < 0. At the kink any slope between would be right; as everywhere
    in this field the slope at 0, of either sign, is taken to be 0. The Jacobian is diagonal, so::

        dx = dy where x > 0, else 0

    `saved` is therefore one bit of information per number, the mask `x > 0`, kept as bool: neither `x` nor
    `y` needs to stay alive.

    A NaN in `x` is a NaN in `y`, so that a mistake upstream shows. In the backward pass the mask *selects*
    rather than multiplies: where the unit is off the result is 0 whatever `dy` holds, while `dy * mask` would
    turn an infinite `dy` into inf * 0 = NaN. Where the unit is on, an infinity or a NaN in `dy` passes.
    """

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return max(x, 0) and the mask x > 0."""
        return np.maximum(x, 0), x > 0

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return dy where the unit was on, 0 elsewhere."""
        return np.where(saved, dy, dy.dtype.type(0))
