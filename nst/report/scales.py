"""From values to positions: the axes of a chart and where their ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_LARGEST, _SMALLEST = 1e300, 1e-300  # beyond them a span or a ratio of two values would overflow
_DECADES = 8  # a logarithmic axis shows no more: a vanishing term would squeeze all the others


@dataclass(frozen=True)
class Scale:
    """A map from the values low … high to the positions start … end, linear or logarithmic.

    Values outside ride on the edge. What has no place at all (not finite; not positive on a logarithmic axis)
    maps to `None`.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float | None:
        if not shown(value, self.log):
            return None
        value = min(max(value, self.low), self.high)
        if self.log:
            part = math.log10(value / self.low) / math.log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self, most: int = 6, whole: bool = False) -> list[float]:
        """Return round values within the scale, at most about `most`; only integers when `whole`."""
        if self.log:
            found = _log_ticks(self.low, self.high, most)
            if len(found) >= 2:
                return found
        return _linear_ticks(self.low, self.high, most, whole)


def shown(value: float, log: bool) -> bool:
    """Return whether an axis has a place for `value`."""
    return value >= _SMALLEST and value <= _LARGEST if log else abs(value) <= _LARGEST


def fit(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    log: bool = False,
    zero: bool = False,
    margin: float = 0.04,
    cap: float = math.inf,
) -> Scale:
    """Return the scale that shows `values` between the positions `start` and `end`.

    Parameters
    ----------
    log, zero
        A logarithmic axis; an axis that begins at zero.
    margin
        What to leave free at both ends, as a part of the whole.
    cap
        Show nothing above it.
    """
    places = [min(value, cap) for value in values if shown(value, log)]
    places = places or ([1.0, 10.0] if log else [0.0, 1.0])
    low, high = min(places), max(places)
    if log:
        low = max(low, high / 10**_DECADES)
        if high / low < 1.05:
            low, high = low / 1.5, high * 1.5
        stretch = (high / low) ** margin
        return Scale(low / stretch, high * stretch, start, end, log=True)
    low = min(low, 0.0) if zero else low
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        half = 0.05 * abs(high) or 0.5
        low, high = low - half, high + half
    stretch = margin * (high - low)
    return Scale(low if zero and low == 0 else low - stretch, high + stretch, start, end)


def _linear_ticks(low: float, high: float, most: int, whole: bool) -> list[float]:
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten: with their multiples where they are few, only some where they are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**power for power in range(first, last + 1) for f in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]
