"""PyTorch's `.pth`, both containers, without PyTorch.

zip (since 1.6)
    `<name>/data.pkl` is a pickle of the state dictionary; each storage is a member `<name>/data/<key>` of raw
    bytes.
legacy
    Five pickles in a row: a magic number, the protocol, facts about the writing machine, the state
    dictionary, the list of storage keys. Then for each key the number of its elements in eight bytes and the
    raw bytes.

A tensor is a view of a storage: offset, sizes and strides, in elements. Kernels are `(out, in, kh, kw)`.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.formats.contents import Contents, byte_count, mapped, shown
from nst.formats.unpickler import Allowed, Unpickler, ordered_dict

MAX_PICKLE = 1 << 20
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file, named by a key."""

    dtype: np.dtype
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, raw: memoryview) -> np.ndarray:
        """Return the tensor over the bytes of its storage, of which it must not leave the bounds."""
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if 0 in self.shape or last >= self.storage.count:
            raise NstError("a tensor reaches beyond its storage")
        flat = np.frombuffer(raw, self.storage.dtype)[self.offset : last + 1]
        strides = tuple(s * self.storage.dtype.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)


@contextlib.contextmanager
def zip_contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a zip `.pth` and list its tensors under their own names."""
    data = mapped(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len({info.filename for info in members}) != len(members):
            raise NstError("two members of the archive have the same name")
        found = {info.filename: info for info in members}
        pickles = [name for name in found if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1 or found[pickles[0]].file_size > MAX_PICKLE:
            raise NstError(f"it must hold one pickle of at most {MAX_PICKLE} bytes")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in found and bytes(_member(data, found[f"{folder}byteorder"])) != b"little":
            raise NstError("its numbers are stored big-endian")

        def raw(storage: Storage) -> memoryview:
            info = found.get(f"{folder}data/{storage.key}")
            if info is None:
                raise NstError(f"the storage {shown(storage.key)} is missing")
            return _member(data, info)

        state = Unpickler(_member(data, found[pickles[0]]), NAMES, _storage).load()
        yield _contents(state, raw)


def _member(data: memoryview, info: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of a stored member in place; PyTorch never compresses."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise NstError(
            f"the member {shown(info.filename)} is compressed or encrypted, as PyTorch never writes it"
        )
    local = data[info.header_offset : info.header_offset + 30]
    if len(local) != 30 or bytes(local[:4]) != b"PK\x03\x04":
        raise NstError(f"the member {shown(info.filename)} is not where the archive says")
    start = (
        info.header_offset
        + 30
        + int.from_bytes(local[26:28], "little")
        + int.from_bytes(local[28:30], "little")
    )
    if info.file_size != info.compress_size or info.file_size > len(data) - start:
        raise NstError(f"the member {shown(info.filename)} declares more bytes than there are")
    return data[start : start + info.file_size]


@contextlib.contextmanager
def legacy_contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a legacy `.pth` and list its tensors under their own names."""
    data = mapped(path)
    position, values = 0, []
    for _ in range(5):
        machine = Unpickler(data[position : position + MAX_PICKLE], NAMES, _storage)
        values.append(machine.load())
        position += machine.position
    magic, protocol, machine_facts, state, keys = values
    if magic != MAGIC or protocol != PROTOCOL or not isinstance(keys, list):
        raise NstError("it does not follow the protocol 1001 of PyTorch's legacy files")
    if isinstance(machine_facts, dict) and machine_facts.get("little_endian") is False:
        raise NstError("its numbers are stored big-endian")
    places = _legacy_places(data, position, keys, _tensors(state))

    def raw(storage: Storage) -> memoryview:
        if storage.key not in places:
            raise NstError(f"the storage {shown(storage.key)} is missing")
        return places[storage.key]

    yield _contents(state, raw)


def _legacy_places(
    data: memoryview, position: int, keys: list[object], tensors: dict[str, Tensor]
) -> dict[str, memoryview]:
    """Return the bytes of each storage; they follow one another in the order of `keys`."""
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    places: dict[str, memoryview] = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages or key in places:
            raise NstError(
                f"its list of storages names {shown(key)[:80]}, which no tensor uses, or names it twice"
            )
        count = int.from_bytes(data[position : position + 8], "little", signed=True)
        size = count * storages[key].dtype.itemsize
        position += 8
        if count != storages[key].count or size > len(data) - position:
            raise NstError(
                f"the storage {shown(key)} declares {count} numbers that are not there: it is cut short"
            )
        places[key] = data[position : position + size]
        position += size
    return places


def _tensors(state: object) -> dict[str, Tensor]:
    if not isinstance(state, dict):
        raise NstError(f"it holds a {type(state).__name__} instead of a dictionary of tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise NstError(f"the entry {shown(name)} is not a tensor: save the state dictionary alone")
    return state


def _contents(state: object, raw: Callable[[Storage], memoryview]) -> Contents:
    found = Contents("OIHW")
    for name, tensor in _tensors(state).items():

        def load(tensor: Tensor = tensor) -> np.ndarray:
            data = raw(tensor.storage)
            if len(data) != byte_count((tensor.storage.count,), tensor.storage.dtype):
                raise NstError(f"the storage {shown(tensor.storage.key)} has another size than declared")
            return tensor.array(data)

        found.add(name, tensor.shape, tensor.storage.dtype, load)
    return found


def _storage(identifier: object) -> Storage:
    """Stand for `persistent_load`: `("storage", type, key, location, count)`, in legacy files also None."""
    if not isinstance(identifier, tuple) or len(identifier) not in (5, 6) or identifier[0] != "storage":
        raise NstError("its pickle refers to something other than a storage")
    _, kind, key, _, count = identifier[:5]
    known = isinstance(kind, Allowed) and isinstance(kind.value, np.dtype)
    if (
        not known
        or not isinstance(key, str)
        or not _naturals((count,))
        or identifier[5:] not in ((), (None,))
    ):
        raise NstError("a storage in its pickle is malformed")
    return Storage(kind.value, key, count)


def _naturals(values: object) -> bool:
    return isinstance(values, tuple) and all(type(n) is int and 0 <= n < 1 << 62 for n in values)


def _rebuild_tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> Tensor:
    """Stand for `torch._utils._rebuild_tensor` and `_v2`, whose further arguments concern gradients."""
    plain = isinstance(storage, Storage) and _naturals((offset,)) and _naturals(shape) and _naturals(strides)
    if not plain or len(shape) != len(strides) or len(shape) > 8:
        raise NstError("a tensor in its pickle is malformed")
    return Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: object, *_: object) -> object:
    """Stand for `torch._utils._rebuild_parameter`: a parameter is its tensor."""
    return tensor


def _refuse(*_: object) -> object:
    raise NstError("its pickle calls a storage type, which no weights need")


NAMES = {
    ("collections", "OrderedDict"): Allowed(ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Allowed(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Allowed(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Allowed(_rebuild_parameter),
    **{("torch", name): Allowed(_refuse, np.dtype(code)) for name, code in STORAGES.items()},
}
