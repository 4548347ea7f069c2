"""Padding: how an image goes on beyond its border."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.window import Pair, Sides, Window, sides

MODES = ("zero", "reflect", "replicate", "circular")
NO_PADDING: Sides = ((0, 0), (0, 0))


class Pad2d(Layer):
    """Padding of an image (N, H, W, C) at its four borders.

    Along one axis of `n` places, with `p` new places before, output `u` shows input `source(u - p)`::

        zero       source(k) = k                              inside, else nothing: 0
        replicate  source(k) = min(max(k, 0), n - 1)          a a a|a b c d|d d d
        reflect    source(k) = -k            for k < 0        d c b|a b c d|c b a
                               2 (n - 1) - k for k > n - 1    (the border itself is not repeated)
        circular   source(k) = k mod n                        c d|a b c d|a b    (the plane is tiled with the image)

    and the two axes are independent: y[n, u, v, c] = x[n, source(u), source(v), c].

    Backward. An input place is shown by several outputs, each with the factor 1, so the chain rule adds what
    they receive::

        dx[n, k, l, c] = Σ_{u : source(u) = k} Σ_{v : source(v) = l} dy[n, u, v, c]

    In matrices, with P the 0/1 matrix of `source` for an axis, y = P_rows x P_columnsᵀ and so
    dx = P_rowsᵀ dy P_columns: fold the columns back, then the rows. A place near a corner is seen directly,
    by its mirror image across either border, and by the one across both: four times, and folding one axis
    after the other counts all four. (Under `replicate` the corner pixel gathers the whole corner block.)

    `saved` is None: the padding alone says how to fold.

    Parameters
    ----------
    padding : int, (rows, columns) or ((top, bottom), (left, right))
    mode : {"reflect", "replicate", "zero", "circular"}
    """

    def __init__(self, padding: int | Pair | Sides, mode: str = "reflect") -> None:
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
        self.padding = sides(padding)
        self.mode = mode

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, top + H + bottom, left + W + right, C)."""
        check_room(shape, self.padding, self.mode)
        return padded_shape(shape, self.padding)

    def window(self) -> Window:
        """Return one place: the same, moved by the padding."""
        return Window((1, 1), (1, 1), self.padding)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return the padded image, and nothing."""
        return pad_forward(x, self.padding, self.mode), None

    def backward(self, dy: np.ndarray, saved: None) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        return pad_backward(dy, self.padding, self.mode)


def padded_shape(shape: tuple[int, ...], padding: Sides) -> tuple[int, ...]:
    """Return the shape of an image (N, H, W, C) with its padding."""
    n, height, width, channels = shape
    return n, height + sum(padding[0]), width + sum(padding[1]), channels


def check_room(shape: tuple[int, ...], padding: Sides, mode: str) -> None:
    """Raise an `NstError` when a border would show more places than an image of `shape` (N, H, W, C) has."""
    spare = {"reflect": 1, "circular": 0}.get(mode)
    for length, edges in zip(shape[1:3], padding, strict=True):
        if spare is not None and max(edges) > length - spare:
            raise NstError(
                f"{mode} padding of {max(edges)} needs {max(edges) + spare} pixels or more, but the image is "
                f"{shape[1]}x{shape[2]} there; use a larger image or zero padding"
            )


def pad_forward(x: np.ndarray, padding: Sides, mode: str) -> np.ndarray:
    """Return `x` (N, H, W, C) with the padding drawn around it; `x` itself when there is none to draw.

    Raises
    ------
    NstError
        When there are too few places: `reflect` and `circular` show each at most once on each side.
    """
    if padding == NO_PADDING:
        return x
    check_room(x.shape, padding, mode)
    return kernels.of(x).pad_forward(x, padding, mode)


def pad_backward(dy: np.ndarray, padding: Sides, mode: str) -> np.ndarray:
    """Return the gradient of the image inside, given `dy`, that of the padded one."""
    return dy if padding == NO_PADDING else kernels.of(dy).pad_backward(dy, padding, mode)
