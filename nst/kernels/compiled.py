"""How every kernel is compiled: one decorator, and a folder for what it compiled that no change can make stale.

numba keeps what it compiled on disk, so that only a first run waits. But it looks only at the file in which a kernel
stands: a change in a function that the kernel calls, or another choice of vectors, would go unnoticed, and old
machine code would run. So the folder is named by a hash of everything that a kernel is made of.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba
from numba import config, njit

# Sums may be reordered and fused; infinities and NaN keep their meaning (plain fastmath would break them).
FAST = {"reassoc", "contract", "nsz", "arcp"}


@cache
def folder() -> Path:
    """Return where compiled kernels are kept: in `$NUMBA_CACHE_DIR`, else the user's cache, else a temporary folder."""
    digest = hashlib.sha256(f"{numba.__version__} {os.environ.get('NST_SIMD')}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    base = config.CACHE_DIR or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nst", "kernels"
    )
    found = Path(base) / f"nst-{digest.hexdigest()[:16]}"
    try:
        found.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=found).close()
    except OSError:  # a read-only home
        found = Path(tempfile.mkdtemp(prefix="nst-numba-"))
    return found


def jit(function: Callable | None = None, *, parallel: bool = False) -> Callable:
    """Compile a function when it is first called, and keep the result on disk."""
    if function is None:
        return lambda function: jit(function, parallel=parallel)
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder())  # numba reads it here, once for each function
    try:
        return njit(cache=True, fastmath=FAST, parallel=parallel)(function)
    finally:
        config.CACHE_DIR = before
