"""All that a training depends on, beside the network and the pictures."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from nst.errors import NstError

SCHEDULES = ("constant", "step", "cosine", "one-cycle")
BORDERS = ("constant", "reflect")


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained. The defaults are plain: each of the rules below is off.

    Attributes
    ----------
    epochs : int
        How often every picture is seen.
    batch : int
        Pictures in a mini-batch.
    learning_rate : float
        The highest of the schedule.
    schedule : str
        One of `SCHEDULES`; see `nst.training.schedule`.
    milestones : tuple of float
        For "step": the epochs at which the rate is multiplied by `drop`.
    drop : float
    warmup : float
        Epochs in which the rate rises from 0 in a straight line; for "one-cycle" those of the way up.
    momentum, nesterov, weight_decay
        Of `nst.optimizers.SGD`.
    decay_all : bool
        Whether norms and biases decay, too: everything that is no kernel and no matrix.
    label_smoothing : float
        What is taken from the right class and shared out among all; see `nst.layers.softmax_cross_entropy`.
    average : float
        Decay of the exponential moving average of the weights, 0 for none; see `nst.training.average`.
    dropout : float
        For networks that have it.
    flip : bool
        Whether pictures are mirrored, each with probability 1/2.
    shift : float
        By how much they are moved at most, up, down, left and right, as a share of their side.
    border, turn, zoom, elastic, crop, cutout
        What else is done to them; see `nst.training.augment.Augment`.
    seed : int
        Of the fresh weights, the order of pictures, what is done to them, and dropout.
    """

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.1
    schedule: str = "constant"
    milestones: tuple[float, ...] = ()
    drop: float = 0.1
    warmup: float = 0.0
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    decay_all: bool = True
    label_smoothing: float = 0.0
    average: float = 0.0
    dropout: float = 0.0
    flip: bool = False
    shift: float = 0.0
    border: str = "constant"
    turn: float = 0.0
    zoom: float = 0.0
    elastic: float = 0.0
    crop: float = 1.0
    cutout: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field.name, str(field.type), getattr(self, field.name))
        if self.schedule not in SCHEDULES:
            raise NstError(f"a schedule is one of {', '.join(SCHEDULES)}, not {self.schedule!r:.40}")
        if self.border not in BORDERS:
            raise NstError(f"a border is one of {', '.join(BORDERS)}, not {self.border!r:.40}")
        for name, (low, high) in _LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise NstError(
                    f"{name.replace('_', ' ')} goes from {low:g} to {high:g}, not {getattr(self, name):g}"
                )
        if not all(
            earlier < later for earlier, later in zip(self.milestones, self.milestones[1:], strict=False)
        ):
            raise NstError(f"milestones must rise, not {', '.join(f'{one:g}' for one in self.milestones)}")
        if self.warmup > self.epochs:
            raise NstError(
                f"a warm-up of {self.warmup:g} epochs is longer than the {self.epochs} of the training"
            )

    def plain(self) -> dict[str, Any]:
        """Return it in the types of JSON."""
        return {**dataclasses.asdict(self), "milestones": list(self.milestones)}

    @classmethod
    def from_plain(cls, found: object) -> Recipe:
        """Return the recipe that `plain` gave, read from outside.

        Raises
        ------
        NstError
            When a setting is missing, unknown or senseless.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(found, dict) or found.keys() != names or not isinstance(found["milestones"], list):
            raise NstError("the recipe does not have the settings that it should")
        return cls(**{**found, "milestones": tuple(found["milestones"])})


_LIMITS = {
    "epochs": (1, 100_000),
    "batch": (1, 100_000),
    "learning_rate": (0, 1e6),
    "drop": (0, 1),
    "warmup": (0, 100_000),
    "momentum": (0, 0.9999),
    "weight_decay": (0, 1e3),
    "label_smoothing": (0, 0.99),
    "average": (0, 0.999999),
    "dropout": (0, 0.99),
    "shift": (0, 0.5),
    "turn": (0, 180),
    "zoom": (0, 0.9),
    "elastic": (0, 100),
    "crop": (0.001, 1),
    "cutout": (0, 4096),
    "seed": (0, 2**63 - 1),
}
_KINDS = {"int": int, "float": (int, float), "bool": bool, "str": str, "tuple[float, ...]": tuple}


def _check(name: str, kind: str, value: Any) -> None:
    """Raise an `NstError` when a setting is of another type than it should be, or no finite number."""
    values = value if isinstance(value, tuple) else (value,)
    finite = all(not isinstance(one, float) or math.isfinite(one) for one in values)
    numbers = not isinstance(value, tuple) or all(type(one) in (int, float) for one in value)
    right = isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
    if not (right and finite and numbers):
        raise NstError(f"the setting {name.replace('_', ' ')} makes no sense: {value!r:.60}")
