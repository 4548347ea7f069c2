"""NumPy's `.npy`, whose header is checked before anything is believed.

\\x93NUMPY, two bytes of version, the length of the header (two bytes in version 1, four later), then a Python
dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 3)} as text
"""

from __future__ import annotations

import ast
import math
import re
from typing import BinaryIO

import numpy as np

from nst.errors import NstError

MAX_HEADER = 4096
PIECE = 1 << 20  # bytes read at once


def read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, whether the order is Fortran's, dtype, and the position at which the numbers begin.

    The text is parsed as a literal and never evaluated; only simple types are accepted.
    """
    start = stream.read(8)
    if len(start) != 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise NstError("there is no NumPy header where one is expected")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > MAX_HEADER:
        raise NstError(f"a NumPy header declares {length} bytes of text")
    text = stream.read(length)
    if len(text) != length:
        raise NstError("a NumPy header is cut short")
    header = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise NstError("a NumPy header has other entries than it should")
    shape, descr = header["shape"], header["descr"]
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(n) is int and n >= 0 for n in shape):
        raise NstError("the shape in a NumPy header is no shape")
    if not isinstance(descr, str) or not re.fullmatch(r"[<>|=]?[?a-zA-Z]\d{0,2}", descr):
        raise NstError("the dtype in a NumPy header is no simple one")
    return shape, header["fortran_order"] is True, np.dtype(descr), 8 + width + length


def read_array(stream: BinaryIO, length: int) -> np.ndarray:
    """Return the array that the next `length` bytes of a stream hold, header included.

    Memory is taken only after the header agrees with the length, and once: there is no second copy.

    Raises
    ------
    NstError
        When they disagree, or when the array is one of objects.
    """
    shape, fortran, dtype, start = read_header(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != length - start:
        raise NstError(f"its header claims {dtype} {shape}, but it holds {length - start} bytes")
    array = np.empty(shape, dtype, "F" if fortran else "C")
    flat = array.ravel("K").view(np.uint8) if array.size else np.empty(0, np.uint8)
    for at in range(0, len(flat), PIECE):
        piece = stream.read(min(PIECE, len(flat) - at))
        if len(piece) != min(PIECE, len(flat) - at):
            raise NstError("its bytes end too early")
        flat[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
    return array
