"""Adding branches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer


class Add(Layer):
    """Sum of feature maps, as where a residual block ends: He et al., *Deep Residual Learning*, 2015.

    With inputs x_i, all of the same shape::

        y = Σ_i x_i                              dx_i = dy

    Every input enters with the factor 1, so each gets the whole gradient: through the branch that skips the
    convolutions it arrives undiminished, which is what makes deep networks trainable. `forward` takes a list;
    `backward` returns one, in which `dy` itself stands once for each input. `saved` is their number.
    """

    pointwise = True
    joins = True

    def output_shape(self, shape: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the one shape that all inputs have; NstError when they differ."""
        if not shape or any(tuple(other) != tuple(shape[0]) for other in shape):
            raise NstError(f"cannot add {', '.join(str(tuple(one)) for one in shape)}: shapes must be equal")
        return tuple(shape[0])

    def forward(self, x: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
        """Return the sum of the inputs, and how many they are."""
        self.output_shape([one.shape for one in x])
        y = x[0] + x[1] if len(x) > 1 else x[0]
        for more in x[2:]:
            y += more
        return y, len(x)

    def backward(self, dy: np.ndarray, saved: int) -> list[np.ndarray]:
        """Return the list of dx_i."""
        return [dy] * saved
