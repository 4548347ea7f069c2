"""Parameters that learn at another pace than the rest, or do not decay, picked by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from nst.errors import NstError

Factor = tuple[str, float]
"""A glob and the factor for what it matches."""

SPARED: tuple[Factor, ...] = (("*.bias", 0.0), ("*.gamma", 0.0), ("*.beta", 0.0))
"""Decays that leave biases and normalisations alone: they are few, and to shrink a scale is not to simplify."""


class Groups:
    """Factors of the learning rate and of the weight decay, by globs over names of parameters.

    A parameter is called `layer.name`, such as `fire9/expand1x1.weight`; a glob (`*`, `?`, `[2-5]`) may match all of
    that, or the layer alone. Of several that match, the first counts; where none does, the factor is 1.

    Parameters
    ----------
    rates : iterable of (str, float)
        By what the learning rate is multiplied: 0.1 for layers that have learned already beside a new head with 1. A
        rate of 0 keeps a parameter, but it costs what a trained one costs: `Network.freeze` is for that.
    decays : iterable of (str, float)
        By what the weight decay is multiplied, for example `SPARED`.

    Examples
    --------
    >>> groups = Groups([("conv10", 1), ("*", 0.1)], decays=SPARED)
    >>> groups.factors("conv10.bias"), groups.factors("fire9/expand1x1.weight")
    ((1.0, 0.0), (0.1, 1.0))
    """

    def __init__(self, rates: Iterable[Factor] = (), decays: Iterable[Factor] = ()) -> None:
        self.rates, self.decays = (
            tuple((glob, float(factor)) for glob, factor in given) for given in (rates, decays)
        )
        if not all(0 <= factor < float("inf") for _, factor in self.rates + self.decays):
            raise ValueError(f"a factor is below 0 or not finite: {self.rates + self.decays}")
        self._known: dict[str, tuple[float, float]] = {}

    def factors(self, label: str) -> tuple[float, float]:
        """Return the factors of rate and decay for the parameter `label`; the globs are tried once for each."""
        if label not in self._known:
            self._known[label] = _first(self.rates, label), _first(self.decays, label)
        return self._known[label]

    def check(self, labels: Iterable[str]) -> None:
        """Refuse a rate that none of the parameters would have: it is misspelt, or they are frozen.

        Raises
        ------
        NstError
            With the glob.
        """
        labels = list(labels)
        for glob, _ in self.rates:
            if not any(_matches(label, glob) for label in labels):
                raise NstError(f"the learning rate of {glob!r}: no parameter that learns is called so")


def _matches(label: str, glob: str) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for name in (label, label.rpartition(".")[0]))


def _first(table: tuple[Factor, ...], label: str) -> float:
    return next((factor for glob, factor in table if _matches(label, glob)), 1.0)
