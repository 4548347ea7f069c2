"""Dropout."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer, Mode


class Dropout(Layer):
    """Inverted dropout (Srivastava et al., 2014): while training, silence numbers with probability `rate`.

    With mask[k] drawn as 1 with probability q = 1 - rate, else 0, independently for every number of `x`::

        training   y = mask x / q        so that E[y] = x
        otherwise  y = x                 (the very same array)

    Dividing by q already in training ("inverted") keeps the expectation, so that inference needs no factor.

    Backward. Given the mask, the map is linear and diagonal with the factor mask / q, hence::

        dx = mask dy / q

    with the mask of the *same* forward pass: it is `saved`, as bool, and None when not training, where dx =
    dy.

    The layer holds no generator: whoever trains hands one in, as the very mode, and saves its state.

    Parameters
    ----------
    rate : float
        Probability of silencing, 0 <= rate < 1.
    """

    pointwise = True
    has_mode = True

    def __init__(self, rate: float = 0.5) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"a dropout rate of {rate} is not at least 0 and below 1")
        self.rate = float(rate)  # NumPy's own scalar would make a float32 picture float64

    def forward(self, x: np.ndarray, training: Mode = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Return x with numbers silenced and the mask of those that stay; x and None when not training.

        `training` is the generator that masks are drawn from. A mask does not depend on the dtype of `x`.
        """
        if not training:
            return x, None
        if not isinstance(training, np.random.Generator):
            raise ValueError("dropout draws: pass a random generator as `training`")
        mask = training.random(x.shape, dtype=np.float32) >= self.rate
        return self._masked(x, mask), mask

    def backward(self, dy: np.ndarray, saved: np.ndarray | None) -> np.ndarray:
        """Return mask dy / q, or dy when the forward pass was not training."""
        return dy if saved is None else self._masked(dy, saved)

    def _masked(self, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return x * mask / (1 - self.rate)
