"""The most that this machine can do: the micro-kernel alone, on numbers that never leave the nearest cache."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numba import prange

from nst.kernels.compiled import jit
from nst.kernels.threads import THREADS, one_at_a_time
from nst.kernels.vectors import FLOATS, PANEL, ROWS, SIMD, multiply_add

DEPTH = 96  # a panel of B takes 24 KiB with the longest vectors
TIMES = 1_280_000 // PANEL  # some 10 ms
REPEATS = 9


@jit
def _products(a, b, c, times):
    depth = b.shape[0]
    for _ in range(times):
        multiply_add(
            a.ctypes.data, depth * FLOATS, FLOATS, b.ctypes.data, PANEL * FLOATS, c.ctypes.data, PANEL * FLOATS, depth,
            b.ctypes.data,
        )  # fmt: skip


@jit(parallel=True)
def _products_everywhere(a, b, c, times):
    for thread in prange(c.shape[0]):
        _products(a[thread], b[thread], c[thread], times)


@one_at_a_time
def peaks() -> dict[str, float]:
    """Return the floating-point operations a second of the micro-kernel with one thread and with all.

    The best of several tries each, a multiplication and an addition counted as two. Nothing on a machine whose
    vectors the micro-kernel does not know.
    """
    if SIMD == "plain":
        return {}
    threads = THREADS
    return {"peak1": _rate(1), "peak": _rate(threads), "threads": threads}


def facts() -> dict[str, Any]:
    """Return the choice of vectors, and the peaks."""
    return {"simd": SIMD, **peaks()}


def _rate(threads: int) -> float:
    a = np.full((threads, ROWS, DEPTH), 1e-3, np.float32)
    b = np.full((threads, DEPTH, PANEL), 1e-3, np.float32)
    c = np.zeros((threads, ROWS, PANEL), np.float32)
    _products_everywhere(a, b, c, 1)
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        _products_everywhere(a, b, c, TIMES)
        best = min(best, time.perf_counter() - start)
    return 2 * threads * TIMES * DEPTH * ROWS * PANEL / best
