"""An array on the card, for which engine, losses and optimisers are the same lines as for NumPy's.

NumPy asks objects that are not its own what `np.add` and the like mean for them (its enhancement proposals 13 and 18).
So the few operations that are asked of whole arrays, sums, multiples, cuts, have kernels of ours behind them, and
nothing above the kernels need know where an array lies. What is not among them is refused: nothing goes to the host and
back unseen. CuPy would do all of this and more, but cannot be run without a card, and so could not be tested here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from nst.kernels import cuda_arithmetic as arithmetic
from nst.kernels.cuda_device import Room, blocks_for, pool, stream

FLOAT32 = np.dtype(np.float32)


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Numbers on the card: flat, without gaps, read as an array of some shape.

    Parameters
    ----------
    shape : tuple of int
    dtype
        float32 wherever it takes part in arithmetic; masks are of bytes.
    room
        Where its numbers are, if not in memory of its own, which then holds anything.

    Attributes
    ----------
    data
        The flat array as numba knows it: what kernels are given. It is this array's only as long as somebody knows the
        array itself, so one must not be made for a launch and forgotten before it.
    device : str
        "cuda".
    """

    device = "cuda"

    def __init__(self, shape: tuple[int, ...], dtype: Any = FLOAT32, room: Room | None = None) -> None:
        self.shape, self.dtype = tuple(map(int, shape)), np.dtype(dtype)
        self.size, self.ndim = math.prod(self.shape), len(self.shape)
        self.nbytes = self.size * self.dtype.itemsize
        self.room = Room(pool, self.size, self.dtype) if room is None else room
        self.data, self.writeable = self.room.data, True

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray({self.shape}, {self.dtype})"

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("this array is on the card: nst.kernels.to_host brings it back")

    def reshape(self, *shape: Any) -> DeviceArray:
        """Return the same numbers under another shape."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in shape:
            known = -math.prod(shape)
            shape = tuple(self.size // known if length == -1 else length for length in shape)
        if math.prod(shape) != self.size:
            raise ValueError(f"{self.size} numbers have not the shape {shape}")
        return DeviceArray(shape, self.dtype, self.room)

    def view(self) -> DeviceArray:
        """Return another array of the same numbers."""
        return self.reshape(self.shape)

    def setflags(self, write: bool) -> None:
        """Say whether this array may be written into."""
        self.writeable = write

    def copy(self, order: str = "C") -> DeviceArray:
        """Return a copy."""
        return self._affine(1, 0)

    def astype(self, dtype: Any, order: str = "C", copy: bool = True) -> DeviceArray:
        """Return the array in its own dtype: another is refused."""
        if np.dtype(dtype) != self.dtype:
            raise TypeError(f"an array of {self.dtype} on the card stays one, and does not become {dtype}")
        return self.copy() if copy else self

    def fill(self, value: float) -> None:
        """Put one number everywhere."""
        self._check_writeable()
        self._check_float()
        arithmetic.fill.over(self.size, self.data, value, self.size)

    def max(self, initial: float) -> float:
        """Return the largest number, or `initial` if that is larger; NaN if there is one."""
        return float(np.maximum(self._extremes()[1], initial))

    def min(self, initial: float) -> float:
        """Return the least number, or `initial` if that is less; NaN if there is one."""
        return float(np.minimum(self._extremes()[0], initial))

    def __getitem__(self, key: Any) -> DeviceArray:
        """Return a copy of a box of pixels, `x[:, top:bottom, left:right]`; or `x[None]`, the same numbers."""
        if key is None:
            return self.reshape(1, *self.shape)
        (n, height, width, channels), rows, columns = self._box(key)
        self._check_float()
        if (len(rows), len(columns)) == (height, width):
            return self.copy()
        found = DeviceArray((n, len(rows), len(columns), channels))
        here, there = (height, width, rows.start, columns.start), (len(rows), len(columns), 0, 0)
        size = (len(rows), len(columns), channels, found.size)
        arithmetic.box.over(found.size, self.data, *here, found.data, *there, *size)
        return found

    def __setitem__(self, key: Any, value: DeviceArray) -> None:
        """Put an array into a box of pixels."""
        self._check_writeable()
        (n, height, width, channels), rows, columns = self._box(key)
        if value.shape != (n, len(rows), len(columns), channels):
            raise ValueError(f"an array of shape {value.shape} does not fill {key} of {self.shape}")
        self._check_float()
        here, there = (height, width, rows.start, columns.start), (len(rows), len(columns), 0, 0)
        size = (len(rows), len(columns), channels, value.size)
        arithmetic.box.over(value.size, value.data, *there, self.data, *here, *size)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **how: Any) -> Any:
        """Do what NumPy's operator would; those that are not known here are a TypeError."""
        how.pop("order", None)
        if method != "__call__" or ufunc not in _UFUNCS or how:
            return NotImplemented
        if not all(isinstance(one, (DeviceArray, Real)) for one in inputs):
            return NotImplemented
        return _UFUNCS[ufunc](*inputs, out=out[0] if out else None)

    def __array_function__(self, function: Callable, types: Any, args: tuple, how: dict) -> Any:
        """Do the same for those of NumPy's functions that are known here."""
        return _FUNCTIONS[function](*args, **how) if function in _FUNCTIONS else NotImplemented

    def _affine(self, scale: float, shift: float, out: DeviceArray | None = None) -> DeviceArray:
        out = _target(self, out)
        self._check_float()
        arithmetic.affine.over(self.size, self.data, scale, shift, out.data, self.size)
        return out

    def _linear(
        self, scale: float, other: DeviceArray, factor: float, out: DeviceArray | None
    ) -> DeviceArray:
        if other.shape != self.shape:
            raise ValueError(f"shapes {self.shape} and {other.shape} differ")
        out = _target(self, out)
        arithmetic.linear.over(self.size, self.data, scale, other.data, factor, out.data, self.size)
        return out

    def _extremes(self) -> tuple[float, float]:
        if not self.size:
            return math.inf, -math.inf
        blocks = blocks_for(self.size)
        partial = DeviceArray((blocks, 2))
        arithmetic.extremes.over(self.size, self.data, partial.data, self.size)
        found = to_host(partial)
        return found[:, 0].min(), found[:, 1].max()

    def _box(self, key: Any) -> tuple[tuple[int, ...], range, range]:
        """Return the shape, and the rows and the columns that a key stands for."""
        key = key if isinstance(key, tuple) else (key,)
        if self.ndim != 4 or not all(isinstance(one, slice) for one in key):
            raise TypeError(f"from {self.shape} on the card only boxes of pixels are cut, not {key}")
        n, rows, columns, channels = (
            range(length)[one]
            for length, one in zip(self.shape, (*key, *[slice(None)] * (4 - len(key))), strict=True)
        )
        if len(n) != self.shape[0] or len(channels) != self.shape[3] or rows.step != 1 or columns.step != 1:
            raise TypeError(f"from {self.shape} on the card only boxes of pixels are cut, not {key}")
        return self.shape, rows, columns

    def _check_float(self) -> None:
        """Kernels have one signature, and what they are given is not looked at."""
        if self.dtype != FLOAT32:
            raise TypeError(f"arithmetic on the card is float32, and not {self.dtype}")

    def _check_writeable(self) -> None:
        if not self.writeable:
            raise ValueError("this array is for reading")


def _target(like: DeviceArray, out: DeviceArray | None) -> DeviceArray:
    if out is None:
        return DeviceArray(like.shape)
    out._check_writeable()
    if out.shape != like.shape:
        raise ValueError(f"an array of shape {out.shape} cannot hold one of {like.shape}")
    return out


def _add(a: Any, b: Any, out: DeviceArray | None, sign: int = 1) -> DeviceArray:
    if not isinstance(a, DeviceArray):
        return b._affine(sign, a, out)
    return a._linear(1, b, sign, out) if isinstance(b, DeviceArray) else a._affine(1, sign * b, out)


def _subtract(a: Any, b: Any, out: DeviceArray | None) -> DeviceArray:
    return _add(a, b, out, -1)


def _multiply(a: Any, b: Any, out: DeviceArray | None) -> Any:
    x, scale = (a, b) if isinstance(a, DeviceArray) else (b, a)
    return NotImplemented if isinstance(scale, DeviceArray) else x._affine(scale, 0, out)


def _divide(a: Any, b: Any, out: DeviceArray | None) -> Any:
    return NotImplemented if isinstance(b, DeviceArray) else a._affine(1 / b, 0, out)


def _negative(a: DeviceArray, out: DeviceArray | None) -> DeviceArray:
    return a._affine(-1, 0, out)


def zeros_like(x: DeviceArray, dtype: Any = None, order: str = "C") -> DeviceArray:
    """Return an array of zeros like another."""
    found = DeviceArray(x.shape, x.dtype if dtype is None else dtype)
    found.fill(0)
    return found


def _array_equal(a: DeviceArray, b: DeviceArray) -> bool:
    return a.shape == b.shape and (a - b)._extremes() == (0, 0)


_UFUNCS = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
}
_FUNCTIONS = {np.zeros_like: zeros_like, np.array_equal: _array_equal}


def put(array: np.ndarray | DeviceArray) -> DeviceArray:
    """Return a copy of an array on the card, floats as float32; one that is there already as it is."""
    if isinstance(array, DeviceArray):
        return array
    array = np.asarray(array)
    array = np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else array.dtype)
    found = DeviceArray(array.shape, array.dtype)
    if array.size:
        found.data.copy_to_device(array.reshape(-1), stream=stream())
        stream().synchronize()  # the array may be gone, or another, before a copy that goes on by itself is done
    return found


def to_host(array: np.ndarray | DeviceArray) -> np.ndarray:
    """Return a copy of an array of the card; one of the host as it is."""
    if not isinstance(array, DeviceArray):
        return array
    if not array.size:
        return np.empty(array.shape, array.dtype)
    found = array.data.copy_to_host(stream=stream())
    stream().synchronize()
    return found.reshape(array.shape)
