"""Adam for weights: many arrays with names, another mini-batch at each step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.optimizers.groups import Groups
from nst.optimizers.sgd import Named


class AdamW:
    r"""Move named parameters by Adam's steps, with weight decay beside them: Loshchilov and Hutter, 2019.

    `Adam` has the formulas of the running means m and v and of their corrections (the hats), for which steps are
    counted here for each parameter from its own first one. With the decay d::

        w = w - learning_rate (m_hat / (sqrt(v_hat) + eps) + d w)

    A decay within the gradient, as `SGD` has it, would be divided by sqrt(v) like the rest of it, and shrink least
    those weights whose gradients are large: it stands outside ("decoupled").

    Parameters
    ----------
    beta1, beta2 : float
        How much of the running means is kept.
    eps : float
        Keeps the division safe where the gradient is 0.
    weight_decay : float
    groups : Groups
        Factors of learning rate and decay for parameters that differ from the rest; default: none.
    """

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        self.betas, self.eps = (float(beta1), float(beta2)), float(eps)
        self.weight_decay, self.groups = float(weight_decay), groups or Groups()
        self._means: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._steps: dict[str, int] = {}

    def update(self, parameters: Named, gradients: Named, learning_rate: float) -> None:
        """Move each parameter that has a gradient, in place.

        Raises
        ------
        NstError
            When a gradient is not of the shape of its parameter, or of what is remembered of it; nothing moves then.
        """
        work = [
            (f"{layer}.{name}", parameters[layer][name], gradient.astype(parameters[layer][name].dtype))
            for layer, found in gradients.items()
            for name, gradient in found.items()
        ]
        for label, parameter, gradient in work:
            known = self._means.get(label, (parameter,))[0]
            if not parameter.shape == gradient.shape == known.shape:
                raise NstError(
                    f"AdamW: {label} is {parameter.shape}, its gradient {gradient.shape}: start afresh"
                )
        for label, parameter, gradient in work:
            t = self._steps[label] = self._steps.get(label, 0) + 1
            corrections = 1 - self.betas[0] ** t, 1 - self.betas[1] ** t
            m, v = self._means.setdefault(label, (np.zeros_like(parameter), np.zeros_like(parameter)))
            rate, decay = self.groups.factors(label)
            rate *= learning_rate
            step = kernels.of(parameter).adam_step
            moved = step(parameter, gradient, m, v, rate, self.betas, corrections, self.eps)
            if shrink := rate * decay * self.weight_decay:
                moved -= shrink * parameter
            parameter[...] = moved

    def state(self) -> dict[str, np.ndarray]:
        """Return means and counts of steps by `m.layer.name`, `v.layer.name` and `t.layer.name`."""
        found = {}
        for label, (m, v) in self._means.items():
            found |= {f"m.{label}": m, f"v.{label}": v, f"t.{label}": np.asarray(self._steps[label])}
        return found

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not such a state.
        """
        try:
            labels = [name[2:] for name in state if name.startswith("m.")]
            self._means = {
                label: (state[f"m.{label}"].copy(), state[f"v.{label}"].copy()) for label in labels
            }
            self._steps = {label: int(state[f"t.{label}"]) for label in labels}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise NstError(f"the saved state of AdamW is incomplete ({error}): start afresh") from error
        if not all(
            self._steps[label] >= 1
            and m.dtype.kind == v.dtype.kind == "f"
            and m.shape == v.shape
            and np.isfinite(m).all()
            and (np.isfinite(v) & (v >= 0)).all()
            for label, (m, v) in self._means.items()
        ):
            raise NstError("the saved state of AdamW makes no sense: start afresh")
