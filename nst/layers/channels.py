"""A run of channels by itself."""

from __future__ import annotations

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer


class Channels(Layer):
    """The channels from `start` to before `stop`: what `Concat` joins, this takes apart.

    ::

        y[..., c] = x[..., start + c]                    0 <= c < stop - start

    Backward. A channel that is not shown moves nothing; the others get their own gradient::

        dx[..., c] = dy[..., c - start] for start <= c < stop, else 0

    `y` is a view of `x`. `saved` is the number of channels of `x`.

    Parameters
    ----------
    start, stop : int
    """

    pointwise = True

    def __init__(self, start: int, stop: int) -> None:
        if not 0 <= start < stop:
            raise ValueError(f"there are no channels from {start} to before {stop}")
        self.start, self.stop = start, stop

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (..., stop - start); NstError when there are fewer channels than `stop`."""
        if shape[-1] < self.stop:
            raise NstError(f"there are no channels {self.start} to {self.stop - 1} in {tuple(shape)}")
        return (*shape[:-1], self.stop - self.start)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the channels, and how many there were."""
        self.output_shape(x.shape)
        return x[..., self.start : self.stop], x.shape[-1]

    def backward(self, dy: np.ndarray, saved: int) -> np.ndarray:
        """Return dx, zero where nothing was shown."""
        dx = np.zeros((*dy.shape[:-1], saved), dy.dtype)
        dx[..., self.start : self.stop] = dy
        return dx
