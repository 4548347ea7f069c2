"""What the poolings have in common: the geometry of their windows."""

from __future__ import annotations

from nst.layers.base import Layer
from nst.layers.window import Pair, Sides, Window, half_window, pair, sides, window_count


class Pool2d(Layer):
    """A layer that makes one number of each window, channel by channel.

    Parameters
    ----------
    size, stride : int or (rows, columns)
        The stride is the size by default: windows side by side.
    padding : int, (rows, columns) or ((top, bottom), (left, right))
        At most half the window, else NstError.
    ceil_mode : bool
        Let the last window hang over the far edge (Caffe's way) rather than leave that edge out.
    """

    def __init__(
        self,
        size: int | Pair = 2,
        stride: int | Pair | None = None,
        padding: int | Pair | Sides = 0,
        ceil_mode: bool = False,
    ) -> None:
        self.size = pair(size)
        self.stride = self.size if stride is None else pair(stride)
        self.padding = half_window(sides(padding), self.size)
        self.ceil_mode = ceil_mode

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, Ho, Wo, C)."""
        out_hw = window_count(shape, self.size, self.stride, self.padding, ceil_mode=self.ceil_mode)
        return (shape[0], *out_hw, shape[3])

    def window(self) -> Window:
        """Return size, stride and padding."""
        return Window(self.size, self.stride, self.padding)
