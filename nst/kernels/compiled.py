"""How every kernel is compiled: one decorator, and a folder for what it compiled that no change can make stale.

numba keeps what it compiled on disk, so that only a first run waits. But it looks only at the file in which a kernel
stands: a change in a function that the kernel calls, or another choice of vectors, would go unnoticed, and old
machine code would run. So each file of kernels has a folder, named by a hash of all that its kernels are made of: the
file, the files of this package that it imports and that these import, and the settings that change machine code.
A change compiles anew what depends on it, and nothing else.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
from numba import config, njit, types
from numba.core import event

# Sums may be reordered and fused; infinities and NaN keep their meaning (plain fastmath would break them).
FAST = {"reassoc", "contract", "nsz", "arcp"}
SETTINGS = ("NST_SIMD", *("NUMBA_" + name for name in (
    "BOUNDSCHECK", "CPU_FEATURES", "CPU_NAME", "DEBUGINFO", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE",
)))  # fmt: skip
UNUSED = 3 * 24 * 3600  # seconds after which a folder that no run has used is in the way

_IMPORT = re.compile(r"^\s*(?:from|import)\s+([\w.]+)(?:\s+import\s+(\([^)]*\)|.*))?", re.MULTILINE)


def jit(function: Callable | None = None, **options: object) -> Callable:
    """Compile a function when it is first called, and keep the result on disk. Other Python threads go on meanwhile.

    `options` are numba's, as ``parallel=True``.
    """
    if function is None:
        return lambda function: jit(function, **options)
    before, config.CACHE_DIR = config.CACHE_DIR, folder(Path(function.__code__.co_filename))
    how = {"fastmath": FAST, "nogil": True, "no_cfunc_wrapper": True, **options}
    try:  # numba reads its setting here, once for each function
        # To check each divisor, as Python does, would keep every loop with a division from being vectorised.
        made = njit(cache=True, error_model="numpy", **how)(function)
    finally:
        config.CACHE_DIR = before
    template = made.get_call_template

    def called(args: Sequence[types.Type], kws: Mapping[str, types.Type]) -> tuple:
        """Compile for a call from another kernel, but not once more for each constant in the place of a number."""
        return template([_general(arg) for arg in args], {name: _general(arg) for name, arg in kws.items()})

    made.get_call_template = called
    return made


def _general(kind: types.Type) -> types.Type:
    """Return int64 for every integer, and for a constant its type."""
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) else kind


def inlined(function: Callable) -> Callable:
    """Have a function written into each kernel that calls it: for a part that few call, not compiled by itself."""
    return njit(inline="always")(function)


def before_compiling(call: Callable[[], None]) -> None:
    """Call a function, once, when the first kernel must be compiled, since none such was kept on disk."""

    class Listener(event.Listener):
        waits = True

        def on_start(self, happening: event.Event) -> None:
            if self.waits and happening.data["dispatcher"].py_func.__module__.startswith(f"{__package__}."):
                self.waits = False  # and stays, for numba would pass over the next listener if this one went
                call()

        def on_end(self, happening: event.Event) -> None:
            pass

    event.register("numba:compile", Listener())


def lean() -> None:
    """Load numba without SciPy's linear algebra, which no kernel calls: a twelfth of a second less.

    For programs of ours, since one function of numba's (`np.cov`) then goes without in the whole process.
    """
    blas = "scipy.linalg.cython_blas"
    if blas not in sys.modules:
        sys.modules[blas] = None  # as if it could not be imported, while numba looks whether it can
        try:
            importlib.import_module("numba.np.arraymath")
        finally:
            del sys.modules[blas]


@cache
def folder(file: Path) -> str:
    """Return where compiled kernels of a file are kept: in `$NUMBA_CACHE_DIR`, else the user's cache.

    Where nothing can be kept, as with a read-only home, it is a temporary folder that goes when the process ends.
    """
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for setting in SETTINGS:
        digest.update(f"{setting}={os.environ.get(setting)}".encode())
    for source in sorted(sources(file)):
        digest.update(source.read_bytes())
    try:
        return _ready(_kept() / f"{file.stem}-{digest.hexdigest()[:16]}")
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return _ready(_temporary() / file.stem)


def sources(file: Path) -> set[Path]:
    """Return a file, the files of this package that it imports, and those that they import."""
    found, todo = set(), [file]
    while todo:
        if (source := todo.pop()) not in found:
            found.add(source)
            todo += _imported(source)
    return found


@cache
def _imported(source: Path) -> list[Path]:
    """Return the files of this package that a file imports."""
    found = []
    for module, names in _IMPORT.findall(source.read_text(encoding="utf-8")):
        for name in (module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))):
            imported = Path(__file__).with_name(name.removeprefix(f"{__package__}.") + ".py")
            if name.startswith(f"{__package__}.") and imported.exists():
                found.append(imported)
    return found


def _kept() -> Path:
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR, "nst-kernels")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "nst", "kernels")


@cache
def _temporary() -> Path:
    path = tempfile.mkdtemp(prefix="nst-kernels-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


def _ready(path: Path) -> str:
    """Make a folder, and be sure that it can be written to. A new one replaces those that no run has used lately."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        for other in path.parent.iterdir():
            with suppress(FileNotFoundError):  # another process was quicker
                if time.time() - other.stat().st_mtime > UNUSED:
                    shutil.rmtree(other, ignore_errors=True)
    tempfile.TemporaryFile(dir=path).close()
    os.utime(path)
    return str(path)
