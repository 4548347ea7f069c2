"""What makes layers fast: the same functions in several modules, one of which `of` chooses by device and dtype.

`reference` (NumPy) is the definition and takes any dtype. `cpu` (numba) is the fast one for float32, and `cuda` (numba)
the one for arrays on a card. A layer asks `of` with the array that it is given, and calls the same functions of
whichever module it gets. The environment variable `NST_KERNELS=reference` forces the definition, but for arrays on a
card.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from nst.kernels import reference

FORCED = os.environ.get("NST_KERNELS")
FLOAT32 = np.dtype(np.float32)


def of(array: Any) -> ModuleType:
    """Return the module whose functions compute with an array: where it lies, in its dtype."""
    return _cuda() if getattr(array, "device", "cpu") == "cuda" else select(array.dtype)


def select(dtype: np.dtype | type) -> ModuleType:
    """Return the module whose functions compute in `dtype`: `cpu` for float32, `reference` for everything else."""
    return reference if np.dtype(dtype) != FLOAT32 or FORCED == "reference" else _fast()


@cache
def _fast() -> ModuleType:
    from nst.kernels import cpu  # when it is first needed: numba takes a moment, and float64 never needs it

    return cpu


@cache
def _cuda() -> ModuleType:
    from nst.kernels import cuda

    return cuda


def no_card() -> str | None:
    """Return in a few words why arrays cannot be put on a card here, or None when they can."""
    try:
        from nst.kernels import cuda_device
    except ImportError:
        return "numba has no CUDA here: pip install 'nst[cuda12]'"
    return cuda_device.unavailable()


def card_lacks(precision: str) -> str | None:
    """Return in a few words why the card cannot multiply in a precision, or None when it can."""
    return _cuda().lacks(precision)


def card_name() -> str:
    """Return the name of the card, where there is one."""
    return _cuda().name()


def card_memory() -> tuple[int, int]:
    """Return how many bytes of the card's memory are free, and how many it has."""
    return _cuda().memory_info()


def card_held() -> int:
    """Return how many bytes of the card this process has taken."""
    return _cuda().pool.held


def give_back() -> None:
    """Give to the card what this process has taken of it and does not use."""
    _cuda().pool.release()


def synchronize() -> None:
    """Wait until all that was asked of the card is done: for stopwatches."""
    _cuda().synchronize()


def bound_card(memory: int | None, precision: str) -> None:
    """Let arrays on the card take no more than `memory` bytes; let products there have factors of this precision."""
    _cuda().bound(memory, precision)


def put(array: np.ndarray, device: str) -> Any:
    """Return an array on a device, "cpu" or "cuda": itself where it lies there, a float32 copy where it does not."""
    return to_host(array) if device == "cpu" else _cuda().put(array)


def beside(array: np.ndarray, other: Any) -> Any:
    """Return an array where another lies."""
    return put(array, getattr(other, "device", "cpu"))


def to_host(array: Any) -> np.ndarray:
    """Return an array as one of NumPy's: itself, unless it lies on a card."""
    return array if isinstance(array, np.ndarray) else _cuda().to_host(array)
