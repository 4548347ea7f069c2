"""Joining branches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.layers.base import Layer


class Concat(Layer):
    """Concatenation of feature maps along the channels: the one layer with several inputs.

    With inputs x_i (N, H, W, C_i) and o_i = C_0 + ... + C_{i-1} the channels before the i-th::

        y[n, u, v, o_i + c] = x_i[n, u, v, c]          y is (N, H, W, Σ C_i)

    Backward. Every output channel is a copy of one input channel, so each input gets back its own run::

        dx_i[n, u, v, c] = dy[n, u, v, o_i + c]

    `forward` takes a list and `backward` returns one, as views of `dy`. An input that feeds several branches
    is not this layer's business: the network adds what the branches return. `saved` is the list of the C_i.
    """

    pointwise = True
    joins = True

    def output_shape(self, shape: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return (N, H, W, Σ C_i) for a list of shapes that differ in the channels only, else ValueError."""
        if not shape or any(other[:-1] != shape[0][:-1] for other in shape):
            raise ValueError(f"cannot join {[tuple(s) for s in shape]}: only the channels may differ")
        return (*shape[0][:-1], sum(one[-1] for one in shape))

    def forward(self, x: Sequence[np.ndarray]) -> tuple[np.ndarray, list[int]]:
        """Return the inputs side by side, and their numbers of channels."""
        self.output_shape([one.shape for one in x])
        if any(one.dtype != x[0].dtype for one in x):
            raise ValueError(f"cannot join dtypes {', '.join(str(one.dtype) for one in x)}")
        return np.concatenate(x, axis=-1), [one.shape[-1] for one in x]

    def backward(self, dy: np.ndarray, saved: list[int]) -> list[np.ndarray]:
        """Return the list of dx_i."""
        return np.split(dy, np.cumsum(saved)[:-1], axis=-1)
