"""Where the features of the content picture wait until their tile's turn comes: in memory, in a file, or nowhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from nst.errors import NstError
from nst.kernels import to_host
from nst.networks import Network
from nst.networks.tiling import Tiling


class TileFeatures(Protocol):
    """The features of one picture at some taps, tile by tile."""

    def of_tile(self, index: int, tap: str) -> np.ndarray:
        """Return the features at `tap` that the tile owns, (1, h, w, C)."""
        ...


class Kept:
    """Features kept in memory."""

    def __init__(self, features: Iterable[tuple[int, str, np.ndarray]]) -> None:
        self._arrays = {(index, tap): array for index, tap, array in features}

    def of_tile(self, index: int, tap: str) -> np.ndarray:
        """Return the features at `tap` that the tile owns."""
        return self._arrays[index, tap]


class Spilled:
    """Features kept in a temporary file.

    It is read piece by piece and not mapped, because mapped pages count as memory of the process. The file has no name
    any more when it is written, so that it goes with the process, however that ends.

    Raises
    ------
    NstError
        When the disk takes no more.
    """

    def __init__(self, features: Iterable[tuple[int, str, np.ndarray]]) -> None:
        self._file = tempfile.TemporaryFile(prefix="nst-")
        self._places: dict[tuple[int, str], tuple[int, tuple[int, ...], np.dtype]] = {}
        try:
            for index, tap, array in features:
                self._places[index, tap] = self._file.tell(), array.shape, array.dtype
                self._file.write(memoryview(to_host(array)).cast("B"))
            self._file.flush()
        except OSError as error:
            raise NstError(
                f"the content features do not fit into {tempfile.gettempdir()} ({error.strerror}): "
                "point TMPDIR at a folder with room, or give more --memory"
            ) from error

    def of_tile(self, index: int, tap: str) -> np.ndarray:
        """Return the features at `tap` that the tile owns."""
        offset, shape, dtype = self._places[index, tap]
        found = np.empty(shape, dtype)
        self._file.seek(offset)
        if self._file.readinto(memoryview(found).cast("B")) != found.nbytes:
            raise NstError(f"the temporary file in {tempfile.gettempdir()} has been cut short")
        return found


class Recomputed:
    """Features that are computed each time they are asked for: no memory, half as much time again."""

    def __init__(self, network: Network, picture: np.ndarray, tiling: Tiling) -> None:
        self._network, self._picture, self._tiling = network, picture, tiling

    def of_tile(self, index: int, tap: str) -> np.ndarray:
        """Return the features at `tap` that the tile owns."""
        tile = self._tiling.tiles[index]
        found = self._network.forward(tile.of(self._picture), [tap])[0][tap]
        return found[tile.own(tap)].astype(found.dtype, order="C", copy=False)


def tile_features(
    network: Network, picture: np.ndarray, tiling: Tiling, taps: Iterable[str], keep: str
) -> TileFeatures:
    """Measure a picture's features tile by tile, and keep them in `"memory"`, in a `"file"`, or `"nothing"` of them."""
    if keep == "nothing":
        return Recomputed(network, picture, tiling)
    found = _by_tile(network, picture, tiling, list(taps))
    return Kept(found) if keep == "memory" else Spilled(found)


def _by_tile(network, picture, tiling, taps) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yield the number of each tile, each tap, and the features that the tile owns there, as an array of their own."""
    for index, tile in enumerate(tiling):
        # Without the tape, which goes at once.
        features = network.forward(tile.of(picture), tile.taps(taps))[0]
        for tap in list(features):
            yield index, tap, features.pop(tap)[tile.own(tap)].copy()
