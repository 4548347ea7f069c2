"""Memory for large arrays that is used again and again.

What the C library gives for a large array are pages fresh from the system, which zeroes each of them when it is first
touched and takes it back when the array dies. A forward and a backward pass make some hundred megabytes of arrays each
time: a tenth of their duration would go into zeroing. So arrays here come from one range of addresses which the process
keeps: reserved once, as large as the machine's memory, and backed by real pages only as far as it has been used.

An array gets the lowest gap that it fits into (first fit by address), cut to whole pages; when it and all its views
have died, its pages join the gaps beside them. The arrays of a walk through a network live and die like plates on a
stack, so that they stay packed at the low end, and what the process holds is little more than what it needed at once.
"""

from __future__ import annotations

import bisect
import contextlib
import math
import mmap
import os
import platform
import threading
from collections import deque
from typing import Any

import numpy as np

PAGE = 4096
SMALL = 1 << 16  # bytes; below, the C library's own recycling is the better one

_NORESERVE = (
    0x4000  # `MAP_NORESERVE` of these machines; Python's own name for it is younger than we may ask for
)
_MACHINES = {("Linux", "x86_64"), ("Linux", "aarch64")}


class Block:
    """Some pages, lent to one array: NumPy keeps it as the array's base, so it dies with the last view."""

    __slots__ = ("__array_interface__", "arena", "span")

    def __init__(self, arena: Arena, span: tuple[int, int], shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.arena, self.span = arena, span
        data = (arena.address + span[0], False)
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": dtype.str, "data": data}

    def __del__(self) -> None:
        # This may run at any moment, even within a request: only the next request takes the pages back.
        self.arena.dead.append(self.span)


class Arena:
    """A range of addresses from which arrays are lent.

    Parameters
    ----------
    size : int
        Of the range in bytes, a multiple of `PAGE`. Only what is touched takes memory.

    Raises
    ------
    OSError
        When the system reserves no such range.
    """

    def __init__(self, size: int) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        self.mapping = mmap.mmap(-1, size, flags=flags)
        with contextlib.suppress(
            OSError
        ):  # pages of 2 MiB, where the system has them: fewer faults, fewer look-ups
            self.mapping.madvise(mmap.MADV_HUGEPAGE)
        self.address = np.frombuffer(self.mapping, np.uint8).ctypes.data
        self.gaps = [(0, size)]  # (start, end), sorted, no two of them touching
        self.dead: deque[tuple[int, int]] = deque()
        self.peak = 0
        self.lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
        """Return an array with whatever its pages hold, or None when no gap is large enough."""
        length = -(-math.prod(shape) * dtype.itemsize // PAGE) * PAGE
        with self.lock:
            self._collect()
            start = self._take(length)
        if start is None:
            return None
        return np.asarray(Block(self, (start, start + length), shape, dtype))

    def _take(self, length: int) -> int | None:
        """Return where the first gap begins that is long enough, and make it shorter."""
        for i, (start, end) in enumerate(self.gaps):
            if end - start >= length:
                self.gaps[i : i + 1] = [(start + length, end)] if end - start > length else []
                self.peak = max(self.peak, start + length)
                return start
        return None

    def used(self) -> int:
        """Return where the highest array ends, in bytes from the start of the range."""
        with self.lock:
            self._collect()
            size = len(self.mapping)
            return self.gaps[-1][0] if self.gaps and self.gaps[-1][1] == size else size

    def release(self) -> None:
        """Return the pages of all gaps to the system; they are zeroed and given anew when needed."""
        with self.lock:
            self._collect()
            for start, end in self.gaps:
                self.mapping.madvise(mmap.MADV_DONTNEED, start, end - start)

    def _collect(self) -> None:
        """Make gaps of the pages whose arrays have died, joined with the gaps that they touch."""
        while self.dead:
            start, end = self.dead.popleft()
            i = bisect.bisect(self.gaps, (start, end))
            first, last = i, i
            if i and self.gaps[i - 1][1] == start:
                first, start = i - 1, self.gaps[i - 1][0]
            if i < len(self.gaps) and self.gaps[i][0] == end:
                last, end = i + 1, self.gaps[i][1]
            self.gaps[first:last] = [(start, end)]


def _reserve() -> Arena | None:
    """Return a range as large as the machine's memory, or None where it cannot be had or would be in the way."""
    if (platform.system(), platform.machine()) not in _MACHINES:
        return None
    import resource  # not on every system

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return None  # addresses are rationed
    try:
        return Arena(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // PAGE * PAGE)
    except (OSError, ValueError):  # a system that promises no more memory than it has
        return None


_arena = _reserve()
_scratch: list[np.ndarray] = []  # one, or none yet


def _after_fork() -> None:
    if _arena is not None:
        _arena.lock = threading.Lock()  # a thread that held it is not in the child; its pages are copied


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def empty(shape: int | tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Return an array whose numbers are arbitrary, as `np.empty`; a large one lies in recycled pages, aligned to them.

    Small arrays, arrays of Python objects, and those for which there is no room come from `np.empty` itself.
    """
    shape = tuple(map(int, shape)) if isinstance(shape, tuple) else (int(shape),)
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size >= SMALL and _arena is not None and not dtype.hasobject:
        array = _arena.empty(shape, dtype)
        if array is not None:
            return array
    return np.empty(shape, dtype)


def zeros(shape: int | tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Return an array of zeros in recycled pages, as `empty` does."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def zeros_like(array: Any) -> Any:
    """Return zeros in the shape and dtype of an array, where that one is: on a card, or in recycled pages."""
    return zeros(array.shape, array.dtype) if isinstance(array, np.ndarray) else np.zeros_like(array)


def scratch(count: int) -> np.ndarray:
    """Return `count` float32 numbers to work with, aligned to pages, the same memory each time.

    The buffer grows as needed and is kept. What it holds is arbitrary, and it is the caller's own only until the next
    kernel asks for it: so while it holds `threads.one_at_a_time`.
    """
    if not _scratch or _scratch[0].size < count:
        _scratch.clear()  # so that its pages can serve the larger one
        room = empty(max(count, SMALL) + PAGE)
        skip = -room.ctypes.data % PAGE // room.itemsize
        _scratch.append(room[skip : skip + max(count, SMALL)])
    return _scratch[0][:count]


def peak() -> int:
    """Return how much of the range has been in use since `reset_peak`, gaps between arrays included, in bytes."""
    return 0 if _arena is None else _arena.peak


def reset_peak() -> None:
    """Let `peak` count from what is in use now."""
    if _arena is not None:
        _arena.peak = _arena.used()


def release() -> None:
    """Return to the system all pages that no array lies in, and forget the scratch buffer."""
    _scratch.clear()
    if _arena is not None:
        _arena.release()
