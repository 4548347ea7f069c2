"""Reading a bounded file and writing a whole one: nothing is ever left half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nst.errors import NstError


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` for writing bytes and move it into place at the end.

    The data reach the disk before the name changes hands, so that after a crash the old file or the new one
    is there, whole. On any exception the temporary file is removed and the old file stays.

    Raises
    ------
    NstError
        When the folder is missing or cannot be written, or the disk is full.
    """
    target = Path(path)
    if target.is_dir():
        raise NstError(f"cannot write {target}: it is a folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise NstError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):  # as when the disk is full
            raise NstError(f"cannot write {target}: {error.strerror or error}") from error
        raise
    _sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable; not every system lets a folder be opened, and then nothing is lost."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in pieces of one mebibyte."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def require_file(path: str | os.PathLike, what: str) -> Path:
    """Return `path` as a `Path` if it is a readable, non-empty regular file, else raise an `NstError`."""
    found = Path(path)
    try:
        status = found.stat()
    except FileNotFoundError:
        raise NstError(f"{what} {found} does not exist") from None
    except (
        OSError,
        ValueError,
    ) as error:  # a name too long, a folder that may not be entered, a null character
        raise NstError(f"{what} {found!s:.200} cannot be read: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise NstError(f"{what} {found} is not a file")
    if status.st_size == 0:
        raise NstError(f"{what} {found} is empty")
    if not os.access(found, os.R_OK):
        raise NstError(f"{what} {found} cannot be read: permission denied")
    return found


def made_folder(path: str | os.PathLike) -> Path:
    """Return a folder that exists and can be written into, made with its parents if need be.

    Raises
    ------
    NstError
        When it cannot be had.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NstError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK):
        raise NstError(f"cannot write into the folder {folder}: permission denied; name another")
    return folder
