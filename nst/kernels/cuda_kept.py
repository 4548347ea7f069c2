"""Compiled kernels for a card, kept on disk: only a first run waits for the compiler, two seconds for a large one.

numba could keep them too, but would hardly ever find one again. It tells kernels that one function makes, with tiles of
different sizes, apart by the functions that they call, and these are never the same in two processes. Here a kernel is
told by what it was made of, and has a file of its own, so that processes may compile at once. As on the processor, the
files lie in a folder for all sources that they depend on (`nst.kernels.compiled.folder`), and numba reads and writes
them.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda
from numba.core import config, event
from numba.core.target_extension import target_override

from nst.kernels.compiled import folder

try:
    import numba_cuda
    from numba.cuda.core.caching import IndexDataCacheFile, NullCache
    from numba.cuda.dispatcher import _Kernel as Binary
except ImportError:  # numba's own CUDA, before numba-cuda: it compiles each time
    numba_cuda, NullCache = None, object

PLAIN = (int, float, str, type(None), type, np.generic, np.dtype)


class Kept(NullCache):
    """Where numba looks for one kernel before it compiles it, and puts it afterwards.

    Parameters
    ----------
    function, signature
        See `nst.kernels.cuda_device.Kernel`.
    """

    def __init__(self, function: Callable, signature: str) -> None:
        self.function, self.origin = function, f"{origin(function)} {signature}"

    def load_overload(self, signature: str, context: Any) -> Any:
        """Return what was compiled for such a card, or None, after a word to who wants to know of compiling."""
        with target_override("cuda"):
            context.refresh()
        with suppress(Exception):  # a file that was damaged may raise anything: it is written anew
            if found := self._file(context.codegen()).load(self.origin):
                return Binary._rebuild(**found)
        event.start_event("numba:compile", {"dispatcher": SimpleNamespace(py_func=self.function)})
        return None

    def save_overload(self, signature: str, binary: Any) -> None:
        """Keep what was compiled."""
        file = self._file(binary.codegen)
        with suppress(OSError):  # a full disk
            file.flush()  # what was damaged, or nothing
            file.save(self.origin, binary._reduce_states())

    def _file(self, codegen: Any) -> IndexDataCacheFile:
        which = f"{self.origin} {codegen.magic_tuple()} {numba_cuda.__version__}"
        name = f"{self.function.__name__}-{hashlib.sha256(which.encode()).hexdigest()[:24]}"
        return IndexDataCacheFile(folder(Path(self.function.__code__.co_filename)), name, "")


def origin(thing: Any) -> str:
    """Return in words what a value in the closure of a kernel is: the same in every process, another for another.

    Raises
    ------
    TypeError
        When it is of a kind that cannot be told so.
    """
    function = inspect.unwrap(thing) if callable(thing) else thing  # as numba has wrapped it
    if isinstance(function, FunctionType):
        cells = [origin(cell.cell_contents) for cell in function.__closure__ or ()]
        line = function.__code__.co_firstlineno
        return f"{function.__module__}.{function.__qualname__}:{line}({', '.join(cells)})"
    if isinstance(thing, (tuple, list)):
        return f"({', '.join(map(origin, thing))})"
    if isinstance(thing, np.ndarray):
        return f"{thing.dtype} {thing.shape} {thing.tobytes().hex()}"
    if not isinstance(thing, PLAIN):
        raise TypeError(f"{thing!r} has no origin that would be the same in every process")
    return repr(thing)


def compiled(function: Callable, signature: str) -> Any:
    """Return a kernel for this card: as it was kept, or compiled and kept."""
    if numba_cuda is None or config.ENABLE_CUDASIM:
        return cuda.jit(signature)(function)
    # Not optimised once more when it is linked: then what runs is what the tests of the assembly look at.
    made = cuda.jit(function, lto=False)
    made._cache = Kept(function, signature)
    made.compile(signature)
    made._specialized = (
        True  # as numba does where the signature is given at once: arguments are not looked at
    )
    made.disable_compile()
    return made
