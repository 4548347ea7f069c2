"""The state of a run in one file, written so that a crash at any moment leaves a whole one behind.

An uncompressed `.npz`: `meta.npy` holds JSON as bytes (format version, iteration, settings, hashes, trace), the other
members are the image and the optimiser's arrays. No pickle is written and none is read.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.files import atomic_write, require_file
from nst.npy import read_array

FORMAT = "nst checkpoint 2"
_META = {
    "iteration": int,
    "scale": int,
    "done": int,
    "settings": dict,
    "hashes": dict,
    "rng": dict,
    "trace": dict,
}
META_LIMIT = 64 << 20  # bytes of JSON; a trace of 100,000 iterations takes some 20 MB


@dataclass
class Checkpoint:
    """Everything that the remaining iterations depend on, and the trace of those that are done.

    Attributes
    ----------
    iteration, scale, done : int
        How many iterations are done; the size that they have come to, counted from 0 for the coarsest; how many of
        them were done at that size.
    image : ndarray of shape (1, H, W, 3)
    optimizer : dict of str to ndarray
        What `optimizer.state()` returned.
    settings, hashes : dict
        What the run was asked for, and the SHA-256 of each file that it read.
    rng : dict
        The state of the random generator's bit generator.
    trace : dict
        The loss trace, ready for JSON.
    thumbnails : dict of int to ndarray
        Small pictures along the way, (h, w, 3) uint8, by iteration.
    """

    iteration: int
    image: np.ndarray
    optimizer: dict[str, np.ndarray]
    settings: dict[str, Any]
    hashes: dict[str, str]
    rng: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, Any] = field(default_factory=dict)
    thumbnails: dict[int, np.ndarray] = field(default_factory=dict)
    scale: int = 0
    done: int = 0


def save_checkpoint(path: str | os.PathLike, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; the file before it stays until the new one is on the disk."""
    meta = {"format": FORMAT} | {key: getattr(checkpoint, key) for key in _META}
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    state = {f"optimizer.{name}": array for name, array in checkpoint.optimizer.items()}
    state.update({f"thumbnail.{number}": picture for number, picture in checkpoint.thumbnails.items()})
    with atomic_write(path) as stream:
        np.savez(stream, meta=text, image=checkpoint.image, **state)


def load_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    NstError
        When the file is missing, damaged, or no checkpoint of this version; nothing that it holds is executed, and
        no array is read before its claimed size has been compared with what lies in the file.
    """
    found = require_file(path, "checkpoint")
    try:
        return _parse(_read_arrays(found))
    except Exception as error:  # parsers of foreign bytes (zipfile, json, NumPy) raise whatever they please
        cause = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise NstError(
            f"checkpoint {found} is damaged or no checkpoint ({cause:.200}); start anew"
        ) from error


def _parse(arrays: dict[str, np.ndarray]) -> Checkpoint:
    """Return the checkpoint that the members of a file make up; a ValueError or KeyError when they make none."""
    meta = json.loads(arrays.pop("meta").tobytes())
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    image = arrays.pop("image")
    if image.ndim != 4 or image.shape[0] != 1 or image.shape[3] != 3 or image.dtype != np.float32:
        raise ValueError(f"the image is {image.dtype} {image.shape}, not float32 (1, H, W, 3)")
    if not np.isfinite(image).all():
        raise ValueError("the image is not finite")
    thumbnails = {int(number): picture for number, picture in _family(arrays, "thumbnail.").items()}
    if any(p.dtype != np.uint8 or p.ndim != 3 or p.shape[2] != 3 or not p.size for p in thumbnails.values()):
        raise ValueError("a thumbnail is not (h, w, 3) uint8")
    rest = {key: _typed(meta, key, kind) for key, kind in _META.items()}
    return Checkpoint(image=image, optimizer=_family(arrays, "optimizer."), thumbnails=thumbnails, **rest)


def _family(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _typed(meta: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(meta[key], kind) or (kind is int and meta[key] < 0):
        raise ValueError(f"{key} is not what it should be")
    return meta[key]


def _read_arrays(path: os.PathLike) -> dict[str, np.ndarray]:
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
