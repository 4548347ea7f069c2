"""Caffe's `.caffemodel`: a protocol buffer `NetParameter`, read without its schema.

    NetParameter       name = 1, layers = 2 (V1LayerParameter), layer = 100 (LayerParameter)
    V1LayerParameter   name = 4, type = 5, blobs = 6
    LayerParameter     name = 1, type = 2, blobs = 7
    BlobProto          num, channels, height, width = 1..4 (older), data = 5 (packed float), diff = 6,
                       shape = 7 {dim = 1}, double_data = 8 (packed double)

Kernels are `(out, in, kh, kw)`; older blobs have four dimensions whatever they hold, filled up with leading
ones. A blob's first is the weight, its second the bias.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.contents import CAFFE, Contents, from_bytes, mapped, shown
from nst.formats.wire import BYTES, VARINT, fields, varint, varints

# Of a layer, by the field of NetParameter that holds it: the numbers of its name and of its blobs.
LAYER_FIELDS = {2: (4, 6), 100: (1, 7)}
MAX_DIMENSIONS = 8


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a Caffe model and list its arrays as `conv1_1.weight`."""
    found = Contents("OIHW", CAFFE)
    for number, kind, layer in fields(mapped(path)):
        if number in LAYER_FIELDS and kind == BYTES:
            _add_layer(found, layer, *LAYER_FIELDS[number])
    yield found


def plausible(head: bytes) -> bool:
    """Return whether a file with this beginning can be a `NetParameter`, which has no magic number.

    It begins with its name, a short printable string, and then a layer or an input; or right away with a
    layer.
    """
    following = rb"[\x12\x1a\x20\x28\x30\x42]|\xa2\x06"
    if head[:1] != b"\x0a":
        return (
            re.match(
                rb"\x12[\x80-\xff]*.[\x0a\x12\x1a\x22\x28\x32]|\xa2\x06[\x80-\xff]*.\x0a", head, re.DOTALL
            )
            is not None
        )
    try:
        length, start = varint(memoryview(head), 1)
    except NstError:
        return False
    name = head[start : start + length]
    return len(name) == length and name.isascii() and re.match(following, head[start + length :]) is not None


def _add_layer(found: Contents, layer: memoryview, name_field: int, blobs_field: int) -> None:
    name, blobs = "", []
    for number, kind, value in fields(layer):
        if number == name_field and kind == BYTES:
            name = bytes(value[:200]).decode("utf-8", "replace")
        elif number == blobs_field and kind == BYTES:
            blobs.append(value)
        if len(blobs) > 2:
            raise NstError(f"the layer {shown(name)} has more arrays than a weight and a bias")
    for part, blob in zip(("weight", "bias"), blobs, strict=False):
        _add_blob(found, f"{name}.{part}", blob)


def _add_blob(found: Contents, name: str, blob: memoryview) -> None:
    """Note one blob; nothing of its data is touched."""
    older, newer, data = [0, 0, 0, 0], None, None
    for number, kind, value in fields(blob):
        if 1 <= number <= 4 and kind == VARINT:
            older[number - 1] = value
        elif number == 7 and kind == BYTES:
            newer = _dimensions(value)
        elif number in (5, 8):
            if data is not None or kind != BYTES:
                raise NstError(f"the array {shown(name)} is not stored in one packed piece")
            data = np.dtype("<f4" if number == 5 else "<f8"), value
    if data is None:
        raise NstError(f"the array {shown(name)} holds no numbers")
    shape = older if newer is None else newer
    while len(shape) > 1 and shape[0] == 1:  # (1, 1, 1, 64) is a bias of 64
        shape = shape[1:]
    dtype, values = data
    found.add(name, tuple(shape), dtype, lambda: from_bytes(values, tuple(shape), dtype))


def _dimensions(shape: memoryview) -> list[int]:
    found: list[int] = []
    for number, kind, value in fields(shape):
        if number == 1:
            found += varints(value[: 10 * MAX_DIMENSIONS]) if kind == BYTES else [value]
        if len(found) > MAX_DIMENSIONS:
            raise NstError(f"an array has more than {MAX_DIMENSIONS} dimensions")
    return found
