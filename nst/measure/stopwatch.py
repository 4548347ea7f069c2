"""Where the time of a step goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """The time spent in each phase; within a phase that calls another, only the inner one's clock runs."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = 0.0  # what phases within the one that runs have taken

    def timed(self, phase: str, call: Callable) -> Callable:
        """Return a function that does the same and takes the time."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            start, before, self._inside = time.perf_counter(), self._inside, 0.0
            found = call(*arguments, **options)
            took = time.perf_counter() - start
            self.seconds[phase] = self.seconds.get(phase, 0.0) + took - self._inside
            self._inside = before + took
            return found

        return wrapped
