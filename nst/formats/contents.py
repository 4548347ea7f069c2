"""What a reader finds in a file before any number of it is read."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nst.errors import NstError
from nst.formats.known import CAFFE_MEAN, TORCH_MEAN, TORCH_SCALE, KnownFile

# A full VGG-19 has 38 arrays and AlexNet's relatives fewer; a file with thousands is not one of theirs.
MAX_ARRAYS = 2000


@dataclass(frozen=True)
class Preprocessing:
    """What the input of a network must look like, and the terms on which its weights come.

    `mean` and `scale` are in the order of the network's channels; pixels are 0..255.
    """

    channel_order: str
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    licence: str


TORCH_LICENCE = "BSD-3-Clause (torchvision)"
OXFORD = KnownFile.licence
CAFFE = Preprocessing("BGR", CAFFE_MEAN, (1.0, 1.0, 1.0), OXFORD)
CAFFE_RGB = Preprocessing("RGB", CAFFE_MEAN[::-1], (1.0, 1.0, 1.0), OXFORD)
TORCHVISION = Preprocessing("RGB", TORCH_MEAN, TORCH_SCALE, TORCH_LICENCE)


@dataclass(frozen=True)
class Stored:
    """One array that is still in its file: what it claims to be, and how to get it.

    `load()` returns exactly `shape` and `dtype` or raises; nobody calls it before the claim was compared with
    the table of the network, so that the claim alone never takes memory.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    load: Callable[[], np.ndarray]


@dataclass
class Contents:
    """The arrays of a file under the file's own names, and what the file says about itself.

    Attributes
    ----------
    layout : str
        `"HWIO"`: kernels `(kh, kw, in, out)`, dense `(in, out)` with inputs flattened from `(H, W, C)`.
        `"OIHW"`: kernels `(out, in, kh, kw)`, dense `(out, in)` with inputs flattened from `(C, H, W)`.
        `""`: the file does not say, the shapes decide.
    preprocessing : Preprocessing or None
        None when the format does not fix it; see `nst.formats.origin`.
    network, source, sha256 : str
        Only the canonical file states them.
    """

    layout: str
    preprocessing: Preprocessing | None = None
    network: str = ""
    source: str = ""
    sha256: str = ""
    notes: list[str] = field(default_factory=list)
    arrays: dict[str, Stored] = field(default_factory=dict)

    def add(self, name: str, shape: tuple, dtype: object, load: Callable[[], np.ndarray]) -> None:
        """Note an array; a name that comes twice is refused rather than the last one taken."""
        if name in self.arrays:
            raise NstError(f"the array {shown(name)} is there twice")
        if len(self.arrays) >= MAX_ARRAYS:
            raise NstError(f"it holds more than {MAX_ARRAYS} arrays")
        self.arrays[name] = Stored(tuple(int(n) for n in shape), np.dtype(dtype), load)


def shown(name: object) -> str:
    """Return a name from a file as it may be printed: quoted, escaped, at most 80 characters."""
    text = ascii(name)
    return text if len(text) <= 80 else text[:76] + "...'"


def byte_count(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return the bytes that an array takes, in Python integers that cannot overflow."""
    return math.prod(shape) * dtype.itemsize


def mapped(path: str | os.PathLike) -> memoryview:
    """Return the bytes of a file as a view that reads from the disk only what is touched."""
    with open(path, "rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def from_bytes(
    data: memoryview | bytes, shape: tuple[int, ...], dtype: np.dtype, order: str = "C"
) -> np.ndarray:
    """Return a read-only array over `data`, which must have exactly the bytes of `shape`."""
    if len(data) != byte_count(shape, dtype):
        raise NstError(
            f"an array of shape {shape} needs {byte_count(shape, dtype)} bytes, {len(data)} are there"
        )
    return np.frombuffer(data, dtype).reshape(shape, order=order)
