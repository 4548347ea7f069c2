"""The networks that can be trained from scratch, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nst.errors import NstError, nearest
from nst.networks.network import Network
from nst.networks.transfer import transferable
from nst.networks.vgg_cifar import vgg_cifar
from nst.networks.vgg_small import vgg_mnist, vgg_small


@dataclass(frozen=True)
class Trainable:
    """How to build a network with fresh weights.

    Attributes
    ----------
    build : callable
        Of a seed, or a generator, and by name `classes`, `mean`, `dropout` and any of `sizes`. Its last node gives the
        scores. Weights are drawn by `standard_normal(shape, np.float32)` of `np.random.default_rng(seed)`.
    shape : tuple of int
        (H, W, C) of the pictures that it takes.
    any_side : bool
        Whether they may have another height and width, too.
    sizes : tuple of str
        What of it can be made smaller or larger: whole numbers.
    """

    build: Callable[..., Network]
    shape: tuple[int, int, int] = (32, 32, 3)
    sizes: tuple[str, ...] = ()
    any_side: bool = False


TRAINABLE = {
    "vgg-small": Trainable(vgg_small, sizes=("width",), any_side=True),
    "vgg-mnist": Trainable(vgg_mnist, shape=(28, 28, 1), sizes=("width",)),
    "vgg19-cifar": Trainable(vgg_cifar, sizes=("width", "hidden")),
    # With a new head, to begin with weights from elsewhere; see `nst.networks.transfer`.
    "squeezenet": Trainable(partial(transferable, "squeezenet"), (227, 227, 3), any_side=True),
    "googlenet": Trainable(partial(transferable, "googlenet"), (224, 224, 3), any_side=True),
    "vgg16": Trainable(partial(transferable, "vgg16"), (224, 224, 3), any_side=True),
    "vgg19": Trainable(partial(transferable, "vgg19"), (224, 224, 3), any_side=True),
    "vgg19-to-conv4_1": Trainable(
        partial(transferable, "vgg19", tap="relu4_1"), (224, 224, 3), any_side=True
    ),
}


def fresh(
    name: str,
    seed: int | np.random.Generator,
    *,
    classes: int,
    mean: Sequence[float],
    dropout: float = 0.0,
    sizes: Mapping[str, int] | None = None,
) -> Network:
    """Return a network of `TRAINABLE` with fresh weights.

    Raises
    ------
    NstError
        For an unknown name, and a size that the network does not have, or that is none.
    """
    found = trainable(name)
    for size, value in (sizes or {}).items():
        if size not in found.sizes:
            raise NstError(f"{name} has no {size!r:.40} to choose; it has {', '.join(found.sizes) or 'none'}")
        if type(value) is not int or not 1 <= value <= 1 << 20:
            raise NstError(f"{value!r:.40} is no {size} for {name}")
    return found.build(seed, classes=classes, mean=tuple(mean), dropout=dropout, **(sizes or {}))


def trainable(name: str) -> Trainable:
    """Return the entry of a network.

    Raises
    ------
    NstError
        When there is none of that name.
    """
    if name not in TRAINABLE:
        known = list(TRAINABLE)
        raise NstError(
            f"no network {name!r:.40} to train{nearest(name, known)}; there are {', '.join(known)}"
        )
    return TRAINABLE[name]
