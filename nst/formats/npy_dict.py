"""`vgg19.npy`: a NumPy file whose single object is a dictionary `{"conv1_1": [kernel, bias], ...}`, pickled.

NumPy itself reads such a file only by executing the pickle. Here the pickle goes to our own unpickler with
the five names that pickled arrays consist of; an array's bytes stay in the file until they are asked for.
Kernels are `(kh, kw, in, out)`, channels BGR, as the converters from Caffe wrote them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.contents import CAFFE, Contents, from_bytes, mapped, shown
from nst.formats.unpickler import Allowed, Buildable, Unpickler, ordered_dict
from nst.npy import MAX_HEADER, read_header


class PickledType(Buildable):
    """Stands for `numpy.dtype`; only floats, integers and Python objects exist."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[fiuObV]\d{0,2}", code):
            raise NstError("an array in its pickle has a type that no weights need")
        self.dtype = np.dtype(code)

    def build(self, state: object) -> None:
        """Take the byte order, the second entry of NumPy's state."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise NstError("the type of an array in its pickle is malformed")
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray(Buildable):
    """Stands for `numpy.ndarray`: `_reconstruct` makes an empty one, BUILD supplies everything."""

    def __init__(self, *_: object) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype(object)
        self.order = "C"
        self.data: object = b""

    def build(self, state: object) -> None:
        """Take `(version, shape, type, is Fortran's order, data)`."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise NstError("an array in its pickle is malformed")
        _, shape, kind, fortran, data = state
        if (
            not isinstance(shape, tuple)
            or not all(type(n) is int and 0 <= n < 1 << 62 for n in shape)
            or len(shape) > 8
        ):
            raise NstError("an array in its pickle has no proper shape")
        if not isinstance(kind, PickledType):
            raise NstError("an array in its pickle has no proper type")
        self.shape, self.dtype, self.order, self.data = shape, kind.dtype, "F" if fortran else "C", data

    def array(self) -> np.ndarray:
        """Return the numbers, a view of the file where it can be one."""
        data = self.data
        if isinstance(data, str):  # Python 2 had one type for text and bytes
            data = data.encode("latin-1")
        if not isinstance(data, (bytes, memoryview)):
            raise NstError("an array in its pickle holds no numbers")
        return from_bytes(data, self.shape, self.dtype, self.order)


def _encode(text: object, encoding: object = "latin-1") -> str:
    """Stand for `_codecs.encode`, by which Python 3 writes bytes in old protocols.

    The text stays as it is until its array is asked for: a pickle may name one text a thousand times.
    """
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise NstError("its pickle encodes text in a way that no weights need")
    return text


NAMES = {
    ("collections", "OrderedDict"): Allowed(ordered_dict),
    ("_codecs", "encode"): Allowed(_encode),
    ("numpy", "dtype"): Allowed(PickledType),
    ("numpy", "ndarray"): Allowed(PickledArray),
    ("numpy.core.multiarray", "_reconstruct"): Allowed(PickledArray),
    ("numpy._core.multiarray", "_reconstruct"): Allowed(PickledArray),
}


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a pickled dictionary of layers and list its arrays as `conv1_1.weight`."""
    data = mapped(path)
    shape, _, dtype, start = read_header(io.BytesIO(bytes(data[: MAX_HEADER + 12])))
    if shape != () or not dtype.hasobject:
        raise NstError(
            f"it holds one array of type {dtype} and shape {shown(shape)}, not the layers of a network"
        )
    value = Unpickler(data[start:], NAMES).load()
    if isinstance(value, PickledArray) and isinstance(value.data, list) and len(value.data) == 1:
        value = value.data[0]
    if not isinstance(value, dict):
        raise NstError("its pickle is no dictionary of layers")
    found = Contents("HWIO", CAFFE)
    for layer, arrays in value.items():
        _add_layer(found, layer, arrays)
    yield found


def _add_layer(found: Contents, layer: object, arrays: object) -> None:
    """Note the arrays of a layer: `[kernel, bias]`, or `{"weights": kernel, "biases": bias}`."""
    if isinstance(arrays, dict) and set(arrays) == {"weights", "biases"}:
        arrays = [arrays["weights"], arrays["biases"]]
    if not isinstance(arrays, (list, tuple)) or len(arrays) != 2:
        raise NstError(f"the layer {shown(layer)} is not a pair of kernel and bias")
    for part, array in zip(("weight", "bias"), arrays, strict=True):
        if not isinstance(array, PickledArray):
            raise NstError(f"the {part} of the layer {shown(layer)} is no array")
        found.add(f"{layer}.{part}", array.shape, array.dtype, array.array)
