"""Mini-batches of a data set, in an order that depends on nothing but the seed and the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nst.errors import NstError
from nst.images.dataset import Dataset
from nst.training.ahead import ahead

# What a generator is for, besides the seed: the order of an epoch, or the augmentation of one of its batches.
_ORDER, _AUGMENT = 0, 1


class Batches:
    """Cut a data set into mini-batches, epoch after epoch, and prepare them in worker threads.

    What is drawn for a step of an epoch depends on the seed, the epoch and the step alone: any step can be resumed at,
    and the number of workers changes nothing.

    Parameters
    ----------
    data
        Its `pictures` is called in the worker threads.
    batch
        Pictures in each mini-batch.
    augment
        `augment(images uint8, rng) -> images float32`, such as an `Augment`; None turns bytes into floats and no more.
    seed
        Of the order and of the augmentation.
    workers
        Threads; 0 prepares each batch when it is asked for.
    shuffle
        False keeps the order of the data set.
    whole
        Leave out what is left over at the end of an epoch when it is no whole batch, as is usual in training.

    Attributes
    ----------
    steps_per_epoch : int

    Raises
    ------
    NstError
        When there are not enough pictures for one batch.
    """

    def __init__(
        self,
        data: Dataset,
        batch: int,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
        seed: int = 0,
        workers: int = 1,
        *,
        shuffle: bool = True,
        whole: bool = True,
    ) -> None:
        if batch < 1:
            raise NstError(f"a batch has at least one picture, not {batch}")
        self.steps_per_epoch = len(data) // batch if whole else -(-len(data) // batch)
        if self.steps_per_epoch < 1:
            raise NstError(f"{len(data)} pictures do not fill one batch of {batch}; take a smaller batch")
        self.data, self.batch, self.seed = data, batch, seed
        self._augment, self._workers, self._shuffle = augment, workers, shuffle

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of an epoch from step `start` on.

        Yields
        ------
        images : ndarray of float32, shape (n, H, W, C)
            0..255.
        labels : ndarray of int64, shape (n,)
        """
        order = self.order(number)

        def make(step: int) -> tuple[np.ndarray, np.ndarray]:
            chosen = order[step * self.batch : (step + 1) * self.batch]
            images = self.data.pictures(chosen)
            if self._augment is None:
                return images.astype(np.float32), self.data.labels[chosen]
            rng = self._generator(_AUGMENT, number, step)
            return self._augment(images, rng), self.data.labels[chosen]

        return ahead(make, range(start, self.steps_per_epoch), self._workers)

    def order(self, epoch: int) -> np.ndarray:
        """Return the numbers of all pictures in the order of an epoch."""
        if not self._shuffle:
            return np.arange(len(self.data))
        return self._generator(_ORDER, epoch).permutation(len(self.data))

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=purpose))
