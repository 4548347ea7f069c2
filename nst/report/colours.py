"""One colour for each term, the same in every chart, readable on white paper and on black."""

from __future__ import annotations

from collections.abc import Sequence

from nst.report.words import family

# Families are hues; within a family the layers run through a ramp, shallow to deep. Luminance lies between
# 0.15 and 0.29 throughout, so that a line has a contrast of 3 or more against both papers.
_RAMPS = {
    "content": ("#2f7fc4", "#258fa6"),
    "tv": ("#2a8f72",),
    "range": ("#7f878f",),
}
_OTHERS = ("#b8800f", "#cf5a2a", "#c43f63", "#a352ad", "#7a62d0")  # style, and whatever else there is
TOTAL = "currentColor"


def colours(labels: Sequence[str]) -> dict[str, str]:
    """Return label -> colour; terms of one family follow the ramp of their family in the order given."""
    families: dict[str, list[str]] = {}
    for label in labels:
        name = family(label)
        families.setdefault(name if name in _RAMPS else "", []).append(label)
    return {
        label: _along(_RAMPS.get(name, _OTHERS), position / max(1, len(members) - 1))
        for name, members in families.items()
        for position, label in enumerate(members)
    }


def _along(ramp: Sequence[str], part: float) -> str:
    """Return the colour at `part` (0 … 1) of a ramp, mixed linearly between its stops."""
    place = part * (len(ramp) - 1)
    left = min(int(place), max(0, len(ramp) - 2))
    pair = [bytes.fromhex(stop[1:]) for stop in (ramp[left], ramp[min(left + 1, len(ramp) - 1)])]
    mixed = (round(a + (b - a) * (place - left)) for a, b in zip(*pair, strict=True))
    return "#" + bytes(mixed).hex()
