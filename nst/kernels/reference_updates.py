"""What moves parameters, by its definition: NumPy, any dtype."""

from __future__ import annotations

import numpy as np


def sgd_step(
    w: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Move parameters `w` and their velocity `v`, both in place, against the gradient `g`; see `nst.optimizers.SGD`."""
    g = g + weight_decay * w
    v *= momentum
    v += g
    w -= learning_rate * (g + momentum * v if nesterov else v)
