"""Looking into an HDF5 file without following it anywhere else.

HDF5 can make a file read other files: external and soft links, data kept in external storage, virtual data
sets put together from elsewhere, filters loaded as plugins. None of that occurs in weights, so only hard
links to plainly stored numbers pass.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator

import h5py
import numpy as np

from nst.errors import NstError
from nst.formats.contents import MAX_ARRAYS, Contents, byte_count, shown

MAX_DEPTH = 5
# Those compiled into HDF5 and h5py: deflate, shuffle, Fletcher's checksum, LZF. Others would be loaded as
# plugins.
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}


def member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return a member of a group if it lies in this very file."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise NstError(f"{shown(name)} is a {type(link).__name__}, which points elsewhere")
    return group[name]


def datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield `(path, dataset)` for everything below `group`, by hard links only.

    Hard links can form a circle, hence the limit on depth. Ten groups, each with many links to the next, make a
    tree without end; hence the limit on members, which counts each path.
    """
    yield from _walk(group, 0, itertools.count())


def _walk(group: h5py.Group, depth: int, seen: Iterator[int]) -> Iterator[tuple[str, h5py.Dataset]]:
    if depth > MAX_DEPTH:
        raise NstError("its groups are nested too deeply")
    for name in group:
        if next(seen) >= 2 * MAX_ARRAYS:
            raise NstError("its groups hold too many members")
        found = member(group, name)
        if isinstance(found, h5py.Group):
            for path, dataset in _walk(found, depth + 1, seen):
                yield f"{name}/{path}", dataset
        elif isinstance(found, h5py.Dataset):
            yield name, found
        else:
            raise NstError(f"{shown(name)} is neither a group nor a data set")


def add(contents: Contents, name: str, dataset: h5py.Dataset) -> None:
    """Note a data set after checking that its numbers lie in this file, without reading them."""
    # is_virtual comes first: asking a virtual data set for its shape may already open the files behind it.
    if dataset.is_virtual:
        raise NstError(f"the data set {shown(name)} is virtual: its numbers lie in other files")
    if dataset.external is not None:
        raise NstError(f"the data set {shown(name)} keeps its numbers in another file")
    if dataset.shape is None:
        raise NstError(f"the data set {shown(name)} is empty")
    contents.add(name, dataset.shape, dataset.dtype, lambda: _load(name, dataset))


def _load(name: str, dataset: h5py.Dataset) -> np.ndarray:
    """Read a data set whose shape and type were found right.

    Storage is checked only here, since only now the size of the whole is known to be reasonable: numbers that
    were never written would come back as zeros, and a chunk may be declared far larger than the array it
    belongs to.
    """
    whole = byte_count(dataset.shape, dataset.dtype)
    properties = dataset.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        if properties.get_filter(index)[0] not in FILTERS:
            raise NstError(f"the data set {shown(name)} is compressed by a filter that is not built in")
    stored = dataset.id.get_storage_size()
    if stored == 0 or (dataset.chunks is None and stored != whole):
        raise NstError(f"the data set {shown(name)} was not written in full")
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > max(2 * whole, 1 << 20):
        raise NstError(f"the data set {shown(name)} has chunks larger than itself")
    return dataset[...]


def root_text(path: str | os.PathLike, name: str) -> str:
    """Return a text attribute of the root of a file, or an empty string."""
    try:
        with h5py.File(path, "r") as file:
            return text(file, name)
    except NstError:
        return ""
    except Exception as error:  # whatever the library says about foreign bytes
        raise NstError(f"{path} is a damaged HDF5 file, perhaps cut short: download it again") from error


def text(root: h5py.Group, name: str) -> str:
    """Return a text attribute; h5py gives bytes or str depending on who wrote it."""
    if name not in root.attrs:
        return ""
    attribute = root.attrs.get_id(name)
    if attribute.shape != () or attribute.dtype.kind not in "SO" or attribute.dtype.itemsize > 65536:
        raise NstError(f"the attribute {name!r} is not text")
    value = root.attrs[name]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or len(value) > 65536:
        raise NstError(f"the attribute {name!r} is not text")
    return value


def triple(root: h5py.Group, name: str) -> tuple[float, float, float]:
    """Return an attribute of three finite numbers."""
    if name not in root.attrs:
        raise NstError(f"the attribute {name!r} is missing")
    attribute = root.attrs.get_id(name)
    if attribute.shape != (3,) or attribute.dtype.kind not in "fiu":
        raise NstError(f"the attribute {name!r} is not three numbers")
    values = np.asarray(root.attrs[name], np.float64)
    if not np.isfinite(values).all():
        raise NstError(f"the attribute {name!r} is not finite")
    return tuple(values.tolist())
