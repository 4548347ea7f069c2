"""CIFAR-10 in its official binary version, packed or unpacked (Krizhevsky, 2009).

Six files of 10,000 records. A record is one byte of label and 3,072 bytes of pixels: the red plane of 32 x 32, then the
green one, then the blue one. `batches.meta.txt` names the classes, one a line. The archive's "Python version" holds the
same as pickles, which nothing here reads.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from nst.errors import NstError
from nst.files import require_file
from nst.images.dataset import Dataset

SIDE = 32
RECORDS = 10_000  # in each file
RECORD = 1 + 3 * SIDE * SIDE  # bytes
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
NAMES = "batches.meta.txt"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LARGEST = 256 << 20  # bytes that an archive may unpack to; the official one has 176 MiB
MEMBERS = 64  # of an archive; the official one has nine


def cifar10(path: str | os.PathLike) -> tuple[Dataset, Dataset]:
    """Read CIFAR-10: 50,000 pictures to train on and 10,000 to test on, (32, 32, 3), in ten classes.

    Parameters
    ----------
    path
        `cifar-10-binary.tar.gz`, the folder `cifar-10-batches-bin` that it unpacks to, or a folder that has either.

    Returns
    -------
    train, test : Dataset
        In the order of the files, in memory: 184 MB.

    Raises
    ------
    NstError
        With one line that names the file and the cause. An archive is read in one pass and never unpacked to disk.
    """
    found = _whereabouts(Path(path))
    batches = _from_folder(found) if found.is_dir() else _from_archive(found)
    missing = [name for name in (*TRAINING, TEST) if name not in batches]
    if missing:
        raise NstError(f"CIFAR-10 in {found} lacks {', '.join(missing)}; expected the binary version")
    classes = _classes(batches.pop(NAMES, None))
    train, test = (Dataset(*_joined(batches, names, found), classes) for names in (TRAINING, (TEST,)))
    return train, test


def _whereabouts(path: Path) -> Path:
    """Return the archive or the folder of the batches, which may lie one folder below `path`."""
    for one in (path, path / "cifar-10-batches-bin", path / "cifar-10-binary.tar.gz"):
        if one.is_file() or (one / TEST).is_file():
            return one
    if not path.exists():
        raise NstError(f"CIFAR-10 in {path} does not exist")
    raise NstError(
        f"{path} holds neither {TEST} nor cifar-10-binary.tar.gz; name the folder of CIFAR-10's binary version"
    )


def _from_folder(folder: Path) -> dict[str, bytes]:
    batches = {}
    for name in (*TRAINING, TEST, NAMES):
        if (folder / name).exists():
            found = require_file(folder / name, "CIFAR-10 file")
            _check_size(name, found.stat().st_size, folder)
            try:
                batches[name] = found.read_bytes()
            except OSError as error:
                raise NstError(f"CIFAR-10 file {found} cannot be read: {error.strerror or error}") from error
    return batches


def _check_size(name: str, size: int, where: Path) -> None:
    if name == NAMES and size > 4096:
        raise NstError(f"{where}: {NAMES} has {size} bytes, too many for ten names")
    if name != NAMES and size != RECORDS * RECORD:
        raise NstError(f"{where}: {name} has {size} bytes, not {RECORDS * RECORD}; fetch it again")


class _Bounded:
    """A stream for `tarfile` that refuses to unpack more than `LARGEST` bytes, wherever an archive hides them."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path, self._left = stream, path, LARGEST

    def read(self, size: int) -> bytes:
        piece = self._stream.read(min(size, self._left + 1))
        self._left -= len(piece)
        if self._left < 0:
            raise NstError(
                f"{self._path} unpacks to more than {LARGEST >> 20} MiB; it is not CIFAR-10's archive"
            )
        return piece


def _from_archive(path: Path) -> dict[str, bytes]:
    require_file(path, "CIFAR-10 archive")
    batches = {}
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=_Bounded(stream, path), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number == MEMBERS:
                    raise NstError(f"{path} has more than {MEMBERS} members; it is not CIFAR-10's archive")
                parts = PurePosixPath(member.name).parts
                if "cifar-10-batches-py" in parts:
                    raise NstError(
                        f"{path} is the Python version, made of pickles, which nst does not open; "
                        "fetch cifar-10-binary.tar.gz"
                    )
                if member.isreg() and parts and parts[-1] in (*TRAINING, TEST, NAMES):
                    _check_size(parts[-1], member.size, path)
                    batches[parts[-1]] = archive.extractfile(member).read()
                    _check_size(parts[-1], len(batches[parts[-1]]), path)  # the last one may be cut short
    except NstError:
        raise
    except Exception as error:  # hostile bytes bring out every kind, up to too deep a recursion
        raise NstError(f"CIFAR-10 archive {path} is damaged or cut short: {error}") from error
    return batches


def _classes(text: bytes | None) -> tuple[str, ...]:
    """Return the ten names of `batches.meta.txt`; the well-known ones where it is absent or no such list."""
    names = (text or b"").decode("ascii", "replace").split()
    return tuple(names) if len(names) == len(CLASSES) else CLASSES


def _joined(batches: dict[str, bytes], names: Sequence[str], where: Path) -> tuple[np.ndarray, np.ndarray]:
    """Turn the records of these files into (N, 32, 32, 3) pixels and N labels, dropping each file when it is done."""
    pixels = np.empty((len(names), RECORDS, SIDE, SIDE, 3), np.uint8)
    labels = np.empty((len(names), RECORDS), np.uint8)
    for number, name in enumerate(names):
        records = np.frombuffer(batches.pop(name), np.uint8).reshape(RECORDS, RECORD)
        labels[number] = records[:, 0]
        if labels[number].max() >= len(CLASSES):
            raise NstError(
                f"{where}: {name} has a label {labels[number].max()}, but CIFAR-10 has ten classes, 0 to 9"
            )
        pixels[number] = records[:, 1:].reshape(RECORDS, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return pixels.reshape(-1, SIDE, SIDE, 3), labels.reshape(-1)
