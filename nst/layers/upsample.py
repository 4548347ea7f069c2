"""Upsampling."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from nst.layers.base import Layer
from nst.layers.pad import NO_PADDING
from nst.layers.window import Window


class UpsampleNearest(Layer):
    """Enlarge an image `f` times by repeating pixels: (N, H, W, C) becomes (N, f H, f W, C).

    Every input pixel becomes a block of f by f equal ones::

        y[n, u, v, c] = x[n, u // f, v // f, c]

    Backward. x[n, k, l, c] is shown by the f² outputs of its block, each with the factor 1, so it collects
    the sum of the block (not its mean)::

        dx[n, k, l, c] = Σ_{0 <= i, j < f} dy[n, f k + i, f l + j, c]

    `saved` is None: `f` says all. In generators it stands before a convolution in place of a strided
    transposed one, whose uneven overlaps leave checkerboards (Odena et al., 2016).

    Parameters
    ----------
    factor : int
        `f`, at least 1.
    """

    def __init__(self, factor: int = 2) -> None:
        if factor < 1:
            raise ValueError(f"a factor of {factor} is not at least 1")
        self.factor = factor

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, f H, f W, C)."""
        n, height, width, channels = shape
        return n, self.factor * height, self.factor * width, channels

    def window(self) -> Window:
        """Return one place, that of the block: output `u` shows input `floor(u / f)`."""
        step = Fraction(1, self.factor)
        return Window((1, 1), (step, step), NO_PADDING)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return the enlarged image, and nothing."""
        return x.repeat(self.factor, axis=1).repeat(self.factor, axis=2), None

    def backward(self, dy: np.ndarray, saved: None) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        f = self.factor
        dx = dy[:, ::f, ::f].copy()
        # Whole maps at a time: many times as fast as a sum by blocks.
        for i, j in list(product(range(f), repeat=2))[1:]:
            dx += dy[:, i::f, j::f]
        return dx
