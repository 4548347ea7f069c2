"""The canonical weight file: HDF5 written by us, read back without any guess.

Data sets `conv1_1/weight` `(kh, kw, in, out)` and `conv1_1/bias` `(out,)`, dense weights `(in, out)`, float32
or float16. Attributes of the root: `format`, `network`, `source`, `sha256` (of the source), `channel_order`,
`mean`, `scale`, `licence`, `notes`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import h5py
import numpy as np

from nst.errors import NstError
from nst.files import atomic_write
from nst.formats import hdf5
from nst.formats.contents import Contents, Preprocessing, shown
from nst.networks.weights import Weights

FORMAT = "nst weights 1"


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a canonical file and list its arrays."""
    with h5py.File(path, "r") as file:
        order, scale = hdf5.text(file, "channel_order"), hdf5.triple(file, "scale")
        if order not in ("RGB", "BGR") or 0 in scale:
            raise NstError(f"its preprocessing makes no sense: channel order {shown(order)}, scale {scale}")
        found = Contents(
            "HWIO",
            Preprocessing(order, hdf5.triple(file, "mean"), scale, hdf5.text(file, "licence")),
            network=hdf5.text(file, "network"),
            source=hdf5.text(file, "source"),
            sha256=hdf5.text(file, "sha256"),
            notes=hdf5.text(file, "notes").splitlines(),
        )
        for name, dataset in hdf5.datasets(file):
            hdf5.add(found, name.replace("/", "."), dataset)
        yield found


def write(path: str | os.PathLike, weights: Weights, dtype: str = "float32") -> None:
    """Write weights as a canonical file, whole or not at all; the same weights give the same bytes.

    Parameters
    ----------
    path : path
        The target; an existing file is replaced.
    weights : Weights
        Arrays are named `layer.weight` and `layer.bias`.
    dtype : str
        `"float32"`, or `"float16"` for half the size: each number then keeps 11 bits.

    Raises
    ------
    NstError
        When the target cannot be written, or a number is too large for float16.
    """
    if dtype not in ("float32", "float16"):
        raise NstError(f"weights are written as float32 or float16, not as {dtype!r}")
    stored = {name: _narrow(name, values, dtype) for name, values in weights.arrays.items()}
    with atomic_write(path) as stream:
        try:
            with h5py.File(stream, "w") as file:
                _fill(file, stored, weights)
        except OSError as error:
            raise NstError(f"cannot write {path}: {error.strerror or 'the disk may be full'}") from error


def _narrow(name: str, values: np.ndarray, dtype: str) -> np.ndarray:
    layer, _, part = name.rpartition(".")
    last = layer.rpartition("/")[2]  # `conv1/bias.weight` would lie where `conv1.bias` does
    if part not in ("weight", "bias") or last in ("", "weight", "bias"):
        raise NstError(f"an array is called 'layer.weight' or 'layer.bias', not {shown(name)}")
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(values, dtype)
    if not np.array_equal(np.isfinite(narrow), np.isfinite(values)):
        raise NstError(f"a number in {name!r} is too large for {dtype}")
    return narrow


def _fill(file: h5py.File, stored: dict[str, np.ndarray], weights: Weights) -> None:
    for name in ("network", "source", "sha256", "channel_order", "licence"):
        file.attrs[name] = getattr(weights, name)
    file.attrs["format"] = FORMAT
    file.attrs["notes"] = "\n".join(weights.notes)
    file.attrs["mean"] = np.array(weights.mean, np.float64)
    file.attrs["scale"] = np.array(weights.scale, np.float64)
    for name, values in stored.items():
        layer, _, part = name.rpartition(".")
        file.create_dataset(f"{layer}/{part}", data=values)
