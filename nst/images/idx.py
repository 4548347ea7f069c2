"""MNIST in its own IDX files, packed with gzip or not (LeCun, Cortes and Burges, 1998).

Two zero bytes, the type (8: unsigned bytes), the number of dimensions, each dimension as four bytes with the highest
first, then the numbers. Fashion-MNIST and other stand-ins come in the same files.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from nst.errors import NstError
from nst.files import require_file
from nst.images.dataset import Dataset

DIGITS = tuple("0123456789")
SIDE = 28
LARGEST_RATIO = 1032  # deflate packs no more bytes than this into one
MOST = 1 << 30  # bytes
_UNSIGNED_BYTES = 8


def mnist(folder: str | os.PathLike) -> tuple[Dataset, Dataset]:
    """Read MNIST: 60,000 digits to train on and 10,000 to test on, (28, 28, 1), white on black.

    Parameters
    ----------
    folder
        Where `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
        `t10k-labels-idx1-ubyte` lie, each with or without `.gz`.

    Raises
    ------
    NstError
        With one line that names the file and the cause.
    """
    train, test = (_pair(Path(folder), name) for name in ("train", "t10k"))
    return train, test


def _pair(folder: Path, name: str) -> Dataset:
    images = _file(folder, f"{name}-images-idx3-ubyte")
    labels = _file(folder, f"{name}-labels-idx1-ubyte")
    pixels, digits = read_idx(images, 3), read_idx(labels, 1)
    if pixels.shape[1:] != (SIDE, SIDE):
        raise NstError(f"{images} holds pictures of {pixels.shape[2]}x{pixels.shape[1]}, not {SIDE}x{SIDE}")
    if len(pixels) != len(digits):
        raise NstError(f"{images} has {len(pixels)} pictures, but {labels} has {len(digits)} labels")
    if digits.max() >= len(DIGITS):
        raise NstError(f"{labels} has a label {digits.max()}; expected 0 to 9")
    return Dataset(pixels[..., None], digits, DIGITS)


def _file(folder: Path, name: str) -> Path:
    """Return the file of this name, unpacked or packed; some mirrors have a dot before `idx`."""
    dotted = name.replace("-idx", ".idx")
    for one in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / one).exists():
            return require_file(folder / one, "MNIST file")
    raise NstError(f"{folder} lacks {name}.gz; name the folder with MNIST's four files")


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the bytes of an IDX file that has so many dimensions, none of them zero.

    Raises
    ------
    NstError
        When the header is none, or claims more or less than the file holds; memory is taken only for a size that
        the file can hold.
    """
    size = path.stat().st_size
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as stream:
            return _array(stream, dimensions, size * LARGEST_RATIO if packed else size)
    except NstError as error:
        raise NstError(f"MNIST file {path} {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise NstError(f"MNIST file {path} is damaged or cut short: {error}") from error


def _array(stream: IO[bytes], dimensions: int, most: int) -> np.ndarray:
    start = 4 + 4 * dimensions
    header = stream.read(start)
    if header[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)) or len(header) != start:
        raise NstError(f"has no IDX header of {dimensions} dimensions of unsigned bytes; fetch it again")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", dimensions, 4))
    size = math.prod(shape)
    if not 0 < size <= min(most, MOST):
        raise NstError(f"claims to hold {shape} bytes, which it cannot; fetch it again")
    array = np.empty(size, np.uint8)
    at = 0
    while at < size and (got := stream.readinto(memoryview(array)[at:])):
        at += got
    if at != size or stream.read(1):
        raise NstError(f"holds {'more' if at == size else 'less'} than the {shape} bytes that it claims")
    return array.reshape(shape)
