"""From vectors to feature maps."""

from __future__ import annotations

import math

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer


class Unflatten(Layer):
    """Lay each row out as an image, channels fastest: (N, H W C) becomes (N, H, W, C), the inverse of `Flatten`.

    y[n, u, v, c] = x[n, (u W + v) C + c]. With it a generator goes from the numbers of a fully connected layer to
    places. Each number has one place before and one after, so the backward pass is a reshape. `saved` is the input's
    shape. The result shares memory with `x` where it can.

    Parameters
    ----------
    shape : (H, W, C)
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"{shape} is no (H, W, C)")
        self.shape = tuple(shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, H, W, C)."""
        if len(shape) != 2 or shape[1] != math.prod(self.shape):
            raise NstError(f"rows of {math.prod(self.shape)} numbers are expected, not {tuple(shape)}")
        return shape[0], *self.shape

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return x as images, and its shape."""
        return x.reshape(self.output_shape(x.shape)), x.shape

    def backward(self, dy: np.ndarray, saved: tuple[int, ...]) -> np.ndarray:
        """Return dy in the input's shape."""
        return dy.reshape(saved)
