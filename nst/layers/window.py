"""The geometry of sliding windows, shared by convolution and pooling."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from nst.errors import NstError

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


class Window(NamedTuple):
    """Which places of its input an output looks at, along rows and along columns.

    Output `i` sees the `size` places from `floor(i stride) - padding` on, the padding being that before the
    first place. A layer that enlarges has a fraction as its stride. `padding` has both ends, for those who
    need to know how far the border reaches.
    """

    size: Pair
    stride: tuple[int | Fraction, int | Fraction]
    padding: Sides

    def then(self, following: Window) -> Window:
        """Return the window of two layers, this one and then another, seen as one."""
        size, stride, padding = [], [], []
        for axis, step in enumerate(self.stride):
            size.append(self.size[axis] + (following.size[axis] - 1) * step)
            stride.append(step * following.stride[axis])
            edges = zip(self.padding[axis], following.padding[axis], strict=True)
            padding.append(tuple(own + step * added for own, added in edges))
        return Window(tuple(size), tuple(stride), tuple(padding))


def pair(value: int | Pair, least: int = 1) -> Pair:
    """Return `(rows, columns)` from one number or two; a ValueError when one is less than `least`."""
    rows, columns = (value, value) if np.ndim(value) == 0 else value
    if min(rows, columns) < least:
        raise ValueError(f"expected numbers of at least {least}, not {value}")
    return rows, columns


def sides(padding: int | Pair | Sides) -> Sides:
    """Return `((top, bottom), (left, right))` from one number, from (rows, columns), or from all four."""
    rows, columns = (padding, padding) if np.ndim(padding) == 0 else padding
    return pair(rows, least=0), pair(columns, least=0)


def half_window(padding: Sides, size: Pair) -> Sides:
    """Return the padding of a pooling window, at most half of it so that no window sees padding alone."""
    if any(max(edges) > length // 2 for edges, length in zip(padding, size, strict=True)):
        raise NstError(f"pooling: a padding of {padding} is more than half of the {size[0]}x{size[1]} window")
    return padding


def window_count(
    shape: tuple[int, ...], size: Pair, stride: Pair, padding: Sides, *, ceil_mode: bool = False
) -> Pair:
    """Return how many windows fit into an image of `shape` (N, H, W, C), down and across.

    Along an axis of `n` places, padding included, windows of `k` places start every `s` places:

    - floor: (n - k) // s + 1 windows, each inside; places left over at the far edge are seen by none.
    - ceil: the division rounds up, so that the last window may hang over the far edge. It must still start
      inside the image or the padding before it; one that would start in the padding behind is dropped.

    Raises
    ------
    NstError
        When not even one window fits.
    """
    counts = []
    for axis in (0, 1):
        before, after = padding[axis]
        room = shape[1 + axis] + before + after - size[axis]
        count = (room + (stride[axis] - 1 if ceil_mode else 0)) // stride[axis] + 1
        if ceil_mode and (count - 1) * stride[axis] >= shape[1 + axis] + before:
            count -= 1
        counts.append(count)
    if min(counts) < 1:
        height, width = (shape[1 + axis] + sum(padding[axis]) for axis in (0, 1))
        raise NstError(
            f"a window of {size[0]}x{size[1]} does not fit into an input of {shape[1]}x{shape[2]} "
            f"({height}x{width} with its padding); use a larger image"
        )
    return counts[0], counts[1]
