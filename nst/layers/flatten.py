"""From feature maps to vectors."""

from __future__ import annotations

import math

import numpy as np

from nst.layers.base import Layer


class Flatten(Layer):
    """Lay each image out as one row: (N, H, W, C) becomes (N, H W C), channels fastest.

    y[n, (u W + v) C + c] = x[n, u, v, c]. Every number has one place before and one after, so the backward
    pass puts each gradient back where its number came from: a reshape. `saved` is the input's shape.

    The result shares memory with `x` where it can. Weights of a fully connected layer trained on (C, H, W)
    order must have their rows permuted once, when they are converted.
    """

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, H W C)."""
        return shape[0], math.prod(shape[1:])

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return x as rows, and its shape."""
        return x.reshape(self.output_shape(x.shape)), x.shape

    def backward(self, dy: np.ndarray, saved: tuple[int, ...]) -> np.ndarray:
        """Return dy in the input's shape."""
        return dy.reshape(saved)
