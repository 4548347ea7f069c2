"""Numbers, durations and foreign text as people read them: shared by the progress line and the page."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

from nst.errors import printable

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 4, longest: int = 6) -> str:
    """Return `value` with `digits` significant digits: ``"0.0125"``, ``"31,416"``, ``"2.5×10⁷"``.

    A power of ten is split off where more than `longest` digits would stand before the decimal point.
    """
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < longest:
        text = _trimmed(f"{value:,.{max(0, digits - 1 - power)}f}")
    else:
        factor = {"1": "", "-1": "-"}.get(_trimmed(mantissa), f"{_trimmed(mantissa)}×")
        text = f"{factor}10{str(power).translate(_SUPERSCRIPTS)}"
    return text.replace("-", "−")


def _trimmed(text: str) -> str:
    """Return a decimal without the zeros that end it."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(seconds: float) -> str:
    """Return a time span in words: ``"0.84 s"``, ``"5 min 19 s"``, ``"2 h 3 min"``."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 59.5:
        return f"{number(seconds, 3)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def clock(seconds: float) -> str:
    """Return a time span as a clock shows it: ``"0:07"``, ``"5:19"``, ``"2:03:00"``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def escaped(text: object) -> str:
    """Return `text` so that HTML shows it and obeys nothing in it, in an attribute too."""
    return html.escape(printable(text), quote=True)


def family(label: str) -> str:
    """Return the family of a term, the first word of its label: ``"style"`` of ``"style relu1_1"``."""
    return label.split(" ", 1)[0]


def grouped(parts: Mapping[str, float], most: int = 4) -> dict[str, float]:
    """Return `parts` as they are, or summed by family when there are more than `most` of them."""
    if len(parts) <= most:
        return dict(parts)
    sums: dict[str, float] = {}
    for label, value in parts.items():
        sums[family(label)] = sums.get(family(label), 0.0) + value
    return sums


def thinned(count: int, most: int) -> list[int]:
    """Return at most `most` (>= 2) of the indices 0 … `count` - 1, evenly spread, both ends kept."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
