"""A folder with a folder of pictures for each class: the data set that everybody can make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from nst.errors import NstError
from nst.images.dataset import Dataset
from nst.images.decode import FITS, decode
from nst.images.folder import pictures_in

CACHE = 1 << 30  # bytes of decoded pictures that are kept
LONGEST_LIST = 64 << 20  # bytes of a list of files


class FolderDataset(Dataset):
    """Labelled pictures that are decoded and resized when they are asked for, and kept while there is room.

    Parameters
    ----------
    files
        The pictures.
    labels, classes
        As for `Dataset`.
    side
        Height and width that all pictures get.
    fit : {"crop", "squash"}
        See `nst.images.decode`.
    cache
        Bytes that may be kept: the first pictures that fit into them, once they have been asked for.
    """

    def __init__(
        self,
        files: Sequence[Path],
        labels: np.ndarray,
        classes: Sequence[str],
        side: int,
        fit: str = "crop",
        cache: int = CACHE,
    ) -> None:
        if fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not {fit!r}")
        if side < 1:
            raise NstError(f"the side of the pictures must be at least 1 pixel, not {side}")
        self._describe(labels, classes, (side, side, 3))
        self.files, self.fit = list(files), fit
        room = min(len(self.files), cache // (side * side * 3))
        # Untouched, it takes no memory yet. Threads may fill the same picture twice, with the same bytes.
        self._kept = np.empty((room, *self.shape), np.uint8)
        self._known = np.zeros(room, bool)

    def pictures(self, indices: np.ndarray) -> np.ndarray:
        """Return the pictures of these numbers, (n, side, side, 3) uint8.

        Raises
        ------
        NstError
            Names the first picture that cannot be read.
        """
        result = np.empty((len(indices), *self.shape), np.uint8)
        for place, index in enumerate(np.asarray(indices, np.intp).tolist()):
            if index < len(self._known) and self._known[index]:
                result[place] = self._kept[index]
                continue
            result[place] = decode(self.files[index], self.shape[:2], self.fit)
            if index < len(self._known):
                self._kept[index] = result[place]
                self._known[index] = True
        return result

    def part(self, indices: np.ndarray) -> Dataset:
        """Return the data set of these numbers; its pictures are decoded anew."""
        chosen = np.asarray(indices, np.intp)
        files = [self.files[index] for index in chosen.tolist()]
        room = self._kept[:1].nbytes * len(self._known)
        return FolderDataset(files, self.labels[chosen], self.classes, self.shape[0], self.fit, room)


def class_folder(
    folder: str | os.PathLike,
    side: int,
    test: float = 0.2,
    seed: int = 0,
    *,
    fit: str = "crop",
    cache: int = CACHE,
) -> tuple[Dataset, Dataset]:
    """Read pictures that are sorted into one folder for each class.

    Three layouts are known, by what the folder holds:

    - `train.txt` and `test.txt`: which pictures are which, a line each, such as `cat/0001.jpg`;
    - `train/` and `test/` (or `val/`): each with a folder for each class;
    - a folder for each class: of each a share `test`, at least one picture, is held out, drawn by `seed`.

    Classes are numbered in the order of their names. Names that begin with a dot are passed over.

    Parameters
    ----------
    folder
    side
        Height and width that all pictures get.
    test
        Share held out for testing, between 0 and 1, where the folder does not say.
    seed
        Of that draw.
    fit, cache
        As for `FolderDataset`; the two data sets share the bytes in proportion.

    Returns
    -------
    train, test : FolderDataset
        With the same classes.

    Raises
    ------
    NstError
        When a folder or a listed picture is missing, a picture is to be trained and tested on, or there are fewer than
        two classes.
    """
    here = Path(folder)
    if not here.is_dir():
        raise NstError(f"folder of pictures {here} does not exist, or is no folder")
    if (here / "train.txt").is_file() and (here / "test.txt").is_file():
        parts = [_listed(here, here / name) for name in ("train.txt", "test.txt")]
        _refuse_both(here, *parts)
    elif (here / "train").is_dir() and (tested := _tested(here)):
        parts = [_found(here / "train"), _found(tested)]
    elif (here / "train").is_dir() and any(one.is_dir() for one in (here / "train").iterdir()):
        raise NstError(
            f"{here} has train/ but neither test/ nor val/: rename the folder to test on, or name {here / 'train'}"
        )
    else:
        parts = _held_out(_found(here), test, seed, here)
    classes = sorted(parts[0])
    if len(classes) < 2:
        raise NstError(
            f"{here} has pictures of {len(classes)} class; a classifier needs at least two folders"
        )
    unknown = sorted(set(parts[1]) - set(classes))
    if unknown:
        raise NstError(f"{here}: no picture to train on of {', '.join(unknown)}, which the test has")
    total = sum(len(files) for part in parts for files in part.values())
    train, tested = (_dataset(part, classes, side, fit, cache, total) for part in parts)
    return train, tested


def _refuse_both(folder: Path, train: dict[str, list[Path]], test: dict[str, list[Path]]) -> None:
    """Raise an `NstError` when a picture is in both lists: a network would be tested on what it was shown."""
    both = {path for files in train.values() for path in files} & {
        path for files in test.values() for path in files
    }
    if both:
        raise NstError(
            f"{folder}: {len(both)} pictures are in train.txt and in test.txt, such as {min(both)!s:.200}; "
            "take them out of one"
        )


def _tested(folder: Path) -> Path | None:
    return next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)


def _dataset(
    part: dict[str, list[Path]], classes: list[str], side: int, fit: str, cache: int, total: int
) -> FolderDataset:
    files = [path for name in classes for path in part.get(name, ())]
    labels = np.repeat(np.arange(len(classes)), [len(part.get(name, ())) for name in classes])
    return FolderDataset(files, labels, classes, side, fit, cache * len(files) // total)


def _found(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures of each class below a folder."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    return {one.name: [path for path, _ in pictures_in([one])] for one in classes}


def _held_out(
    found: dict[str, list[Path]], share: float, seed: int, folder: Path
) -> list[dict[str, list[Path]]]:
    """Part each class into what is trained on and what is tested on, at least one picture each."""
    if not 0 < share < 1:
        raise NstError(f"the share held out for testing lies between 0 and 1, not {share}")
    rng, train, test = np.random.default_rng(seed), {}, {}
    for name, files in found.items():
        if len(files) < 2:
            raise NstError(
                f"{folder / name} has one picture; with at least two, one can be held out for testing"
            )
        count = min(max(round(share * len(files)), 1), len(files) - 1)
        tested = set(rng.permutation(len(files))[:count].tolist())
        test[name] = [path for index, path in enumerate(files) if index in tested]
        train[name] = [path for index, path in enumerate(files) if index not in tested]
    return [train, test]


def _listed(folder: Path, path: Path) -> dict[str, list[Path]]:
    """Return the pictures of each class that a list names, a line each, relative to the folder."""
    if path.stat().st_size > LONGEST_LIST:
        raise NstError(f"{path} is too long for a list of pictures")
    found: dict[str, list[Path]] = {}
    text = path.read_bytes().decode("utf-8", "replace")
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        parts = PurePosixPath(line).parts
        if len(parts) < 2 or ".." in parts or PurePosixPath(line).is_absolute() or "\0" in line:
            raise NstError(
                f"{path}, line {number}: {line[:80]!r} is not a picture in a folder named as its class"
            )
        if not (folder / line).is_file():
            raise NstError(f"{path}, line {number}: there is no {folder / line!s:.200}")
        found.setdefault(parts[0], []).append(folder / line)
    return found
