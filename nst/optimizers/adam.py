"""Adam."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.optimizers.dot import finite
from nst.optimizers.step import Evaluate, Step, evaluate_at, sealed

NOT_FINITE = "the value or the gradient is not finite"


class Adam:
    r"""Minimise by steps of about one length for every value: Kingma and Ba, *Adam*, 2015.

    With g_t the gradient at step t = 1, 2, ... and squares taken value by value::

        m_t = beta1 m_(t-1) + (1 - beta1) g_t               running mean of the gradient
        v_t = beta2 v_(t-1) + (1 - beta2) g_t^2             running mean of its square
        m_hat = m_t / (1 - beta1^t)      v_hat = v_t / (1 - beta2^t)
        x_t = x_(t-1) - learning_rate m_hat / (sqrt(v_hat) + eps)

    m and v start at 0, and a mean of t terms that starts there is too small by the factor 1 - beta^t: the
    hats divide it out. The first step is therefore learning_rate times the sign of the gradient.

    Parameters
    ----------
    learning_rate : float
        About how far a value moves in a step, in the unit of x: 10 grey levels for pixels of 0..255.
    beta1, beta2 : float
        How much of the running means is kept.
    eps : float
        Keeps the division safe where the gradient is 0.
    """

    def __init__(
        self, learning_rate: float = 10.0, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        # Python's float leaves a float32 image float32, where NumPy's own scalar would not.
        self.learning_rate, self.beta1, self.beta2, self.eps = map(float, (learning_rate, beta1, beta2, eps))
        self._t = 0
        self._m: np.ndarray | None = None
        self._v: np.ndarray | None = None

    def step(self, evaluate: Evaluate, x: np.ndarray) -> Step:
        """Evaluate at `x`, which stays as it is, and move once.

        Returns
        -------
        Step
            `value` and `gradient` are those at the given `x`. `stopped` is None, or says that they are not
            finite; then `x` and the running means have not moved.

        Raises
        ------
        NstError
            When `x` has another shape or dtype than before.
        """
        if self._m is not None and (x.shape != self._m.shape or x.dtype != self._m.dtype):
            raise NstError(
                f"Adam remembers an image of {self._m.shape} {self._m.dtype} and cannot go on with one of "
                f"{x.shape} {x.dtype}: start a new optimiser for it"
            )
        here = evaluate_at(evaluate, x)
        if not here.is_finite():
            return Step(x.copy(), here.value, here.gradient, 1, NOT_FINITE)
        if self._m is None:
            self._m, self._v = np.zeros_like(x, order="C"), np.zeros_like(x, order="C")
        self._t += 1
        betas = self.beta1, self.beta2
        corrections = 1 - self.beta1**self._t, 1 - self.beta2**self._t
        adam_step = kernels.of(x).adam_step  # the formulas above, in one pass
        x_new = adam_step(
            x, here.gradient, self._m, self._v, self.learning_rate, betas, corrections, self.eps
        )
        return Step(sealed(x_new), here.value, here.gradient, 1)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that `load` needs to go on as if nothing had happened; empty before a first step.

        The arrays are those that the next step will change, and no copies.
        """
        return {} if self._m is None else {"t": np.asarray(self._t), "m": self._m, "v": self._v}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not such a state: something is missing, shapes differ, or a number makes no sense.
        """
        if not state:
            self._t, self._m, self._v = 0, None, None
            return
        try:
            t, m, v = int(state["t"]), state["m"], state["v"]
        except (KeyError, TypeError, ValueError) as error:
            raise NstError(f"the saved state of Adam is incomplete ({error}): start afresh") from error
        fits = m.shape == v.shape and m.dtype == v.dtype and t >= 1
        if not (fits and finite(m) and finite(v) and v.min(initial=0) >= 0):
            raise NstError("the saved state of Adam makes no sense (shapes, count or numbers): start afresh")
        self._t, self._m, self._v = t, m.copy(order="C"), v.copy(order="C")

    def adopt(self, coarse: Adam, resize: Callable[[np.ndarray], np.ndarray], ratio: float) -> None:
        """Begin with the running means of another Adam that moved a smaller picture, for a loss that is a mean.

        A mean over `ratio` times as many values has derivatives that are `ratio` times smaller: m is divided by
        `ratio`, v by its square.

        Parameters
        ----------
        coarse
            Stays as it is.
        resize
            Returns an array of the picture's shape in its new shape, within the range of its values.
        ratio
            How many times more values the new shape has.
        """
        self._t = coarse._t
        self._m = None if coarse._m is None else np.divide(resize(coarse._m), ratio, order="C")
        self._v = None if coarse._v is None else np.divide(resize(coarse._v), ratio**2, order="C")
