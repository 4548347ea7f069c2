"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from nst.optimizers.step import Point


@dataclass(frozen=True, eq=False)
class Trial:
    """The objective at x + t d: its value, its slope along d, and the point with its gradient while it matters."""

    t: float
    value: float
    slope: float
    point: Point | None

    def numbers(self) -> Trial:
        """Return the trial without its point, whose two arrays are as large as the image."""
        return replace(self, point=None)


def strong_wolfe(
    probe: Callable[[float], Trial], start: Trial, t: float, *, c1: float, c2: float, trials: int
) -> Trial:
    r"""Return a point along a descent direction that is low enough and flat enough.

    With phi(t) = f(x + t d), the strong Wolfe conditions ask for::

        phi(t) <= phi(0) + c1 t phi'(0)        enough decrease for the distance
        |phi'(t)| <= c2 |phi'(0)|              flat enough: the step was not too short

    Nocedal and Wright, *Numerical Optimization*, 2006, algorithms 3.5 and 3.6, as one loop. `low` is the best
    point that satisfies the first condition. Until a far end is known, steps grow; once [low, high] holds a
    point that satisfies both, it shrinks, each time to where the cubic through both ends has its minimum.

    Parameters
    ----------
    probe : callable
        Evaluates phi at t > 0. A value of infinity (the objective is no number there) counts as too high.
    start : Trial
        phi at 0, with a negative slope.
    t : float
        The first step to try.
    c1, c2 : float
        The constants of the conditions, 0 < c1 < c2 < 1.
    trials : int
        The most evaluations to spend.

    Returns
    -------
    Trial
        A point that satisfies both conditions. When the trials run out, or the objective still falls at a
        thousand times the first step, the lowest point that satisfies the first condition; `start` itself
        when there was none.
    """
    low, before, high = start, start, None
    longest = 1000 * t
    for _ in range(trials):
        trial = probe(t)
        if not trial.value <= start.value + c1 * t * start.slope or trial.value >= low.value:
            high = trial.numbers()
        elif abs(trial.slope) <= -c2 * start.slope:
            return trial
        else:
            far = math.inf if high is None else high.t
            if trial.slope * (far - low.t) >= 0:  # the minimum lies back towards `low`
                high = low.numbers()
            before, low = low.numbers(), trial
        del trial  # so that no point but the lowest is alive during the next evaluation
        if high is not None:
            t = _between(low, high)
        elif t < longest:
            t = min(_beyond(before, low), longest)
        else:
            return low
    return low


def _between(low: Trial, high: Trial) -> float:
    """Return the cubic's minimum, kept a tenth of the bracket away from both ends; else the middle."""
    near, far = sorted((low.t, high.t))
    margin = 0.1 * (far - near)
    t = _cubic_minimum(low, high)
    return (near + far) / 2 if t is None else min(max(t, near + margin), far - margin)


def _beyond(before: Trial, low: Trial) -> float:
    """Return the cubic's minimum, but at least twice and at most ten times as far as `low`; else twice."""
    t = _cubic_minimum(before, low)
    return 2 * low.t if t is None else min(max(t, 2 * low.t), 10 * low.t)


def _cubic_minimum(a: Trial, b: Trial) -> float | None:
    """Return where the cubic with the values and slopes of both trials has its minimum (equation 3.59)."""
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:  # no minimum, or a trial that is no number
        return None
    d2 = math.copysign(math.sqrt(square), b.t - a.t)
    below = b.slope - a.slope + 2 * d2
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / below if below else None
