"""The definition of padding: how a picture (N, H, W, C) goes on beyond its border, in NumPy, for any dtype.

See `nst.layers.pad` for what the modes mean.
"""

from __future__ import annotations

import numpy as np

from nst.kernels.reference_windows import Sides

NUMPY_NAMES = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad_forward(x: np.ndarray, padding: Sides, mode: str) -> np.ndarray:
    """Return `x` with the padding drawn around it."""
    return np.pad(x, ((0, 0), *padding, (0, 0)), mode=NUMPY_NAMES[mode])


def pad_backward(dy: np.ndarray, padding: Sides, mode: str) -> np.ndarray:
    """Return the gradient of the image inside, given `dy`, that of the padded one."""
    (top, bottom), (left, right) = padding
    if mode != "zero":
        dy = dy.copy()
        _fold(np.moveaxis(dy, 2, 0), left, right, mode)
        _fold(np.moveaxis(dy, 1, 0), top, bottom, mode)
    return dy[:, top : dy.shape[1] - bottom, left : dy.shape[2] - right].copy()


def _fold(strips: np.ndarray, before: int, after: int, mode: str) -> None:
    """Add the padding of the first axis to the places that it showed."""
    end = len(strips) - after
    n = end - before
    inside, first, last = strips[before:end], strips[:before], strips[end:]
    if mode == "reflect":
        inside[1 : 1 + before] += first[::-1]
        inside[n - 1 - after : n - 1] += last[::-1]
    elif mode == "circular":
        inside[n - before :] += first
        inside[:after] += last
    elif mode == "replicate":
        inside[0] += first.sum(axis=0)
        inside[-1] += last.sum(axis=0)
