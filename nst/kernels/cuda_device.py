"""The card as our kernels see it: whether there is one, one queue of work, memory, and how a kernel is launched.

All calls of the host to CUDA are here, so that kernels are nothing but arithmetic. Work is queued on one stream and
done in its order; so memory that the host gives back may be lent again at once, for what is still to be read from it
stands earlier in the queue.

Without a card the same kernels run in numba's simulator, slowly, where `NUMBA_ENABLE_CUDASIM=1` is set before numba is
imported. There a thread is a thread of Python: so blocks are tiny, and kernels go over their numbers in strides.
"""

from __future__ import annotations

import bisect
import contextlib
import importlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda

from nst.kernels import cuda_kept

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
THREADS = 4 if SIMULATED else 256  # of a block; a power of two, for sums that halve
BLOCKS = 2 if SIMULATED else 1024  # at the most: beyond them each thread goes on with a further number

GRAIN = 512  # bytes: what CUDA aligns allocations to
SLACK = 1.25  # a block of memory is lent for no less than this part of it, or the card would fill with gaps
OUT_OF_MEMORY = 2  # CUDA's number of that error
TENSOR_CORES = (8, 0)  # the least compute capability whose tensor cores know TF32 and bfloat16: Ampere's

for _settings in (
    "numba.core.config",
    "numba.cuda.core.config",
):  # of numba, and of numba-cuda where it is installed
    with suppress(ImportError):  # small arrays make small grids, and numba would warn of each
        importlib.import_module(_settings).CUDA_LOW_OCCUPANCY_WARNINGS = 0


@cuda.jit
def _nothing() -> None:
    """A kernel that can be compiled and run if any can."""


def unavailable() -> str | None:
    """Return in a few words why no kernel can run here, or None when one can."""
    if SIMULATED:
        return None
    if cuda.is_available():
        try:
            cuda.current_context()  # which another process may have for itself alone, or leave no room for
            _nothing[1, 1]()  # a compiler that does not suit driver or card shows here
            cuda.synchronize()
        except Exception as found:  # a driver's errors have no common kind
            return f"the card cannot be used ({found!s:.200})"
        return None
    try:
        error = cuda.cuda_error()
    except Exception as found:  # whatever the driver's own loader makes of its absence
        error = found
    if error and "cannot be found" not in str(error):
        return f"the NVIDIA driver finds no card ({' '.join(str(error).split()):.120})"
    if error:
        return "there is no NVIDIA driver"
    return "there is a card, but not what compiles kernels for it: pip install 'nst[cuda12]'"


def name() -> str:
    """Return the card's name."""
    if SIMULATED:
        return "numba's simulator"
    found = cuda.get_current_device().name
    return found.decode() if isinstance(found, bytes) else str(found)


def lacks(precision: str) -> str | None:
    """Return in a few words why this card cannot multiply in a precision, or None when it can."""
    if precision == "float32" or SIMULATED:
        return None
    found = tuple(cuda.get_current_device().compute_capability)
    if found >= TENSOR_CORES:
        return None
    return f"{name()} is of compute capability {found[0]}.{found[1]}, and tensor cores for that came with 8.0"


def memory_info() -> tuple[int, int]:
    """Return how many bytes of the card are free, those that wait to be lent again included, and how many it has."""
    if SIMULATED:
        return 8 << 30, 8 << 30
    free, total = cuda.current_context().get_memory_info()
    return int(free) + pool.held - pool.used, int(total)


@cache
def stream() -> Any:
    """Return the one queue of work."""
    return cuda.stream()


def synchronize() -> None:
    """Wait until the queue is empty: for stopwatches, since a launch returns before anything is done."""
    stream().synchronize()


class Kernel:
    """A function that many threads run, compiled for one signature when it is first launched.

    With the signature fixed, numba need not look at the arguments at each launch, a Python float cannot become a
    float64 on its way, and tests can compile the very code that will run, without a card.
    """

    def __init__(self, function: Callable, signature: str) -> None:
        self.function, self.signature, self.name = function, signature, function.__qualname__

    @cached_property
    def compiled(self) -> Any:
        """What numba makes of it for this card."""
        return cuda_kept.compiled(self.function, self.signature)

    def __getitem__(self, how: tuple) -> Callable[..., None]:
        """Return what launches it: `kernel[blocks, threads](*arguments)`; both may be tuples."""
        return partial(self._launch, how)

    def _launch(self, how: tuple, *arguments: object) -> None:
        """Queue it; DeviceMemoryError when the card has no room for its code or for what its threads put aside."""
        for last in (False, True):
            try:
                return self.compiled[(*how, stream())](*arguments)
            except Exception as error:
                if not _is_full(error):
                    raise
                if last:
                    raise DeviceMemoryError(
                        f"the card has no room to run {self.name} beside {pool.used / 1e6:.0f} MB of arrays"
                    ) from error
            pool.release()  # what is kept for others

    def over(self, count: int, *arguments: object) -> None:
        """Launch it for `count` numbers, of which each thread takes every (number of all threads)-th."""
        if count:
            self[blocks_for(count), THREADS](*arguments)

    def ptx(self, capability: tuple[int, int]) -> str:
        """Return the assembly for cards of a compute capability, as (8, 0): this needs a compiler, but no card."""
        with _believed(capability):
            return cuda.compile_ptx(self.function, self.signature, cc=capability)[0]


@contextlib.contextmanager
def _believed(capability: tuple[int, int]) -> Iterator[None]:
    """Let numba believe in a card of this capability: it asks for one when a kernel calls a function."""
    from numba.cuda import dispatcher

    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


KERNELS: dict[str, Kernel] = {}
"""Every kernel whose module has been imported, by module and name."""


def kernel(signature: str) -> Callable[[Callable], Kernel]:
    """Make a kernel of a function, and enter it into `KERNELS`.

    Parameters
    ----------
    signature
        The types of its arguments as numba spells them, such as ``"void(f4[::1], f4, i8)"``: arrays are flat and
        without gaps, `DeviceArray.data`.
    """

    def made(function: Callable) -> Kernel:
        found = KERNELS[f"{function.__module__}.{function.__qualname__}"] = Kernel(function, signature)
        return found

    return made


def blocks_for(count: int) -> int:
    """Return how many blocks go over `count` numbers: the same on every card, so that sums are too."""
    return max(1, min(BLOCKS, -(-count // THREADS)))


class DeviceMemoryError(MemoryError):
    """The card has no room."""


class Span:
    """A run of bytes on the card, and the arrays as which it has been lent."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.bytes = cuda.device_array(capacity, np.uint8, stream=stream())
        self.views: dict[tuple[int, str], Any] = {}

    def view(self, count: int, dtype: np.dtype) -> Any:
        """Return its beginning as a flat array."""
        key = count, dtype.str
        if key not in self.views:
            self.views[key] = self.bytes[: count * dtype.itemsize].view(dtype)
        return self.views[key]


class Room:
    """Memory on loan as a flat array, `data`; it goes back to the pool with the last that knows this object."""

    __slots__ = ("data", "span", "to")

    def __init__(self, pool: Pool, count: int, dtype: np.dtype) -> None:
        self.span, self.to = pool.take(max(1, count) * dtype.itemsize), pool.dead
        self.data = self.span.view(max(1, count), dtype)

    def __del__(self) -> None:
        # The garbage collector may call this in the middle of a request: only the next request takes it back.
        if hasattr(self, "to"):
            self.to.append(self.span)


class Pool:
    """Memory of the card that is kept for the next who asks: an allocation would wait for all work to end.

    Attributes
    ----------
    limit : int or None
        The most bytes that it may hold.
    held, used, peak : int
        The bytes that it has of the card, those that are on loan, and the most that were since `reset_peak`.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.held = self.used = self.peak = 0
        self.dead: deque[Span] = deque()
        self._free: list[tuple[int, int, Span]] = []  # by capacity
        self._serial = itertools.count()

    def take(self, size: int) -> Span:
        """Return a span of at least `size` bytes; DeviceMemoryError when the card has none."""
        self.collect()
        size = -(-size // GRAIN) * GRAIN
        at = bisect.bisect_left(self._free, (size,))
        if at < len(self._free) and self._free[at][0] <= max(SLACK * size, size + 64 * GRAIN):
            span = self._free.pop(at)[2]
        else:
            span = self._allocate(size)
        self.used += span.capacity
        self.peak = max(self.peak, self.used)
        return span

    def collect(self) -> None:
        """Take back what nobody knows any more."""
        while self.dead:
            span = self.dead.popleft()
            self.used -= span.capacity
            bisect.insort(self._free, (span.capacity, next(self._serial), span))

    def release(self) -> None:
        """Give to the card what is not on loan."""
        self.collect()
        if not SIMULATED:
            synchronize()  # what is under way may still use what nobody knows any more
        self._free.clear()
        self.held = self.used
        if not SIMULATED:
            cuda.current_context().memory_manager.deallocations.clear()

    def reset_peak(self) -> None:
        """Let `peak` count from what is on loan now."""
        self.collect()
        self.peak = self.used

    def _allocate(self, size: int) -> Span:
        for last in (False, True):
            if self.limit is None or self.held + size <= self.limit:
                try:
                    span = Span(size)
                    self.held += size
                    return span
                except Exception as error:
                    if not _is_full(error):
                        raise
            if not last:
                self.release()  # pieces of other sizes, perhaps
        room = self.limit if self.limit is not None else memory_info()[1]
        raise DeviceMemoryError(
            f"{size / 1e6:.0f} MB more do not fit on the card: {self.used / 1e6:.0f} of {room / 1e6:.0f} MB are in use"
        )


def _is_full(error: Exception) -> bool:
    """Tell whether an error of numba's or of CUDA's says that the card's memory is used up."""
    code = getattr(error, "code", None)
    return isinstance(error, MemoryError) or code == OUT_OF_MEMORY or "OUT_OF_MEMORY" in str(error).upper()


pool = Pool()
