"""The state of a run in one file, written so that a crash at any moment leaves a whole one behind.

Its head (see `nst.npz`) holds iteration, settings, hashes and trace; the arrays are the image and the optimiser's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.npz import family, read_npz, write_npz

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
    meta = {key: getattr(checkpoint, key) for key in _META}
    state = {f"optimizer.{name}": array for name, array in checkpoint.optimizer.items()}
    state.update({f"thumbnail.{number}": picture for number, picture in checkpoint.thumbnails.items()})
    write_npz(path, FORMAT, meta, {"image": checkpoint.image, **state})


def load_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    NstError
        When the file is missing, damaged, or no checkpoint of this version; nothing that it holds is executed, and
        no array is read before its claimed size has been compared with what lies in the file.
    """
    return read_npz(path, "checkpoint", FORMAT, _parse, "start anew")


def _parse(meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Checkpoint:
    """Return the checkpoint that the members of a file make up; a ValueError or KeyError when they make none."""
    image = arrays.pop("image")
    if image.ndim != 4 or image.shape[0] != 1 or image.shape[3] != 3 or image.dtype != np.float32:
        raise ValueError(f"the image is {image.dtype} {image.shape}, not float32 (1, H, W, 3)")
    if not np.isfinite(image).all():
        raise ValueError("the image is not finite")
    thumbnails = {int(number): picture for number, picture in family(arrays, "thumbnail.").items()}
    if any(p.dtype != np.uint8 or p.ndim != 3 or p.shape[2] != 3 or not p.size for p in thumbnails.values()):
        raise ValueError("a thumbnail is not (h, w, 3) uint8")
    rest = {key: _typed(meta, key, kind) for key, kind in _META.items()}
    return Checkpoint(image=image, optimizer=family(arrays, "optimizer."), thumbnails=thumbnails, **rest)


def _typed(meta: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(meta[key], kind) or (kind is int and meta[key] < 0):
        raise ValueError(f"{key} is not what it should be")
    return meta[key]
