"""Average pooling."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.layers.pool import Pool2d
from nst.layers.window import Pair, Sides


class AvgPool2d(Pool2d):
    """The mean of each window, channel by channel.

    With `X` the input padded by zeros, `s` the stride, and `m` the number of places that count::

        y[n, a, b, c] = 1 / m[a, b] Σ_{i, j} X[n, a s + i, b s + j, c]

    `x` is (N, H, W, C), `y` is (N, Ho, Wo, C); `window_count` gives Ho and Wo in floor and in ceil mode.
    Inside the image m = kh kw. At a border m counts the window's places inside the image; with
    `count_include_pad` also those inside the padding. The part of a last window that hangs over both (ceil
    mode) never counts. So without `count_include_pad` a constant image stays constant up to its borders.

    Backward. The map is linear: every place of a window enters y with the factor 1 / m, whatever it holds.
    The chain rule sums over the windows that cover a pixel::

        dX[n, u, v, c] = Σ_{a, b : (u, v) in window (a, b)} dy[n, a, b, c] / m[a, b]

    and dx is dX without its padding. Overlapping windows add up. The divisor is that of the *forward* pass,
    window by window: kh kw everywhere would be wrong at each clipped window.

    `saved` is the input's shape: the gradient does not depend on the input's values.

    Parameters
    ----------
    size, stride, padding, ceil_mode
        See `nst.layers.pool`.
    count_include_pad : bool
        Whether the zeros of the padding count as places.
    """

    def __init__(
        self,
        size: int | Pair = 2,
        stride: int | Pair | None = None,
        padding: int | Pair | Sides = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return y (N, Ho, Wo, C), and the input's shape."""
        out_hw = self.output_shape(x.shape)[1:3]
        kernel = kernels.of(x).avg_pool_forward
        return kernel(x, self.size, self.stride, self.padding, out_hw, self.count_include_pad), x.shape

    def backward(self, dy: np.ndarray, saved: tuple[int, ...]) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        kernel = kernels.of(dy).avg_pool_backward
        return kernel(dy, saved, self.size, self.stride, self.padding, self.count_include_pad)
