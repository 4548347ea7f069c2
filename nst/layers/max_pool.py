"""Maximum pooling."""

from __future__ import annotations

import math

import numpy as np

from nst import kernels
from nst.layers.pool import Pool2d

Saved = tuple[np.ndarray, tuple[int, ...]]


class MaxPool2d(Pool2d):
    """The maximum of each window, channel by channel.

    With `X` the input padded by -inf (so that padding never wins), `s` the stride, `(i, j)` a place within
    the window::

        y[n, a, b, c] = max_{i, j} X[n, a s + i, b s + j, c]

    `x` is (N, H, W, C), `y` is (N, Ho, Wo, C); `window_count` gives Ho and Wo in floor and in ceil mode.

    Backward. Let (i*, j*) be the place of the maximum in window (a, b). A small change of X there changes y
    by as much; a small change anywhere else in the window changes nothing. So the derivative is 1 at the
    winner and 0 elsewhere, and by the chain rule, summing over the windows that cover a pixel::

        dX[n, u, v, c] = Σ_{a, b} dy[n, a, b, c] [u = a s + i* and v = b s + j*]

    Where windows overlap (s < size, as in AlexNet) one pixel may win several of them and gets the *sum*; to
    assign instead of to add would lose the rest. Pixels that win nothing, or that no window covers, get 0.
    When several places share the maximum, y has a kink there; the first of them in reading order takes the
    whole gradient, so that a window never hands on more or less than it received.

    `saved` is each winner's number i* kw + j*, in one byte while the window has at most 256 places, and the
    input's shape. A NaN in a window is its maximum.

    Parameters
    ----------
    size, stride, padding, ceil_mode
        See `nst.layers.pool`.
    """

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return a byte, or what the window calls for, for each winner."""
        smallest = np.min_scalar_type(self.size[0] * self.size[1] - 1)
        return math.prod(self.output_shape(shape)) * smallest.itemsize, 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Return y (N, Ho, Wo, C), and the winners with the input's shape."""
        out_hw = self.output_shape(x.shape)[1:3]
        kernel = kernels.of(x).max_pool_forward
        y, argmax = kernel(x, self.size, self.stride, self.padding, out_hw)
        smallest = np.min_scalar_type(self.size[0] * self.size[1] - 1)
        return y, (argmax.astype(smallest, copy=False), x.shape)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        argmax, shape = saved
        kernel = kernels.of(dy).max_pool_backward
        return kernel(dy, argmax, shape, self.size, self.stride, self.padding)
