"""Checks what differences cannot: where equal values compete, one of them gets the whole gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst.checks.layer_check import LayerReport
from nst.checks.numeric import relative_error


def check_ties(layer: Any, x: np.ndarray, *, training: None = None, seed: int = 0) -> LayerReport:
    """Check that a max pool sends the gradient of a window of equal values to the first of them, alone.

    At a tie there is no derivative and any share is a subgradient, but the shares must sum to 1, and the
    library promises the first in reading order, as cuDNN and PyTorch choose. Which places a window holds is
    measured: raising a place raises the outputs whose windows hold it.

    Parameters
    ----------
    layer
        The max pool.
    x
        A constant picture, (1, H, W, C).
    training
        Only so that all checks are called alike.
    seed
        Of the cotangent.
    """
    y, saved = layer.forward(x)
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    first: dict[int, int] = {}
    for place in range(x.size):
        raised = x.copy()
        raised.flat[place] += 1.0
        for output in np.flatnonzero(layer.forward(raised)[0] != y):
            first.setdefault(int(output), place)
    expected = np.zeros_like(x)
    for output, place in first.items():
        expected.flat[place] += dy.flat[output]
    return LayerReport(type(layer).__name__, relative_error(layer.backward(dy, saved), expected, 1.0))
