"""RMSProp: each number moves in the unit of its own gradients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst.errors import NstError
from nst.optimizers.sgd import Named


class RMSProp:
    r"""Move named parameters by gradients that are divided by their own running size: Tieleman and Hinton, 2012.

    With g the gradient and v = 0 at first::

        v = decay v + (1 - decay) g^2
        w = w - learning_rate g / (sqrt(v) + eps)

    So a number whose gradients are tiny moves as fast as another: by about one `learning_rate` a step. It has no
    momentum, and for that the critic of a Wasserstein GAN is trained by it: the loss that it descends changes under
    its feet, and Arjovsky et al. (2017) saw trainings with Adam's momentum become unstable. `eps` stands outside the
    root, as in PyTorch and CS231n.

    Parameters
    ----------
    decay : float
        How much of the running mean is kept: 0.99, as in PyTorch, whose default the authors took.
    eps : float
        Keeps the division safe where the gradient is 0.
    """

    def __init__(self, decay: float = 0.99, eps: float = 1e-8) -> None:
        if not 0 <= decay < 1 or not eps > 0:
            raise ValueError(f"a decay of {decay} is not in 0..1, or eps {eps} not above 0")
        self.decay, self.eps = float(decay), float(eps)
        self._squares: dict[str, np.ndarray] = {}

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
                known = self._squares.get(label, parameter)
                if parameter is None or not parameter.shape == gradient.shape == known.shape:
                    has = "absent" if parameter is None else parameter.shape
                    raise NstError(f"RMSProp: {label} is {has}, its gradient {gradient.shape}: start afresh")
                work.append((label, parameter, gradient.astype(parameter.dtype, copy=False)))
        for label, parameter, gradient in work:
            v = self._squares.setdefault(label, np.zeros_like(parameter))
            v *= self.decay
            v += (1 - self.decay) * np.square(gradient)
            parameter -= learning_rate * gradient / (np.sqrt(v) + self.eps)

    def state(self) -> dict[str, np.ndarray]:
        """Return the running means of squares by `layer.name`; empty before a first step."""
        return dict(self._squares)

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When one is not an array of finite numbers from 0.
        """
        for label, v in state.items():
            if v.dtype.kind != "f" or not (np.isfinite(v) & (v >= 0)).all():
                raise NstError(f"the saved state of RMSProp makes no sense at {label:.80}: start afresh")
        self._squares = {label: v.copy() for label, v in state.items()}
