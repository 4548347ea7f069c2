"""MATLAB's MAT-file, version 5 (`save -v6` and `-v7`), read lazily and with every size checked.

`scipy.io.loadmat` reads whatever such a file declares: a cell array of two thousand million members in a file
of a hundred bytes takes all memory. Here a member costs at least the eight bytes of its tag, so a file cannot
declare more of them than it has room for, and numbers stay views until they are asked for.

The file is a header of 128 bytes and a sequence of elements. An element is a tag (type, number of bytes: two
uint32; or both in one uint32 and up to four bytes of data behind it), then data, then padding to eight bytes.
A variable is an element of type MATRIX, whose data are elements again: flags (its class), dimensions, name,
and by class

    cell     one MATRIX per member
    struct   length of a field name, all field names, then for each member one MATRIX per field
    char     the characters            numeric   the real part, in the smallest type that holds the values

in column-major order. With `-v7` each variable is an element COMPRESSED, a zlib stream of one MATRIX.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nst.errors import NstError
from nst.formats.contents import from_bytes, mapped, shown

MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, CHAR = 1, 2, 4
# Of element types, and of the classes that variables have (double and single; the integers are 8 to 15).
TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2",
}  # fmt: skip
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
MAX_DEPTH = 12
# Trained weights hardly compress; a stream that swells more than this is a bomb.
MAX_RATIO, FREE = 16, 16 << 20
PIECE = 1 << 20


@dataclass
class Matrix:
    """One variable or member: its class, dimensions, and members, fields or the element with its data."""

    kind: int
    shape: tuple[int, ...]
    cells: list[Matrix] = field(default_factory=list)
    fields: list[dict[str, Matrix]] = field(default_factory=list)
    data: tuple[int, memoryview] | None = None
    order: str = "<"

    @property
    def dtype(self) -> np.dtype:
        """The dtype of a numeric array; an object dtype for everything else, which no table accepts."""
        return np.dtype(CLASSES.get(self.kind, "O"))

    def array(self) -> np.ndarray:
        """Return the numbers of a numeric array in the dtype of its class."""
        if self.kind not in CLASSES or self.data is None or self.data[0] not in TYPES:
            raise NstError("a numeric array is expected where there is something else")
        stored = np.dtype(TYPES[self.data[0]]).newbyteorder(self.order)
        return from_bytes(self.data[1], self.shape, stored, "F").astype(self.dtype, copy=False)

    def text(self) -> str:
        """Return the characters of a char array, at most 200 of them."""
        if self.kind != CHAR or self.data is None:
            return ""
        wide = TYPES.get(self.data[0]) == "u2"
        encoding = ("utf-16-le" if self.order == "<" else "utf-16-be") if wide else "utf-8"
        return bytes(self.data[1][:400]).decode(encoding, "replace")[:200]


def variables(path: str | os.PathLike, wanted: tuple[str, ...]) -> Iterator[tuple[str, Matrix]]:
    """Yield `(name, value)` of those variables of a file that are asked for."""
    data = mapped(path)
    if len(data) < 128 or bytes(data[126:128]) not in (b"IM", b"MI"):
        raise NstError("it has no header of a MAT-file of version 5")
    order = "<" if data[126] == ord("I") else ">"
    for kind, body in _elements(data[128:], order):
        if kind == COMPRESSED:
            head = zlib.decompressobj().decompress(body, 4096)
            if _name(memoryview(head)[8:], order) not in wanted:
                continue
            kind, body = MATRIX, _inflate(body, order)
        if kind == MATRIX and (name := _name(body, order)) in wanted:
            yield name, _matrix(body, order, 0)


def _inflate(stream: memoryview, order: str) -> memoryview:
    """Decompress one variable to exactly the size that its tag declares, if that is a sane one."""
    tag = zlib.decompressobj().decompress(stream[:4096], 8)
    if len(tag) != 8:
        raise NstError("a compressed variable is cut short")
    kind, size = np.frombuffer(tag, f"{order}u4").tolist()
    if kind != MATRIX or size > MAX_RATIO * len(stream) + FREE:
        raise NstError(
            f"a compressed variable of {len(stream)} bytes declares {size}: that is no set of weights"
        )
    inflater, data = zlib.decompressobj(), bytearray()
    for start in range(0, len(stream), PIECE):
        data += inflater.decompress(stream[start : start + PIECE], 8 + size - len(data))
        if len(data) == 8 + size:
            return memoryview(data)[8:]
    raise NstError("a compressed variable is cut short")


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield `(type, bytes)` for each element; a length is compared with what is left."""
    position = 0
    while position + 8 <= len(data):
        first, second = np.frombuffer(data[position : position + 8], f"{order}u4").tolist()
        small = first >> 16
        kind, size, start = (first & 0xFFFF, small, position + 4) if small else (first, second, position + 8)
        if (small > 4) or size > len(data) - start:
            raise NstError(f"an element declares {size} bytes, {len(data) - start} are left: it is cut short")
        yield kind, data[start : start + size]
        position = start + size
        if kind != COMPRESSED:
            position += -position % 8


def _header(
    body: memoryview, order: str
) -> tuple[int, tuple[int, ...], str, Iterator[tuple[int, memoryview]]]:
    """Return class, dimensions, name and the iterator over the elements that follow."""
    elements = _elements(body, order)
    flags, shape, name = (data for _, data in (next(elements), next(elements), next(elements)))
    if len(flags) != 8 or len(shape) % 4 or len(shape) > 32:
        raise NstError("the header of a variable makes no sense")
    word = int(np.frombuffer(flags, f"{order}u4")[0])
    if word & 0x800:
        raise NstError("it holds complex numbers")
    dimensions = tuple(np.frombuffer(shape, f"{order}i4").tolist())
    if any(n < 0 for n in dimensions):
        raise NstError("a variable has a negative size")
    return word & 0xFF, dimensions, bytes(name[:64]).decode("latin-1"), elements


def _name(body: memoryview, order: str) -> str:
    """Return the name of a variable from its first bytes."""
    elements = _elements(body, order)
    try:
        return bytes([data for _, data in (next(elements), next(elements), next(elements))][2][:64]).decode(
            "latin-1"
        )
    except StopIteration:
        raise NstError("a variable is cut short") from None


def _matrix(body: memoryview, order: str, depth: int) -> Matrix:
    if depth > MAX_DEPTH:
        raise NstError("its variables are nested too deeply")
    if not len(body):  # MATLAB's way to write an empty member
        return Matrix(CHAR, (0, 0))
    kind, shape, _, elements = _header(body, order)
    found = Matrix(kind, shape, order=order)
    count = math.prod(shape)
    if kind == CELL:
        _room(count, body)
        found.cells = [_matrix(_next(elements), order, depth + 1) for _ in range(count)]
    elif kind == STRUCT:
        names = _field_names(elements, order)
        _room(count * len(names), body)
        if names:
            found.fields = [
                {n: _matrix(_next(elements), order, depth + 1) for n in names} for _ in range(count)
            ]
    else:
        found.data = next(elements, None)
    return found


def _room(members: int, body: memoryview) -> None:
    if 8 * members > len(body):
        raise NstError(f"a variable of {len(body)} bytes declares {members} members")


def _next(elements: Iterator[tuple[int, memoryview]]) -> memoryview:
    kind, body = next(elements, (0, memoryview(b"")))
    if kind != MATRIX:
        raise NstError("a member of a variable is missing: it is cut short")
    return body


def _field_names(elements: Iterator[tuple[int, memoryview]], order: str) -> list[str]:
    width = int(np.frombuffer(next(elements)[1], f"{order}i4")[0])
    names = bytes(next(elements)[1])
    if not 0 < width <= 64 or len(names) % width or len(names) > 64 * 1000:
        raise NstError("the field names of a struct make no sense")
    found = [names[i : i + width].split(b"\0")[0].decode("latin-1") for i in range(0, len(names), width)]
    if len(set(found)) != len(found):
        raise NstError(f"a struct has two fields of the same name among {shown(found)}")
    return found
