"""What the training of a generator depends on, and the recipes of the papers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nst.errors import NstError
from nst.networks import Network
from nst.networks.generators import Design

SCHEDULES = ("constant", "cosine", "drops")
Layers = tuple[tuple[str, float], ...]
"""Taps and their weights."""


@dataclass(frozen=True)
class FastRecipe:
    """All that a training depends on, beside the design, the styles and the photographs.

    Attributes
    ----------
    steps, batch, side : int
        How many steps, of how many crops, of how many pixels a side.
    style_size : int
        Longest side of the styles, in pixels.
    learning_rate : float
        Of Adam.
    schedule : {"constant", "cosine", "drops"}
        Whether the rate stays, falls to 0 like half a wave of a cosine after a warm-up, or is multiplied by `drop` at
        step `drop_from` and after every `drop_every` more.
    content_weight, style_weight, tv_weight, range_weight : float
        As of `nst.run`, but for a style that weighs less: in a short training it is all that is learned otherwise.
    content_layers, style_layers
        Taps, each with its weight within the sum.
    seed : int
        Of the fresh weights, the crops and the noise.
    """

    steps: int = 600
    batch: int = 2
    side: int = 128
    style_size: int = 256
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    warmup: int = 20
    drop: float = 0.7
    drop_from: int = 1000
    drop_every: int = 200
    content_weight: float = 5.0
    style_weight: float = 5.0
    tv_weight: float = 10.0
    range_weight: float = 10_000.0
    content_layers: Layers = (("relu3_2", 1.0),)
    style_layers: Layers = (("relu1_1", 1.0), ("relu2_1", 1.0), ("relu3_1", 1.0), ("relu4_1", 1.0))
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if self.schedule == "drops":
            since = step - self.drop_from
            return self.learning_rate * (self.drop ** (1 + since // self.drop_every) if since >= 0 else 1.0)
        if self.schedule == "constant":
            return self.learning_rate
        height = self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup))
        return height * (1 + math.cos(math.pi * step / self.steps)) / 2

    def plain(self) -> dict[str, Any]:
        """Return it in the types of JSON."""
        told = {name: list(map(list, getattr(self, name))) for name in ("content_layers", "style_layers")}
        return {**dataclasses.asdict(self), **told}


@dataclass(frozen=True)
class Preset:
    """A recipe with the design that goes with it.

    Attributes
    ----------
    told : str
        Whose it is.
    """

    told: str
    design: Design
    recipe: FastRecipe


def _layers(*names: str) -> Layers:
    return tuple((name, 1.0) for name in names)


_JOHNSON = FastRecipe(
    steps=40_000,
    batch=4,
    side=256,
    learning_rate=1e-3,
    schedule="constant",
    content_weight=1.0,
    style_weight=5.0,
    tv_weight=0.2,  # 1e-6 for the plain sum over 256 x 256 pixels
    range_weight=0.0,
    content_layers=_layers("relu3_3"),
    style_layers=_layers("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
)
_ULYANOV = dataclasses.replace(
    _JOHNSON,
    content_weight=1.0,
    style_weight=1.0,
    tv_weight=0.0,
    content_layers=_layers("relu4_2"),
    style_layers=_layers("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
)

PRESETS = {
    "quick": Preset("for a quarter of an hour on two cores", Design(), FastRecipe()),
    "johnson": Preset("Johnson et al., 2016", Design(width=32, ends=9, norm="batch"), _JOHNSON),
    "ulyanov-texture": Preset(
        "Ulyanov et al., Texture Networks, 2016",
        Design("pyramid", width=8, depth=5, norm="batch", mode="texture"),
        dataclasses.replace(
            _ULYANOV,
            steps=2000,
            batch=16,
            learning_rate=0.1,
            schedule="drops",
            content_weight=0.0,
            style_layers=_layers("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        ),
    ),
    "ulyanov-style": Preset(
        "Ulyanov et al., Instance Normalization, 2016",
        Design("pyramid", width=8, depth=6),
        dataclasses.replace(_ULYANOV, steps=50_000, batch=1),
    ),
    "dumoulin": Preset(
        "Dumoulin et al., many styles, 2017",
        Design(width=32, ends=9),
        dataclasses.replace(_JOHNSON, batch=16),
    ),
}
"""The architecture, the optimiser, the crops and the layers of each paper; the networks that look differ."""


def existing(layers: Layers, network: Network) -> Layers:
    """Return layers that the network has: for one that it lacks, the last before it in the same block, if any.

    >>> from nst.networks.slim import fresh_slim
    >>> existing((("relu1_2", 1.0), ("relu4_3", 0.5), ("relu5_1", 1.0)), fresh_slim())
    (('relu1_2', 1.0), ('relu4_1', 0.5))
    """
    found: dict[str, float] = {}
    for name, weight in layers:
        block, _, number = name.partition("_")
        while name not in network.nodes and number.isdecimal() and int(number) > 1:
            number = str(int(number) - 1)
            name = f"{block}_{number}"
        if name in network.nodes:
            found[name] = found.get(name, 0.0) + weight
    return tuple(found.items())


def checked(layers: Mapping[str, float] | None, network: Network, kind: str) -> Layers | None:
    """Return layers that were asked for under the network's own names; None for none.

    Raises
    ------
    NstError
        When one does not exist, or is named twice.
    """
    if layers is None:
        return None
    own = [(network.resolve(name), weight) for name, weight in layers.items()]
    if len(dict(own)) < len(own):
        raise NstError(f"--{kind}-layers names a layer twice")
    return tuple(own)
