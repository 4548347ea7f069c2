"""The photographs of a training without labels: those that it learns from, and some that it never sees."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from nst.errors import NstError
from nst.images.folder import pictures_in
from nst.training.crops import Crops, digest

HELD_OUT = 40  # one photograph in so many is never learned from


class Photographs:
    """Photographs in folders, of which one in `HELD_OUT` is kept apart.

    Parameters
    ----------
    folders
        Searched to the bottom; pictures may be named themselves, too.

    Attributes
    ----------
    files : list of Path
        To learn from.
    digest : str
        See `nst.training.crops.digest`.

    Raises
    ------
    NstError
        When there are too few.
    """

    def __init__(self, folders: Sequence[str | os.PathLike]) -> None:
        files = [path for path, _ in pictures_in(folders)]
        if len(files) < HELD_OUT:
            raise NstError(
                f"{len(files)} photographs are too few; give at least {HELD_OUT}, better a thousand"
            )
        self.digest = digest(files)
        self.files = [path for number, path in enumerate(files) if number % HELD_OUT]
        self._kept = files[::HELD_OUT]

    def held_out(self, count: int, side: int, seed: int) -> list[np.ndarray]:
        """Return crops (1, side, side, 3) of those that are kept apart, their colours as they are."""
        crops = Crops(self._kept, side, 1, seed, 0, vary=False)
        return [crops.step(number) for number in range(count)]
