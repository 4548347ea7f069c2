"""Crops of photographs, for networks that learn from pictures without labels."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from nst.errors import NstError
from nst.images.decode import decode
from nst.images.folder import pictures_in
from nst.training.ahead import ahead
from nst.training.variety import varied

LARGEST_FACTOR = 2.0
DRAWS = 100  # for a crop that is not flat
KEPT = 1 << 30  # bytes of decoded photographs


class Crops:
    """An endless stream of square crops, drawn at random from folders of photographs.

    A photograph is drawn, a factor f uniform in 1 .. 2, and a square of `side` f pixels somewhere in it (or as large
    as the photograph allows), which is reduced to `side` pixels; a photograph smaller than `side` is enlarged as far
    as need be, and no further. Then it is mirrored with probability 1/2, and varied in its colours and noise by the
    table of `nst.training.variety`. A crop of one colour, which has nothing to learn from and no style to paint after,
    is drawn again.

    What is drawn for a step depends on the seed and the step alone: any step can be resumed at, and the number of
    workers changes nothing.

    Parameters
    ----------
    folders
        Searched to the bottom; pictures may be named themselves, too.
    side
        Of the crops, in pixels.
    batch
        Crops in each step.
    seed
    workers
        Threads that prepare steps ahead; 0 for none.
    vary
        False leaves colours as they are.
    keep
        Bytes of decoded photographs that stay in memory; others are decoded each time.
    """

    def __init__(
        self,
        folders: Iterable[str | os.PathLike],
        side: int,
        batch: int,
        seed: int = 0,
        workers: int = 1,
        *,
        vary: bool = True,
        keep: int = KEPT,
    ) -> None:
        if side < 1 or batch < 1:
            raise NstError(
                f"crops have at least one pixel and come at least one at a time, not {batch} of {side}"
            )
        self.files = [path for path, _ in pictures_in(folders)]
        self.side, self.batch, self.seed = side, batch, seed
        self._workers, self._vary = workers, vary
        self._photographs: dict[int, Image.Image] = {}
        self._room, self._lock = keep, threading.Lock()

    def step(self, number: int) -> np.ndarray:
        """Return the crops of one step.

        Returns
        -------
        ndarray of float32, shape (batch, side, side, 3)
            RGB, 0..255.

        Raises
        ------
        NstError
            Names the photograph that cannot be read; says so where photographs are of one colour.
        """
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number,)))
        crops = np.empty((self.batch, self.side, self.side, 3), np.float32)
        for crop in crops:
            self._draw(crop, rng)
        return crops

    def steps(self, start: int = 0) -> Iterator[np.ndarray]:
        """Yield the crops of step `start` and of all that follow, prepared in worker threads."""
        return ahead(self.step, count(start), self._workers)

    def _draw(self, crop: np.ndarray, rng: np.random.Generator) -> None:
        """Fill `crop` with one that is not flat."""
        for _ in range(DRAWS):
            self._draw_any(crop, rng)
            if np.ptp(crop, axis=(0, 1)).any() or self.side == 1:
                return
        raise NstError(
            f"{DRAWS} crops of {self.side} pixels were of one colour each; give photographs of something"
        )

    def _draw_any(self, crop: np.ndarray, rng: np.random.Generator) -> None:
        photograph = self._photograph(int(rng.integers(len(self.files))))
        width, height = photograph.size
        extent = min(self.side * rng.uniform(1, LARGEST_FACTOR), width, height)
        left, top = rng.uniform(0, 1, 2) * (width - extent, height - extent)
        box = (left, top, min(left + extent, width), min(top + extent, height))
        pixels = np.asarray(photograph.resize((self.side, self.side), Image.Resampling.LANCZOS, box))
        crop[:] = pixels[:, ::-1] if rng.random() < 0.5 else pixels
        if self._vary:
            crop[:] = varied(crop, rng)

    def _photograph(self, index: int) -> Image.Image:
        found = self._photographs.get(index)
        if found is not None:
            return found
        photograph = Image.fromarray(decode(self.files[index]))
        size = 4 * photograph.width * photograph.height  # Pillow pads each pixel to four bytes
        with self._lock:
            if index not in self._photographs and size <= self._room:
                self._room -= size
                self._photographs[index] = photograph
        return photograph


def digest(files: Sequence[Path]) -> str:
    """Return what other photographs would change: SHA-256 of names, with their folders', and sizes."""
    told = [(file.parent.name, file.name, file.stat().st_size) for file in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()
