"""The loop of a process that is measured: it waits for a question, works, and answers with a line of JSON.

While it waits it takes no processor time, so that of several such processes only one computes at a time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nst.measure.job import Job, write_arrays


class Work(Protocol):
    """One side's way of doing a job. A job has items, such as the layers; a whole step is the one item `""`.

    It may also have `memory()`, the most bytes held at once, if that is not the process's, and `settle()`, which lets
    that begin anew: what was taken once, to try things out, is given back.
    """

    def run(self, item: str) -> dict[str, float]:
        """Do it once, and return the seconds that its phases took, if they can be told apart."""
        ...

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return what the item gives, for comparison."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what describes this side: versions, choices."""
        ...


def serve(make: Callable[..., Work]) -> None:
    """Build the work for the job in the folder `sys.argv[1]`, then answer until the questions end.

    `make` gets the job, and further arguments of the process, if there are any, as text.
    What a library prints goes to standard error; standard output carries answers only.
    """
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        folder = Path(sys.argv[1])
        work = make(Job.read(folder), *sys.argv[2:])
        for line in sys.stdin:
            question = json.loads(line)
            print(json.dumps(_answer(work, folder, **question)), file=answers)


def _answer(work: Work, folder: Path, ask: str, item: str = "", **options: Any) -> dict[str, Any]:
    if ask == "time":
        return {**timed(lambda: work.run(item), **options), "memory": getattr(work, "memory", peak_memory)()}
    if ask == "facts":
        return work.facts()
    if ask == "settle":
        getattr(work, "settle", bool)()
        return {}
    write_arrays(folder, options["name"], getattr(work, ask)(item))  # "results", or "exact" ones
    return {}


def timed(run: Callable[[], dict[str, float]], least: float = 0.0) -> dict[str, Any]:
    """Return the mean time of as many runs as `least` seconds hold, at least one, and of the phases of each."""
    count, phases = 0, {}
    start = now = time.perf_counter()
    while not count or now - start < least:
        for phase, seconds in run().items():
            phases[phase] = phases.get(phase, 0.0) + seconds
        count, now = count + 1, time.perf_counter()
    return {
        "seconds": (now - start) / count,
        "phases": {phase: seconds / count for phase, seconds in phases.items()},
    }


def peak_memory() -> int:
    """Return the most memory that this process has held at once, in bytes.

    Where the system tells it, of this program alone: what `getrusage` says may be inherited from the process that
    started it.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
