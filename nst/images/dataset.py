"""Labelled pictures of one size: what every reader of a data set returns and every training reads from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

AT_ONCE = 1024  # pictures whose statistics are taken together


class Dataset:
    """Pictures of one shape, each with the number of its class.

    A reader whose pictures do not lie in memory overrides `pictures`; several threads may call it at once.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (N, H, W, C)
        RGB, or one channel of grey.
    labels : ndarray of int, shape (N,)
        From 0 to `len(classes) - 1`.
    classes
        The name of each class.

    Attributes
    ----------
    labels : ndarray of int64, shape (N,)
    classes : tuple of str
    shape : tuple (H, W, C)
    """

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or len(pixels) != len(labels):
            raise ValueError(
                f"{pixels.dtype} {pixels.shape} with {len(labels)} labels are no labelled pictures"
            )
        self._describe(labels, classes, pixels.shape[1:])
        self._pixels = pixels

    def _describe(self, labels: np.ndarray, classes: Sequence[str], shape: tuple[int, ...]) -> None:
        self.labels = np.asarray(labels, np.int64)
        self.classes = tuple(classes)
        self.shape = tuple(shape)
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"labels must lie in 0..{len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: np.ndarray) -> np.ndarray:
        """Return the pictures of these numbers, (n, H, W, C) uint8, in this order; a copy."""
        return self._pixels[np.asarray(indices, np.intp)]

    def part(self, indices: np.ndarray) -> Dataset:
        """Return the data set that has only the pictures of these numbers, and all the classes."""
        return Dataset(self.pictures(indices), self.labels[indices], self.classes)


def channel_statistics(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each channel over all pixels of all pictures.

    The sums are exact: bytes and their squares add up in integers.

    Returns
    -------
    mean, deviation : ndarray of float64, shape (C,)
        In 0..255.
    """
    levels = np.arange(256, dtype=np.float64)
    counts = np.zeros((data.shape[2], 256))
    for start in range(0, len(data), AT_ONCE):
        pixels = data.pictures(np.arange(start, min(start + AT_ONCE, len(data))))
        for c, row in enumerate(counts):
            row += np.bincount(pixels[..., c].ravel(), minlength=256)
    mean = counts @ levels / counts.sum(axis=1)
    variance = (counts * (levels - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    return mean, np.sqrt(variance)
