"""How good a classifier is on pictures that it was not trained on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nst.layers.cross_entropy import softmax_cross_entropy
from nst.networks import Network
from nst.training.ahead import ahead


class Pictures(Protocol):
    """Labelled pictures of one shape; `nst.images.dataset.Dataset` is some."""

    labels: np.ndarray
    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def pictures(self, indices: np.ndarray) -> np.ndarray:
        """Return the pictures at `indices`, (n, H, W, C) uint8."""


@dataclass(frozen=True)
class Score:
    """The mean cross-entropy over all pictures, and the share of them that were named rightly."""

    loss: float
    accuracy: float


def evaluate(network: Network, data: Pictures, batch: int = 128, flip: bool = False) -> Score:
    """Run a network over a data set as in inference, batch by batch; nothing is trained.

    Parameters
    ----------
    network
        Its last node gives the scores.
    data
    batch
        Pictures at once.
    flip
        Take the mean of the scores of each picture and of its mirror image: twice the work.
    """

    def read(start: int) -> tuple[np.ndarray, np.ndarray]:
        indices = np.arange(start, min(start + batch, len(data)))
        return data.pictures(indices).astype(np.float32), data.labels[indices]

    top, loss, correct = network.names[-1], 0.0, 0
    with closing(ahead(read, range(0, len(data), batch), workers=1)) as batches:
        for images, labels in batches:
            scores = _scores(network, images, top)
            if flip:
                scores = (scores + _scores(network, np.ascontiguousarray(images[:, :, ::-1]), top)) / 2
            loss += softmax_cross_entropy(scores, labels)[0] * len(labels)
            correct += int((scores.argmax(axis=1) == labels).sum())
    count = max(1, len(data))
    return Score(loss / count, correct / count)


def _scores(network: Network, images: np.ndarray, top: str) -> np.ndarray:
    return network.forward(images, [top])[0][top]
