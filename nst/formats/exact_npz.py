"""An `.npz` that must hold exactly the arrays that a network has, under the file's own names."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from nst.errors import NstError
from nst.files import require_file
from nst.formats.contents import Contents, shown
from nst.formats.npz_file import contents


def read_exactly(
    path: str | os.PathLike, shapes: Mapping[str, tuple[int, ...]], what: str
) -> dict[str, np.ndarray]:
    """Return the arrays of a file whose names and shapes are all known beforehand.

    What the file claims is compared with the table before any number is read or memory taken for it.

    Parameters
    ----------
    path
    shapes
        By the names that the file has for them: kernels as they lie in the file.
    what : str
        What the file should be, for the error: "net of fast style transfer".

    Returns
    -------
    dict of str to ndarray
        float32, in the order of `shapes`.

    Raises
    ------
    NstError
        One line with the path and the cause, whatever is wrong with the file.
    """
    require_file(path, what)
    try:
        with contents(path) as found:
            _compare(found, shapes)
            return {name: _finite(name, found.arrays[name].load()) for name in shapes}
    except NstError as error:
        raise NstError(f"{path} is no {what}: {error}") from error
    except Exception as error:  # zipfile and zlib raise whatever they please on a damaged file
        cause = " ".join(ascii(str(error))[1:-1].split())[:120] or type(error).__name__
        raise NstError(f"{path} is damaged, or no {what}: {cause}") from error


def _compare(found: Contents, shapes: Mapping[str, tuple[int, ...]]) -> None:
    if odd := sorted(found.arrays.keys() ^ shapes.keys()):
        verb = "is missing" if odd[0] in shapes else "is not expected"
        raise NstError(f"the array {shown(odd[0])} {verb}")
    for name, shape in shapes.items():
        stored = found.arrays[name]
        if stored.shape != tuple(shape) or stored.dtype != np.float32:
            raise NstError(
                f"{name} is {stored.dtype} {shown(stored.shape)}, where float32 {tuple(shape)} is expected"
            )


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise NstError(f"{name} holds numbers that are not finite")
    return np.ascontiguousarray(array, np.float32)
