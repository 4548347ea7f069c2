"""Arrays with a head in one uncompressed `.npz`: how checkpoints and trained networks are written.

`meta.npy` holds JSON as bytes, of which `format` says what the file is; the other members are arrays. No pickle is
written and none is read.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from nst.errors import NstError
from nst.files import atomic_write, require_file
from nst.npy import read_array

T = TypeVar("T")
META_LIMIT = 64 << 20  # bytes of JSON; a trace of 100,000 iterations takes some 20 MB


def write_npz(
    path: str | os.PathLike, format_name: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write arrays and their head, atomically; the file before it stays until the new one is on the disk."""
    text = np.frombuffer(json.dumps({"format": format_name, **meta}).encode(), np.uint8)
    with atomic_write(path) as stream:
        np.savez(stream, meta=text, **arrays)


def read_npz(
    path: str | os.PathLike,
    what: str,
    format_name: str,
    parse: Callable[[dict[str, Any], dict[str, np.ndarray]], T],
    remedy: str,
) -> T:
    """Return what `parse` makes of head and arrays of a file that `write_npz` wrote.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, in a word, for the message.
    format_name
        What its head must say.
    parse
        May raise whatever it pleases.
    remedy
        What to do when the file is no good.

    Raises
    ------
    NstError
        When the file is missing, damaged, or of another format; nothing that it holds is executed, and no array is
        read before its claimed size has been compared with what lies in the file.
    """
    found = require_file(path, what)
    try:
        arrays = _members(found)
        meta = json.loads(arrays.pop("meta").tobytes())
        if not isinstance(meta, dict) or meta.get("format") != format_name:
            raise ValueError(f"its format is not {format_name!r}")
        return parse(meta, arrays)
    except Exception as error:  # parsers of foreign bytes (zipfile, json, NumPy) raise whatever they please
        cause = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise NstError(f"{what} {found} is damaged or no {what} ({cause:.200}); {remedy}") from error


def family(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _members(path: os.PathLike) -> dict[str, np.ndarray]:
    """Read the members of an uncompressed npz, each only after its header agrees with the bytes that are there."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > os.path.getsize(path):
            raise ValueError("its members claim more bytes than it has")
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                raise ValueError(f"unexpected member {member.filename!r}")
            name = member.filename.removesuffix(".npy")
            if name == "meta" and member.file_size > META_LIMIT:
                raise ValueError(f"its JSON has {member.file_size} bytes")
            with archive.open(member) as stream:
                try:
                    arrays[name] = read_array(stream, member.file_size)
                except NstError as error:
                    raise ValueError(f"{name}: {error}") from error
    return arrays
