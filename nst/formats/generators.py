"""A generator that was trained here, as one file: its arrays, and all that is needed to paint with it.

An uncompressed `.npz` (see `nst.npz`). The head says the design, the names of the styles, and what else is told of the
training; the arrays are called `node.part`, float32, or float16 where the file is to be small.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.networks import Network
from nst.networks.generators import Design, generator, plain, state
from nst.npz import read_npz, write_npz

FORMAT = "nst generator 1"
DTYPES = ("float32", "float16")
LONGEST_NAME = 200


@dataclass
class Generator:
    """A generator with what belongs to it.

    Attributes
    ----------
    design : Design
    styles : tuple of str
        Their names.
    network : Network
    about : dict
        What else is told: the recipe, the photographs.
    """

    design: Design
    styles: tuple[str, ...]
    network: Network
    about: dict[str, Any] = field(default_factory=dict)


def write_generator(path: str | os.PathLike, found: Generator, dtype: str = "float32") -> None:
    """Write a generator, whole or not at all; the same one gives the same bytes.

    Raises
    ------
    NstError
        When the file cannot be written, or a number is not finite, as of float16.
    """
    with np.errstate(over="ignore"):  # told below, by name
        arrays = {name: array.astype(dtype) for name, array in state(found.network).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise NstError(f"cannot write {path}: {name} is not finite as {dtype}")
    meta = {"design": plain(found.design), "styles": list(found.styles), "about": found.about}
    write_npz(path, FORMAT, meta, arrays)


def read_generator(path: str | os.PathLike) -> Generator:
    """Read what `write_generator` wrote; the network is frozen.

    Raises
    ------
    NstError
        When the file is missing, damaged or something else. Each array is compared with what the design asks for
        before a layer is made of it.
    """
    return read_npz(path, "generator", FORMAT, _parse, "name a file that nst.fast train wrote")


def _parse(meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Generator:
    design, styles = Design.from_plain(meta["design"]), meta["styles"]
    if not isinstance(styles, list) or len(styles) != design.styles or not all(map(_is_name, styles)):
        raise ValueError("the names of its styles make no sense")
    if not isinstance(meta["about"], dict):
        raise ValueError("what it tells of its training makes no sense")

    def array(name: str, shape: tuple[int, ...]) -> np.ndarray:
        found = arrays.pop(name)
        if found.shape != shape or found.dtype.name not in DTYPES or not np.isfinite(found).all():
            raise ValueError(f"{name} is {found.dtype} {found.shape}, not float32 {shape}, or not finite")
        if name.endswith(".running_var") and found.min() < 0:
            raise ValueError(f"{name} has a variance below 0")
        return found.astype(np.float32)

    network = generator(design, array)
    if arrays:
        raise ValueError(f"{sorted(arrays)[0]!r:.80} belongs to no layer")
    return Generator(design, tuple(styles), network.freeze(), meta["about"])


def _is_name(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= LONGEST_NAME
