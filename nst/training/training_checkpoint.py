"""A training in one file, from which it goes on to the same bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.npz import read_npz, write_npz

FORMAT = "nst training 1"


@dataclass
class TrainingCheckpoint:
    """All that the remaining steps depend on, but the pictures.

    Attributes
    ----------
    settings : dict
        What the training was asked for, and a fingerprint of its pictures.
    state : dict
        The part of `Training.state` that JSON carries.
    arrays : dict of str to ndarray
        The rest.
    """

    settings: dict[str, Any]
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


def save_training(path: str | os.PathLike, checkpoint: TrainingCheckpoint) -> None:
    """Write a checkpoint atomically; the file before it stays until the new one is on the disk."""
    meta = {"settings": checkpoint.settings, "state": checkpoint.state}
    write_npz(path, FORMAT, meta, checkpoint.arrays)


def load_training(path: str | os.PathLike) -> TrainingCheckpoint:
    """Read a checkpoint.

    Raises
    ------
    NstError
        When the file is missing, damaged, or no checkpoint of a training.
    """
    return read_npz(path, "checkpoint", FORMAT, _parse, "start anew")


def _parse(meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> TrainingCheckpoint:
    if not isinstance(meta["settings"], dict) or not isinstance(meta["state"], dict):
        raise ValueError("its head is not what it should be")
    return TrainingCheckpoint(meta["settings"], meta["state"], arrays)
