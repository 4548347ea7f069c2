"""Local response normalisation, across channels and within a channel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.window import Window


class Saved(NamedTuple):
    """What the backward pass needs: the input and the bracket that divided it."""

    a: np.ndarray
    s: np.ndarray


class _LocalResponseNorm(Layer):
    """What both kinds share; they differ in the axes that the window runs along."""

    window_axes: tuple[int, ...]

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, divide: bool = True
    ) -> None:
        if size < 1 or k <= 0 or alpha < 0:
            raise NstError(
                f"local response normalisation with size {size}, alpha {alpha}, k {k}: the bracket must stay "
                "positive, so size must be at least 1, k above 0 and alpha not below 0"
            )
        # Python's float leaves a float32 picture float32, where NumPy's own scalar, as files hold it, would not.
        self.alpha, self.beta, self.k = float(alpha), float(beta), float(k)
        self.size, self.divide = size, divide

    @property
    def strength(self) -> float:
        """What multiplies the plain sum of squares: alpha, divided by the full window's n when `divide`."""
        return self.alpha / self.size ** len(self.window_axes) if self.divide else self.alpha

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return twice the input, which is kept with its bracket; and as much for products on the way."""
        return 2 * itemsize * math.prod(shape), 2 * itemsize * math.prod(shape)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Return b = a s^-beta for `x` = a of shape (N, H, W, C)."""
        s = self._window_sum(np.square(x), before=self.size // 2, after=(self.size - 1) // 2)
        s *= self.strength
        s += self.k
        return x * s**-self.beta, Saved(x, s)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return da: the direct term and the sum over the windows that hold the place."""
        a, s = saved
        power = s**-self.beta
        # A place lies in the windows of the places that it would see through the mirrored window.
        seen = self._window_sum(dy * a * power / s, before=(self.size - 1) // 2, after=self.size // 2)
        return dy * power - 2 * self.strength * self.beta * a * seen

    def _window_sum(self, x: np.ndarray, before: int, after: int) -> np.ndarray:
        for axis in self.window_axes:
            x = _sum_of_shifts(x, axis, before, after)
        return x


def _sum_of_shifts(x: np.ndarray, axis: int, before: int, after: int) -> np.ndarray:
    """Return y_i = x_(i-before) + ... + x_(i+after) along `axis`, where places outside count as zero."""
    x = np.moveaxis(x, axis, 0)
    total = x.copy(order="K")
    for shift in range(1, min(before, len(x) - 1) + 1):
        total[shift:] += x[:-shift]
    for shift in range(1, min(after, len(x) - 1) + 1):
        total[:-shift] += x[shift:]
    return np.moveaxis(total, 0, axis)


class LRNAcross(_LocalResponseNorm):
    r"""Divide each value by its neighbours in depth: Krizhevsky et al., *ImageNet Classification*, 2012.

    With a^i_xy the value of channel i at pixel (x, y), and a window of n channels around i::

        s^i = k + alpha/n sum_(j in window of i) (a^j)^2            (pixel indices left out)
        b^i = a^i (s^i)^-beta

    `divide=True` has alpha/n, as Caffe and PyTorch compute; `divide=False` has alpha alone, as the AlexNet
    paper prints it (its alpha 1e-4, n 5, k 2 are Caffe's alpha 5e-4, n 5, k 2). The window runs from
    i - n//2 to i + (n-1)//2, as in PyTorch: an even n has its longer side before i. Channels outside count
    as zero while n stays the full size, so the edges are divided by less; n may exceed the channels.

    **Backward.** Write c = 2 alpha/n beta. a^i enters b^i directly, and every s^j whose window holds i::

        d b^j / d a^i = delta_ij (s^j)^-beta - beta a^j (s^j)^(-beta-1) d s^j / d a^i
        d s^j / d a^i = 2 alpha/n a^i        when i lies in the window of j, else 0

        da^i = db^i (s^i)^-beta - c a^i sum_(j whose window holds i) db^j a^j (s^j)^(-beta-1)

    i lies in the window of j when j is between i - (n-1)//2 and i + n//2: the window, mirrored. For odd n
    both are the same, which is how the mistake of not mirroring it stays hidden.

    Parameters
    ----------
    size : int
        n, the number of channels in a full window.
    alpha, beta, k : float
        As above; k > 0 keeps s positive.
    divide : bool
        Whether alpha is divided by n.
    """

    pointwise = True
    window_axes = (3,)


class LRNWithin(_LocalResponseNorm):
    r"""Divide each value by its neighbours in the picture, channel by channel: Caffe's WITHIN_CHANNEL.

    With a_xy the value of one channel at pixel (x, y), and a square window of n x n pixels around it::

        s_xy = k + alpha/n^2 sum_(uv in window of xy) a_uv^2
        b_xy = a_xy s_xy^-beta

    `divide=True` has alpha/n^2, as Caffe computes (an average pooling of the squares); `divide=False` has
    alpha alone. Along each axis the window runs from x - n//2 to x + (n-1)//2: an even n, which Caffe
    refuses, has its longer side before x. Pixels outside count as zero while n^2 stays the full size.

    **Backward.** As for `LRNAcross`, with pixels in the place of channels. d s_uv / d a_xy is
    2 alpha/n^2 a_xy when xy lies in the window of uv, and with c = 2 alpha/n^2 beta::

        da_xy = db_xy s_xy^-beta - c a_xy sum_(uv whose window holds xy) db_uv a_uv s_uv^(-beta-1)

    The sum over a square is the sum along one axis of the sum along the other, forward and mirrored alike.

    Parameters
    ----------
    size : int
        n, the side of a full window in pixels.
    alpha, beta, k : float
        As above; k > 0 keeps s positive.
    divide : bool
        Whether alpha is divided by n^2.
    """

    window_axes = (1, 2)

    def window(self) -> Window:
        """Return the square around each pixel."""
        edges = (self.size // 2, (self.size - 1) // 2)
        return Window((self.size, self.size), (1, 1), (edges, edges))
