"""Who may run kernels, and on how many threads.

A kernel that runs in parallel is cut for all of numba's threads, and nothing in nst starts threads of its own. numba
has three ways to run them: `tbb` if that package is installed, `omp` where the system has OpenMP, else its own
`workqueue` (`NUMBA_THREADING_LAYER` chooses). `NUMBA_NUM_THREADS` says how many there are, by default one for each
core that this process may use; set it where a container is given less time than its cores could use.

- Two Python threads at once are more than `workqueue` bears: it ends the process. The other layers would give each
  thread a pool of its own, and both would wait for the same cores. So kernels run one at a time.
- A process that was forked after its parent had run a kernel has lost OpenMP's threads, and would be ended at its
  first kernel. Here it gets an error that says what to do. `workqueue` survives a fork; spawned processes always do.
- Matrix products of NumPy bring the threads of a BLAS library, which go on spinning for a while after each product.
  In a step of float32 only products of very few rows are left to it; `OPENBLAS_NUM_THREADS=1` keeps those of float64
  from competing, if both run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps

import numba

THREADS = numba.config.NUMBA_NUM_THREADS  # there are no more, whatever `numba.set_num_threads` says later


class OneAtATime:
    """A lock that whoever runs a kernel holds; a context manager and a decorator. Its holder may take it again.

    Raises
    ------
    RuntimeError
        In a process that was forked after a kernel had run, where OpenMP's threads do not exist any more.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._orphaned = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()  # another thread of the parent may have held the old one
        self._orphaned = self._orphaned or layer() == "omp"

    def __enter__(self) -> None:
        self._check()
        self._lock.acquire()

    def _check(self) -> None:
        if self._orphaned:
            raise RuntimeError(
                "this process was forked from one that had run kernels, and OpenMP's threads do not survive that: "
                'start it with multiprocessing.get_context("spawn"), or set NUMBA_THREADING_LAYER=workqueue'
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __call__(self, function: Callable) -> Callable:
        """Return a function that holds the lock while it runs."""

        @wraps(function)
        def alone(*args: object, **kwargs: object) -> object:
            self._check()
            with self._lock:
                return function(*args, **kwargs)

        return alone


def layer() -> str | None:
    """Return what runs the threads, `omp`, `tbb` or `workqueue`; None before anything has run in parallel."""
    try:
        return numba.threading_layer()
    except ValueError:
        return None


one_at_a_time = OneAtATime()
