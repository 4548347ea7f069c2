"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.optimizers.groups import Groups

Named = Mapping[str, Mapping[str, np.ndarray]]
"""Arrays by the name of a layer and their own, as `Network.parameters` and `Network.gradients` return them."""


class SGD:
    r"""Move named parameters against gradients of a mini-batch, with momentum: Sutskever et al., 2013.

    With w the parameters, L the mean loss over the mini-batch, and v = 0 at first::

        g = dL/dw + weight_decay w
        v = momentum v + g

        w = w - learning_rate v                        classical momentum (Polyak)
        w = w - learning_rate (g + momentum v)         Nesterov's

    The velocity is a sum of gradients, in which each counts `momentum` times as much as the one after it: along a
    direction that stays it grows to 1 / (1 - momentum) gradients, across a valley where gradients alternate it
    cancels. Nesterov's looks ahead: what it subtracts is the velocity as it will be after one more step with the same
    gradient, less that gradient's own part. The weight decay is the gradient of ``weight_decay / 2 |w|^2``.

    These are PyTorch's conventions: the velocity is in the unit of gradients, and `learning_rate` multiplies it anew
    at each step, so that a lower rate slows down what is on its way, too. In Sutskever's and Keras' way,
    ``v = momentum v - learning_rate g; w = w + v``, it does not; while the rate stays the same, both give the same w.

    Parameters
    ----------
    momentum : float
        0 <= momentum < 1; with 0 it is plain gradient descent.
    nesterov : bool
    weight_decay : float
        On every parameter given to `update`, as in PyTorch.
    groups : Groups
        By what the learning rate and the weight decay of some parameters are multiplied, like PyTorch's parameter
        groups; by default all have the same.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        nesterov: bool = True,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        if not 0 <= momentum < 1 or weight_decay < 0:
            raise ValueError(f"momentum {momentum} is not in 0..1, or weight decay {weight_decay} below 0")
        self.momentum, self.weight_decay, self.nesterov = float(momentum), float(weight_decay), nesterov
        self.groups = groups or Groups()
        self._velocity: dict[str, np.ndarray] = {}

    def update(self, parameters: Named, gradients: Named, learning_rate: float) -> None:
        """Move each parameter that has a gradient, in place.

        Raises
        ------
        NstError
            When a gradient has no parameter, or another shape, or what is remembered of it has; nothing has moved then.
        """
        work = []
        for layer, found in gradients.items():
            for name, gradient in found.items():
                label, parameter = f"{layer}.{name}", parameters.get(layer, {}).get(name)
                known = self._velocity.get(label)
                wanted = parameter if known is None else known
                if parameter is None or not parameter.shape == gradient.shape == wanted.shape:
                    raise NstError(
                        f"SGD: {label} is {_shape(parameter)}, its gradient {gradient.shape}, "
                        f"its velocity {_shape(known)}: start afresh, or with the network that they belong to"
                    )
                work.append((label, parameter, gradient.astype(parameter.dtype, copy=False)))
        for label, parameter, gradient in work:
            if label not in self._velocity:
                self._velocity[label] = np.zeros_like(parameter)
            step = kernels.of(parameter).sgd_step
            rate, decay = self.groups.factors(label)
            how = rate * learning_rate, self.momentum, decay * self.weight_decay, self.nesterov
            step(parameter, gradient, self._velocity[label], *how)

    def state(self) -> dict[str, np.ndarray]:
        """Return the velocities by `layer.name`: all that `load` needs to go on; empty before a first step."""
        return dict(self._velocity)

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When a velocity is not an array of finite numbers.
        """
        for label, velocity in state.items():
            if not (np.issubdtype(velocity.dtype, np.floating) and np.isfinite(velocity).all()):
                raise NstError(f"the saved velocity of {label} makes no sense: start afresh")
        self._velocity = {label: velocity.copy() for label, velocity in state.items()}


def _shape(array: np.ndarray | None) -> str:
    return "absent" if array is None else str(array.shape)
