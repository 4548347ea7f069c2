"""A generator that was trained here, as one file: its arrays, and which network they are of.

An uncompressed `.npz` (see `nst.npz`). The head names the generator (one of `nst.networks.adversarial`) and its sizes;
the arrays are called `layer.name` and include running statistics.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.networks import Network
from nst.networks.adversarial import generator
from nst.npz import read_npz, write_npz

FORMAT = "nst adversarial generator 1"


@dataclass
class TrainedGenerator:
    """A generator with what belongs to it.

    Attributes
    ----------
    name : str
        In `GENERATORS`.
    sizes : dict of str to int
    network : Network
        From noise to `picture`, in -1..1.
    about : dict
        What else is told: the recipe, the sample.
    """

    name: str
    sizes: dict[str, int]
    network: Network
    about: dict[str, Any] = field(default_factory=dict)


def write_generator(path: str | os.PathLike, trained: TrainedGenerator) -> None:
    """Write a generator, whole or not at all; the same generator gives the same bytes.

    Raises
    ------
    NstError
        When the file cannot be written.
    """
    arrays = {
        f"{node.name}.{name}": array
        for node in trained.network.nodes.values()
        for name, array in node.layer.state().items()
    }
    write_npz(
        path, FORMAT, {"generator": trained.name, "sizes": trained.sizes, "about": trained.about}, arrays
    )


def read_generator(path: str | os.PathLike) -> TrainedGenerator:
    """Read what `write_generator` wrote; nothing is built but of arrays that lie in the file.

    Raises
    ------
    NstError
        When the file is missing, damaged or something else.
    """
    return read_npz(path, "generator", FORMAT, _parse, "name a file that nst.gan wrote")


def _parse(meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> TrainedGenerator:
    left = dict(arrays)

    def held(name: str, shape: tuple[int, ...]) -> np.ndarray:
        array = left.pop(name)
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}, or not finite")
        if name.endswith(".running_var") and array.min() < 0:
            raise ValueError(f"{name} has a variance below 0")
        return array

    network = generator(meta["generator"], meta["sizes"], held)
    if left:
        raise ValueError(f"{sorted(left)[0]!r:.80} belongs to no layer")
    if not isinstance(meta["about"], dict):
        raise ValueError("what it tells of itself makes no sense")
    return TrainedGenerator(meta["generator"], meta["sizes"], network, meta["about"])
