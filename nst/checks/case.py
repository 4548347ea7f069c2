"""A case of the table of layers: one layer in one setting on one small input."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.checks.layer_check import LayerReport, check_function, check_layer
from nst.layers.base import Mode

Random = np.random.Generator
Built = tuple[Any, Any]
"""A layer, and an input (a list of inputs for a layer with several)."""


@dataclass(frozen=True)
class Case:
    """One layer in one setting on one small input.

    Attributes
    ----------
    layer : str
        The class.
    what : str
        The setting, unique among the layer's.
    make : callable
        `make(rng)` returns the layer and its input, in float64.
    training : bool, Generator or None
        Passed to `forward` unless None.
    linear : bool
        Whether the output is linear in the input, up to a constant: then `backward` is its transpose.
    check : callable
        How its derivative is judged; not by differences where there are none to take.
    """

    layer: str
    what: str
    make: Callable[[Random], Built]
    training: Mode | None = None
    linear: bool = False
    check: Callable[..., LayerReport] = check_layer

    def __str__(self) -> str:
        return f"{self.layer}: {self.what}"

    def mode(self) -> dict[str, Mode]:
        """Return what `forward` takes beside the input: a generator in the same state each time."""
        return {} if self.training is None else {"training": copy.deepcopy(self.training)}

    def build(self, seed: int = 0) -> Built:
        """Return the layer and its input, the same ones for the same seed."""
        rng = np.random.default_rng([seed, zlib.crc32(str(self).encode())])
        return copy.deepcopy(self.make(rng))

    def report(self, layer: Any, x: Any, seed: int = 0) -> LayerReport:
        """Check `layer`, which `build` returned or a mutation has spoilt, at `x`."""
        return self.check(layer, x, training=self.training, seed=seed)


def apart(rng: Random, *shape: int) -> np.ndarray:
    """Return n values in -1..1, shuffled, of random sign, each at least 1/n from every other and from 0.

    Normal deviates come too close to each other for a max pool and too close to 0 for a ReLU: differences
    would then be taken across a kink.
    """
    n = int(np.prod(shape))
    return ((rng.permutation(n) + 1) / n * rng.choice([-1.0, 1.0], n)).reshape(shape)


def plain(layer: Any, *shape: int, scale: float = 1.0) -> Callable[[Random], Built]:
    """Return what makes a case of a layer as it is and of values that are clear of kinks."""
    return lambda rng: (layer, scale * apart(rng, *shape))


def cases_of(layer: type, settings: dict[str, Callable[[Random], Built]], **options: Any) -> list[Case]:
    """Return a case for each setting of a layer."""
    return [Case(layer.__name__, what, make, **options) for what, make in settings.items()]


def check_loss(
    loss: Callable[..., Any], x: np.ndarray, *, training: None = None, seed: int = 0
) -> LayerReport:
    """Check a loss as a case of the table: a value has one cotangent, 1, and every element is tried."""
    return check_function(loss, x)
