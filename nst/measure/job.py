"""What the processes of a measurement are told: settings as JSON, and arrays as raw bytes beside them.

This module and `worker` import NumPy alone: they run within the process of the other library too, whose memory
is measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CORNER = 24  # rows and columns of a layer's result that are compared


@dataclass
class Job:
    """What is to be done, the same for each side.

    Attributes
    ----------
    kind : str
        `"layers"`, `"step"`, `"train"` or `"painting"`.
    settings : dict
        In the types of JSON.
    arrays : dict of str to ndarray
        Weights and pictures.
    """

    kind: str
    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def write(self, folder: Path) -> None:
        """Put the job into a folder."""
        (folder / "job.json").write_text(json.dumps({"kind": self.kind, "settings": self.settings}))
        write_arrays(folder, "job", self.arrays)

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Return the job that lies in a folder."""
        return cls(**json.loads((folder / "job.json").read_text()), arrays=read_arrays(folder, "job"))


def write_arrays(folder: Path, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays end to end into `name`.bin, and what they are into `name`.arrays.json."""
    table = [(label, array.dtype.str, array.shape) for label, array in arrays.items()]
    (folder / f"{name}.arrays.json").write_text(json.dumps(table))
    with open(folder / f"{name}.bin", "wb") as file:
        for array in arrays.values():
            np.ascontiguousarray(array).tofile(file)


def read_arrays(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Return what `write_arrays` wrote."""
    arrays = {}
    with open(folder / f"{name}.bin", "rb") as file:
        for label, dtype, shape in json.loads((folder / f"{name}.arrays.json").read_text()):
            arrays[label] = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
    return arrays


def noise(seed: int, name: str, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Return normally distributed float32 numbers, the same wherever they are asked for by this name."""
    rng = np.random.default_rng([seed, *name.encode()])
    found = rng.standard_normal(shape, np.float32)
    found *= np.float32(scale)
    return found


def corner(result: np.ndarray) -> np.ndarray:
    """Return the part of a layer's result that is compared: its first corner, or as many rows of a matrix."""
    return result[:, :CORNER, :CORNER] if result.ndim == 4 else result[: CORNER**2]
