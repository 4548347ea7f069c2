"""Sums that a card is still at: numbers to go on with before anybody has seen them.

A program that waits for a sum leaves the card without work until it has asked for more. So a sum is first of all a
place in a ledger on the card, where the blocks of a kernel put their parts of it, and a `Later` is a number made of
such sums. Whoever wants it as a float waits, and then has all sums that are open, in one copy.
"""

from __future__ import annotations

from functools import cache
from numbers import Real
from typing import Any

import numpy as np

from nst.kernels.cuda_array import FLOAT32, DeviceArray, stream
from nst.kernels.cuda_device import BLOCKS

SLOTS = 32
WIDTH = 2 * BLOCKS  # numbers of a slot: each block's sum, and what that has rounded away


class Slot:
    """The place of one sum.

    Attributes
    ----------
    at, blocks : int
        Where in the ledger it begins, and how many blocks add to it.
    data
        That part of the ledger, as numba knows it.
    value : float or None
        The sum, once it has been fetched.
    """

    def __init__(self, at: int, blocks: int, data: Any) -> None:
        self.at, self.blocks, self.data = at, blocks, data
        self.value: float | None = None


class Ledger:
    """Room on the card for the sums that nobody has seen yet."""

    def __init__(self) -> None:
        self.array = DeviceArray((SLOTS, WIDTH))
        self.views = [self.array.data[i * WIDTH : (i + 1) * WIDTH] for i in range(SLOTS)]
        self.open: list[Slot] = []

    def slot(self, blocks: int) -> Slot:
        """Return room for the sum of a kernel that is launched next, with so many blocks."""
        if len(self.open) == SLOTS:
            self.fetch()
        number = len(self.open)
        self.open.append(Slot(number * WIDTH, blocks, self.views[number]))
        return self.open[-1]

    def fetch(self) -> None:
        """Wait for all open sums, and bring them here; the blocks' parts are added up in float64."""
        count = len(self.open)
        found = self.array.room.span.view(count * WIDTH, FLOAT32).copy_to_host(stream=stream())
        stream().synchronize()
        for slot, parts in zip(self.open, found.reshape(count, WIDTH), strict=True):
            slot.value = float(parts[: 2 * slot.blocks].sum(dtype=np.float64))
        self.open.clear()


@cache
def ledger() -> Ledger:
    """Return the one that there is."""
    return Ledger()


class Later:
    """A number, base + Σ factor sum, of sums on the card.

    Multiples and sums of such numbers are such numbers; `float` waits for it.
    """

    __array_ufunc__ = None  # lest NumPy's numbers make arrays of it
    __slots__ = ("base", "terms")

    def __init__(self, base: float, terms: tuple[tuple[float, Slot], ...]) -> None:
        self.base, self.terms = base, terms

    def __float__(self) -> float:
        if any(slot.value is None for _, slot in self.terms):
            ledger().fetch()
        return float(self.on_card()[0])

    def on_card(self) -> tuple[float, list[tuple[float, Slot]]]:
        """Return the part that is known here, and the terms that are not."""
        known = (factor * slot.value for factor, slot in self.terms if slot.value is not None)
        return sum(known, self.base), [term for term in self.terms if term[1].value is None]

    def __mul__(self, scale: float) -> Later:
        if not isinstance(scale, Real):
            return NotImplemented
        return Later(self.base * scale, tuple((factor * scale, slot) for factor, slot in self.terms))

    __rmul__ = __mul__

    def __truediv__(self, scale: float) -> Later:
        return self * (1 / scale)

    def __neg__(self) -> Later:
        return self * -1.0

    def __add__(self, other: Later | float) -> Later:
        if isinstance(other, Later):
            return Later(self.base + other.base, self.terms + other.terms)
        return Later(self.base + other, self.terms) if isinstance(other, Real) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Later | float) -> Later:
        return self + -other
