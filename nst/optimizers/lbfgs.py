"""Limited-memory BFGS."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.optimizers.dot import dot, dots, finite, largest
from nst.optimizers.line_search import Trial, strong_wolfe
from nst.optimizers.step import Evaluate, Point, Step, evaluate_at, sealed

CURVATURE = 1e-10  # the least cosine between s and y that says anything beyond rounding

NOT_FINITE = "the value or the gradient is not finite"
FLAT = "the gradient is within its tolerance"
NO_CHANGE = "the change is within its tolerance"
NO_DECREASE = "no sufficient decrease, not even along steepest descent"


class Pair(NamedTuple):
    """How far x moved, s, by how much that changed the gradient, y, and their products."""

    s: np.ndarray
    y: np.ndarray
    sy: float
    yy: float


class LBFGS:
    r"""Minimise by Newton's method with curvature learnt from the steps: Liu and Nocedal, 1989.

    A step from x goes along d = -H g, where H estimates the inverse of the matrix of second derivatives. H is
    never formed. It is what BFGS makes of a multiple of the identity and the last `history` pairs
    s = x_new - x, y = g_new - g; with rho = 1 / s^T y, each pair updates it by::

        H <- (I - rho s y^T) H (I - rho y s^T) + rho s s^T

    so that H y = s: the pair's own change of gradient is explained. Multiplying by that product from the
    outside in, and out again, is the two-loop recursion (Nocedal and Wright, algorithm 7.4)::

        q <- g
        newest to oldest:   alpha_i = rho_i s_i^T q         q <- q - alpha_i y_i
        q <- s^T y / y^T y  q                               (the newest pair's: the scale of H)
        oldest to newest:   beta_i = rho_i y_i^T q          q <- q + (alpha_i - beta_i) s_i
        d = -q

    The step along d satisfies the strong Wolfe conditions (`nst.optimizers.line_search`), so that the value
    never rises and s^T y stays positive, without which H would not describe a minimum; a pair that fails all
    the same is not stored. The first trial is t = 1, Newton's own, and nearly always the last: a step costs
    about one evaluation. Where H leads nowhere, it is forgotten and steepest descent is tried instead.

    Inner products run in float64 whatever the dtype of x. In memory there are at most 2 `history` + 5 arrays like
    x: the pairs, x and its gradient, d, the trial and its gradient; two more while a line search that needs a second
    trial keeps the lowest.

    Parameters
    ----------
    history : int
        How many pairs to keep.
    first_step : float
        How far steepest descent moves at its first trial, as the root mean square over the values of x, in
        their unit: for pixels of 0..255, one grey level. It matters only while no curvature is known.
    gradient_tolerance : float
        Stop when no derivative is larger than this. The default stops only at a gradient of exactly 0.
    change_tolerance : float
        Stop when no value of x moved further than this. The default stops only when x stayed as it was.
    c1, c2 : float
        The constants of the Wolfe conditions.
    trials : int
        The most evaluations along one direction.

    Raises
    ------
    NstError
        When the history is shorter than one pair.
    """

    def __init__(
        self,
        history: int = 10,
        *,
        first_step: float = 1.0,
        gradient_tolerance: float = 0.0,
        change_tolerance: float = 0.0,
        c1: float = 1e-4,
        c2: float = 0.9,
        trials: int = 20,
    ) -> None:
        if history < 1:
            raise NstError(f"L-BFGS with a history of {history}: it needs at least 1")
        self.history, self.first_step = history, float(first_step)
        self.gradient_tolerance, self.change_tolerance = gradient_tolerance, change_tolerance
        self.c1, self.c2, self.trials = c1, c2, trials
        self._pairs: deque[Pair] = deque(maxlen=history)
        self._here: Point | None = None

    def step(self, evaluate: Evaluate, x: np.ndarray) -> Step:
        """Move once from `x`, which stays as it is.

        The value and gradient of the x that the last step returned are remembered, so only a first step, or
        one from another x, evaluates `x` itself.

        Returns
        -------
        Step
            `stopped` is None or says why: the value or the gradient is not finite at `x`, the gradient or
            the change is within its tolerance, or not even steepest descent lowers the value.

        Raises
        ------
        NstError
            When `x` has another shape or dtype than before.
        """
        evaluations = 0

        def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal evaluations
            evaluations += 1
            return evaluate(x)

        def result(point: Point, stopped: str | None) -> Step:
            return Step(point.x, point.value, point.gradient, evaluations, stopped)

        here = self._here if self._is_here(x) else evaluate_at(counted, x.copy(order="C"))
        if not here.is_finite():
            return result(here, NOT_FINITE)
        if self._is_flat(here):
            return result(here, FLAT)
        there = self._descend(counted, here)
        if there is None:
            return result(here, NO_DECREASE)
        moved = self._learn(here, there)
        self._here = there
        if self._is_flat(there):
            return result(there, FLAT)
        return result(there, NO_CHANGE if moved <= self.change_tolerance else None)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that `load` needs to go on as if nothing had happened; empty before a first step."""
        if self._here is None:
            return {}
        x, value, gradient = self._here
        state = {"x": x, "value": np.asarray(value), "gradient": gradient}
        for name in ("sy", "yy"):
            state[name] = np.array([getattr(pair, name) for pair in self._pairs], dtype=np.float64)
        for i, pair in enumerate(self._pairs):
            state[f"s{i}"], state[f"y{i}"] = pair.s, pair.y
        return state

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not such a state: something is missing, shapes differ, or a number is not finite.
        """
        here, pairs = None, []
        if state:
            try:
                here = Point(sealed(state["x"]), float(state["value"]), sealed(state["gradient"]))
                products = enumerate(zip(state["sy"], state["yy"], strict=True))
                pairs = [
                    Pair(state[f"s{i}"], state[f"y{i}"], float(sy), float(yy)) for i, (sy, yy) in products
                ]
            except (KeyError, TypeError, ValueError) as error:
                raise NstError(f"the saved state of L-BFGS is incomplete ({error}): start afresh") from error
            _check(here, pairs)
        self._here, self._pairs = here, deque(pairs, maxlen=self.history)

    def adopt(self, coarse: LBFGS, resize: Callable[[np.ndarray], np.ndarray], ratio: float) -> None:
        """Begin with the newest pair of another L-BFGS, which moved a smaller picture, for a loss that is a mean.

        A mean over `ratio` times as many values has derivatives that are `ratio` times smaller, so that the enlarged
        pair is (resize(s), resize(y) / ratio). It gives steps their length. The older pairs would give them directions
        too, but of valleys in which an enlarged picture no longer lies: with all ten, the loss after 5 to 25 steps is
        some 5 to 20 % higher than with one.

        Parameters
        ----------
        coarse
            Stays as it is.
        resize
            Returns an array of the picture's shape in its new shape.
        ratio
            How many times more values the new shape has.
        """
        self._here = None
        self._pairs.clear()
        if coarse._pairs:
            s, y = resize(coarse._pairs[-1].s), resize(coarse._pairs[-1].y)
            y /= ratio
            self._remember(s, y)

    def _is_here(self, x: np.ndarray) -> bool:
        """Tell whether `x` is where the last step ended."""
        if self._here is None:
            return False
        known = self._here.x
        if x.shape != known.shape or x.dtype != known.dtype:
            raise NstError(
                f"L-BFGS remembers an image of {known.shape} {known.dtype} and cannot go on with one of "
                f"{x.shape} {x.dtype}: start a new optimiser for it"
            )
        return x is known or np.array_equal(x, known)

    def _is_flat(self, point: Point) -> bool:
        return largest(point.gradient) <= self.gradient_tolerance

    def _descend(self, evaluate: Evaluate, here: Point) -> Point | None:
        """Return a lower point along d = -H g, failing that along -g; None when there is none either."""
        while True:
            d, slope = self._direction(here.gradient)
            there = self._search(evaluate, here, d, slope) if slope < 0 else None
            if there is not None or not self._pairs:
                return there
            self._pairs.clear()  # H misled: forget it, and H is the identity

    def _direction(self, gradient: np.ndarray) -> tuple[np.ndarray, float]:
        """Return d = -H g by the two-loop recursion, and its slope g^T d; without pairs H is the identity.

        Each update of q returns the inner product that the next one needs: q passes through memory once for both.
        """
        kernel = kernels.of(gradient)
        q, alphas = np.negative(gradient, order="C"), []
        if not self._pairs:
            return q, dot(gradient, q)
        newest, *older = reversed(self._pairs)
        product = kernel.dot(newest.s, q)  # perhaps a number on a card, as all that is made of it
        for pair, following in zip(
            (newest, *older), (*(pair.s for pair in older), self._pairs[0].y), strict=True
        ):
            alphas.append(product / pair.sy)
            product = kernel.combine(q, 1.0, pair.y, -alphas[-1], following)
        scale = newest.sy / newest.yy  # goes into the first update of the second loop
        product *= scale
        _, *newer = self._pairs
        for pair, following in zip(self._pairs, (*(pair.y for pair in newer), gradient), strict=True):
            beta = product / pair.sy
            product = kernel.combine(q, scale, pair.s, alphas.pop() - beta, following)
            scale = 1.0
        return q, float(product)

    def _search(self, evaluate: Evaluate, here: Point, d: np.ndarray, slope: float) -> Point | None:
        """Return where the line search ended, or None when it found nothing lower."""

        def probe(t: float) -> Trial:
            x = np.multiply(d, t)
            point = evaluate_at(evaluate, np.add(x, here.x, out=x))
            if not point.is_finite():
                return Trial(t, math.inf, math.nan, point)
            return Trial(t, point.value, dot(point.gradient, d), point)

        start = Trial(0.0, here.value, slope, here)
        t = 1.0 if self._pairs else self.first_step * math.sqrt(d.size / -slope)
        found = strong_wolfe(probe, start, t, c1=self.c1, c2=self.c2, trials=self.trials)
        return None if found is start else found.point

    def _learn(self, here: Point, there: Point) -> float:
        """Store the pair of this step if its curvature is positive; return how far a value moved at most."""
        if len(self._pairs) == self.history:
            self._pairs.popleft()  # its room is the new pair's
        s = there.x - here.x
        self._remember(s, there.gradient - here.gradient)
        return largest(s)

    def _remember(self, s: np.ndarray, y: np.ndarray) -> None:
        sy, yy, ss = dots((s, y), (y, y), (s, s))
        if sy > CURVATURE * math.sqrt(ss * yy):
            self._pairs.append(Pair(s, y, sy, yy))


def _check(here: Point, pairs: list[Pair]) -> None:
    """Raise unless a loaded state is one that could have been saved."""
    arrays = [here.x, here.gradient, *(array for pair in pairs for array in (pair.s, pair.y))]
    if any(array.shape != here.x.shape or array.dtype != here.x.dtype for array in arrays):
        raise NstError("the saved state of L-BFGS has arrays that do not fit each other: start afresh")
    numbers = [here.value, *(product for pair in pairs for product in (pair.sy, pair.yy))]
    if not (np.isfinite(numbers).all() and all(finite(array) for array in arrays)):
        raise NstError("the saved state of L-BFGS holds numbers that are not finite: start afresh")
    if any(pair.sy <= 0 or pair.yy <= 0 for pair in pairs):
        raise NstError("the saved state of L-BFGS has a pair without positive curvature: start afresh")
