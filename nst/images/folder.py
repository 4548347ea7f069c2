"""Which pictures are meant by a list of files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from nst.errors import NstError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"}


def pictures_in(paths: Iterable[str | os.PathLike]) -> list[tuple[Path, bool]]:
    """Return each picture, and whether it was named itself rather than found in a folder.

    Files come as they are named; folders are searched to the bottom, in order of names, for the extensions of
    pictures. Names that begin with a dot are passed over, and so are
    links that lead nowhere. A picture that is met twice counts once.

    Raises
    ------
    NstError
        For a path that does not exist, and when there is no picture at all.
    """
    found: dict[Path, bool] = {}
    for path in map(Path, paths):
        if path.is_dir():
            for one in sorted(_below(path)):
                found.setdefault(one, False)
        elif not path.exists():
            raise NstError(f"picture {path} does not exist")
        else:
            found[path] = True
    if not found:
        raise NstError(
            f"no picture in {', '.join(map(str, paths))}; known are {', '.join(sorted(EXTENSIONS))}"
        )
    return list(found.items())


def _below(folder: Path) -> Iterable[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(root, name)
            if path.suffix.lower() in EXTENSIONS and not name.startswith(".") and path.is_file():
                yield path
