"""The mean of each feature map."""

from __future__ import annotations

import numpy as np

from nst.errors import NstError
from nst.layers.base import Layer


class GlobalAvgPool(Layer):
    """The mean over all places of a feature map, channel by channel (Lin et al., *Network in Network*, 2013).

    For x (N, H, W, C) and y (N, C)::

        y[n, c] = 1 / (H W) Σ_{u, v} x[n, u, v, c]

    Whatever the size of the picture, what follows gets vectors of the same length. Backward: each place enters its
    mean with the factor 1 / (H W), so::

        dx[n, u, v, c] = dy[n, c] / (H W)

    `saved` is the input's shape.
    """

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, C)."""
        if not shape[1] * shape[2]:
            raise NstError("there is no place left to average; use a larger image")
        return shape[0], shape[3]

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return y (N, C), and the input's shape."""
        self.output_shape(x.shape)
        # NumPy adds along leading axes one by one: in float32 a sum over many places would lose digits.
        wide = np.result_type(x.dtype, np.float64)
        return x.mean(axis=(1, 2), dtype=wide).astype(x.dtype, copy=False), x.shape

    def backward(self, dy: np.ndarray, saved: tuple[int, ...]) -> np.ndarray:
        """Return dx (N, H, W, C)."""
        share = dy / (saved[1] * saved[2])
        return np.broadcast_to(share[:, None, None], saved).copy()
