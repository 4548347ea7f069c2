"""`.safetensors`: eight bytes with the length of a JSON header, the header, then raw little-endian numbers.

    {"features.0.weight": {"dtype": "F32", "shape": [64, 3, 3, 3], "data_offsets": [0, 6912]}, ...}

The offsets of all arrays together must cover the rest of the file exactly once: no overlap, no gap, nothing
behind.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.contents import Contents, byte_count, from_bytes, mapped, shown

MAX_HEADER = 1 << 20
TYPES = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I8": "i1",
    "U8": "u1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
}


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a safetensors file and list its arrays under their own names."""
    data = mapped(path)
    length = int.from_bytes(data[:8], "little")
    if length > min(MAX_HEADER, len(data) - 8):
        raise NstError(f"its header declares {length} bytes, which are too many or not there")
    header = json.loads(bytes(data[8 : 8 + length]).decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise NstError("its header is no JSON object")
    header.pop("__metadata__", None)
    body = data[8 + length :]
    found, pieces = Contents("OIHW"), []
    for name, entry in header.items():
        shape, dtype, begin, end = _entry(name, entry)
        pieces.append((begin, end, name))
        found.add(name, shape, dtype, lambda b=begin, e=end, s=shape, d=dtype: from_bytes(body[b:e], s, d))
    position = 0
    for begin, end, name in sorted(pieces):
        if begin != position or end > len(body):
            raise NstError(f"the array {shown(name)} overlaps another, leaves a gap or ends behind the file")
        position = end
    if position != len(body):
        raise NstError(f"{len(body) - position} bytes belong to no array")
    yield found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NstError("a name is there twice in its header")
    return found


def _entry(name: str, entry: object) -> tuple[tuple[int, ...], np.dtype, int, int]:
    """Return shape, dtype, begin and end of one array after checking that they agree."""
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
        raise NstError(f"the array {shown(name)} lacks its dtype, shape or place")
    shape, place = entry["shape"], entry["data_offsets"]
    numbers = [*shape, *place] if isinstance(shape, list) and isinstance(place, list) else [None]
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) or len(shape) > 8 or len(place) != 2:
        raise NstError(f"the array {shown(name)} has no proper shape or place")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in TYPES:
        raise NstError(f"the array {shown(name)} is of type {shown(entry['dtype'])}, which is not read")
    dtype = np.dtype(TYPES[entry["dtype"]])
    if place[1] - place[0] != byte_count(tuple(shape), dtype):
        raise NstError(
            f"the array {shown(name)} has a place of another size than its shape {shown(shape)} needs"
        )
    return tuple(shape), dtype, place[0], place[1]
