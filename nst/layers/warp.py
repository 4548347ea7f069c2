"""Turning, zooming and moving a picture."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer


class Warp(Layer):
    r"""Look at pictures (N, H, W, C) from elsewhere: turned, zoomed, moved, with bilinear interpolation.

    With c the middle of the picture, output pixel q shows the place ::

        p = c + A (q - c) + t          in rows and columns

    of the input, which lies between four pixels. With b the fractional parts of p, each of them weighs
    b or 1 - b down times b or 1 - b across. Pixels beyond the border are `fill`, so that the output is affine::

        y = S x + fill (1 - S 1)       S: a row for each output pixel, with at most four weights

    **Backward.** The transpose, whatever A and t are: each output pixel gives its gradient to the four pixels that it
    was made of, in the same shares::

        dx = S^T dy

    `saved` is S, so that the way back is of the very same warp.

    Parameters
    ----------
    matrix : array_like, (2, 2)
        A: the identity shows the picture as it is, 0.5 times the identity magnifies it twice.
    shift : pair of float
        t, in pixels.
    fill : float
        What is shown beyond the border.
    """

    def __init__(self, matrix: np.ndarray, shift: tuple[float, float] = (0, 0), fill: float = 0.0) -> None:
        self.matrix, self.shift, self.fill = np.array(matrix, float), np.array(shift, float), float(fill)

    @classmethod
    def turned(
        cls, degrees: float = 0, zoom: float = 1, shift: tuple[float, float] = (0, 0), fill: float = 0
    ) -> Warp:
        """Return the warp that shows a picture turned counterclockwise, magnified, and moved."""
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return cls(turn / zoom, shift, fill)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, object]:
        """Return the warped pictures, of the same shape, and S."""
        samples = self._samples(*x.shape[1:3], x.dtype)
        shown = samples @ np.ones(samples.shape[1], x.dtype)  # how much of each pixel lies within the border
        y = _each_picture(samples, x)
        if self.fill:
            y += (self.fill * (1 - shown)).reshape(1, *x.shape[1:3], 1).astype(x.dtype)
        return y, samples

    def backward(self, dy: np.ndarray, saved: object) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        return _each_picture(saved.T, dy)

    def _samples(self, height: int, width: int, dtype: np.dtype) -> object:
        """Return S as a sparse matrix, (H W, H W)."""
        from scipy import sparse  # which takes a moment to load

        centre = np.array([(height - 1) / 2, (width - 1) / 2])[:, None]
        places = np.indices((height, width)).reshape(2, -1)
        seen = centre + self.matrix @ (places - centre) + self.shift[:, None]
        first = np.floor(seen).astype(np.int64)
        beyond = seen - first
        rows, columns, shares = [], [], []
        for down in (0, 1):
            for across in (0, 1):
                row, column = first[0] + down, first[1] + across
                share = np.abs(1 - down - beyond[0]) * np.abs(1 - across - beyond[1])
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                rows.append(np.flatnonzero(inside))
                columns.append((row * width + column)[inside])
                shares.append(share[inside])
        entries = np.concatenate(shares).astype(dtype), (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_matrix(entries, shape=(height * width,) * 2)


def _each_picture(matrix: object, x: np.ndarray) -> np.ndarray:
    """Return the matrix times the pixels of each picture."""
    n, height, width, channels = x.shape
    pixels = np.ascontiguousarray(x.transpose(1, 2, 0, 3)).reshape(height * width, n * channels)
    return (matrix @ pixels).reshape(height, width, n, channels).transpose(2, 0, 1, 3).copy()
