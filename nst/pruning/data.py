"""The data set that a network of `nst.train` belongs to: pictures to look at, and pictures to test it with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.trained import TrainedNetwork
from nst.images import cifar_binary, idx
from nst.images.dataset import Dataset
from nst.images.labelled_folder import class_folder
from nst.pruning.costs import Batch
from nst.pruning.source import Source

BATCH = 128  # pictures at once, as long as they are small
PIXELS = BATCH << 10


def training_pictures(path: str, source: Source, most: int) -> list[np.ndarray]:
    """Return at most so many of the pictures to train on, evenly chosen, each (1, H, W, C) float32."""
    train = _read(path, source)[0]
    chosen = np.linspace(0, len(train) - 1, min(most, len(train))).astype(int)
    return list(train.pictures(chosen).astype(np.float32)[:, None])


def test_pictures(path: str, source: Source) -> Iterator[Batch]:
    """Return the pictures to test with, as float32."""
    return _batches(_read(path, source)[1])


def at_once(shape: tuple[int, ...]) -> int:
    """Return how many pictures of a shape (H, W, C) are classified at once."""
    return max(1, min(BATCH, PIXELS // (shape[0] * shape[1])))


def _batches(test: Dataset) -> Iterator[Batch]:
    step = at_once(test.shape)
    for start in range(0, len(test), step):
        chosen = np.arange(start, min(start + step, len(test)))
        yield test.pictures(chosen).astype(np.float32), test.labels[chosen]


def _read(path: str, source: Source) -> tuple[Dataset, Dataset]:
    """Return what to train on and what to test with.

    Raises
    ------
    NstError
        For a network that `nst.train` did not write, or that has other classes or pictures.
    """
    if source.trained is None:
        raise NstError(f"{source.path} is no network of nst.train, so it has no data set: leave out --data")
    train, test = _by_network(path, source.trained)
    if train.classes != source.trained.classes or train.shape != source.trained.shape:
        raise NstError(f"{path} has other classes, or other pictures, than {source.path} was trained on")
    return train, test


def _by_network(path: str, trained: TrainedNetwork) -> tuple[Dataset, Dataset]:
    """Read a data set of the kind that the network was trained on: its classes tell which."""
    if trained.shape == (idx.SIDE, idx.SIDE, 1):
        return idx.mnist(path)
    if trained.classes == cifar_binary.CLASSES:
        return cifar_binary.cifar10(path)
    return class_folder(path, trained.shape[0], fit=trained.fit)
