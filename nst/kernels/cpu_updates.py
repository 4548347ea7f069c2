"""What moves parameters on the CPU: float32, in parallel, one pass over memory for each array."""

from __future__ import annotations

import numpy as np

from nst.kernels import reference_updates
from nst.kernels.parallel import given, parallel
from nst.kernels.threads import one_at_a_time

NUMBERS = 1 << 14  # that a task takes


@one_at_a_time
def sgd_step(
    w: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Move parameters and their velocity; see `nst.kernels.reference_updates.sgd_step`.

    w = w - learning_rate (a g + b v) covers both kinds of momentum.
    """
    if not (w.flags.c_contiguous and v.flags.c_contiguous):
        reference_updates.sgd_step(w, g, v, learning_rate, momentum, weight_decay, nesterov)
        return
    a, b = (1.0, momentum) if nesterov else (0.0, 1.0)
    rates = momentum, weight_decay, learning_rate * a, learning_rate * b
    _sgd_step(-(-w.size // NUMBERS), w.reshape(-1), np.ascontiguousarray(g).reshape(-1), v.reshape(-1), rates)


@parallel
def _sgd_step(task, arguments):
    w, g, v, rates = given(arguments)
    momentum, weight_decay = np.float32(rates[0]), np.float32(rates[1])
    gradient_rate, velocity_rate = np.float32(rates[2]), np.float32(rates[3])
    here = slice(task * NUMBERS, min((task + 1) * NUMBERS, w.size))
    to, velocity, gradient = w[here], v[here], g[here]
    for i in range(to.size):
        total = gradient[i] + weight_decay * to[i]
        fast = momentum * velocity[i] + total
        velocity[i] = fast
        to[i] -= gradient_rate * total + velocity_rate * fast
