"""Ctrl-C while a run is painted."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def interruptible() -> Iterator[Any]:
    """Let the first Ctrl-C, or SIGTERM, ask for a stop after the iteration, and the second stop at once.

    Yields a function that says whether a stop was asked for. The state between two iterations is whole, so that
    what is saved then can be resumed; in the middle of a line search it would not be.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us there handles Ctrl-C
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
