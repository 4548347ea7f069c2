"""The types of arguments: each takes a word of the command line and returns what it means, or says what is wrong."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from nst.engine import parse_memory
from nst.errors import NstError, nearest
from nst.losses import STATISTICS


def number(low: float = -math.inf, high: float = math.inf, above: bool = False) -> Callable[[str], float]:
    """Return a type for argparse: a finite number of at least `low` (more than `low` with `above`)."""

    def convert(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not low <= value <= high or (above and value == low):
            end = f" to {high:g}" if math.isfinite(high) else ""
            start = "above" if above else "from"
            raise argparse.ArgumentTypeError(f"{text} is not a number {start} {low:g}{end}")
        return value

    convert.__name__ = "number"
    return convert


def whole(low: int, high: int = 2**31) -> Callable[[str], int]:
    """Return a type for argparse: a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return value

    convert.__name__ = "whole number"
    return convert


def layers(text: str) -> dict[str, float]:
    """Parse `relu1_1,relu2_1:0.5` into taps and weights; a weight is 1 where none is given.

    >>> layers("relu1_1,relu2_1:0.5")
    {'relu1_1': 1.0, 'relu2_1': 0.5}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition(":")
        if not name or name in found:
            raise argparse.ArgumentTypeError(f"{text!r}: a layer is empty or named twice")
        found[name] = number(0)(weight) if weight else 1.0
    return found


def statistics(text: str) -> dict[str, float]:
    """Parse `gram` or `gram+histogram:0.5` into statistics of style and weights; a comma does as well as a plus.

    >>> statistics("gram+histogram:0.5")
    {'gram': 1.0, 'histogram': 0.5}
    """
    found = layers(text.replace("+", ","))
    for name in found:
        if name not in STATISTICS:
            raise argparse.ArgumentTypeError(
                f"{name!r} is no statistic{nearest(name, STATISTICS)}; there are {', '.join(STATISTICS)}"
            )
    if not any(found.values()):
        raise argparse.ArgumentTypeError(f"{text!r}: all weights are zero")
    return found


def shares(text: str) -> list[float]:
    """Parse `0.7,0.3`: numbers of which at least one is above zero."""
    values = [number(0)(part) for part in text.split(",")]
    if not any(values):
        raise argparse.ArgumentTypeError(f"{text!r}: all weights are zero")
    return values


def counts(text: str) -> list[int]:
    """Parse `200` or `200,100,50`: whole numbers, each at least 1."""
    return [whole(1)(part) for part in text.split(",")]


counts.__name__ = "whole number"  # what argparse calls it


def memory(text: str) -> str:
    """Return an amount of memory, such as `2GB` or `50%`, as it is; what that comes to is the machine's matter."""
    try:
        parse_memory(text)
    except NstError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
