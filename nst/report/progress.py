"""The progress line: live on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from nst.report.words import clock, grouped, printable

_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_REMEMBERED = 21  # durations that the running median looks at: one slow save among them moves nothing


class Progress:
    """Show how far an optimisation is, what its loss is made of, and how long it will take.

    On a terminal one line is rewritten in place and cut to the width, the least important words last.
    Elsewhere a plain line is written every `every` iterations, for the first, and for the last. A stream that
    breaks silences the progress and never the run.

    Parameters
    ----------
    total
        The number of the last iteration.
    stream
        Where to write; standard error when `None`.
    quiet
        Write nothing.
    every
        Iterations between two plain lines; `None` gives about twenty lines in all.
    start
        The iteration that a resumed run has already done.
    clock
        Returns seconds; a test passes its own.
    what
        What the first number is called.

    Examples
    --------
    >>> with Progress(2, stream=sys.stdout, clock=lambda: 0.0) as progress:
    ...     progress.update(1, 7.5, {"content": 3.0, "style": 4.5})
    1/2  loss 7.5  0:00 left  0 s/it  content 3  style 4.5
    """

    def __init__(
        self,
        total: int,
        *,
        stream: TextIO | None = None,
        quiet: bool = False,
        every: int | None = None,
        start: int = 0,
        clock: Callable[[], float] = time.monotonic,
        what: str = "loss",
    ) -> None:
        self.total = self._end = total
        self.what = what
        self._later = 0.0
        self.quiet = quiet
        self.every = every or max(1, total // 20)
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._durations: deque[float] = deque(maxlen=_REMEMBERED)
        self._iteration, self._time = start, clock()
        self._live = _is_live(self._stream)
        self._coloured = self._live and not os.environ.get("NO_COLOR")
        self._segments: list[tuple[str, str]] = []  # the latest line: (style, text) pieces
        self._pending = False  # the latest line is not yet in the log
        self._drawn = 0  # columns that the live line covers now

    def stage(self, total: int, end: int, later: float) -> None:
        """Say that a new stage begins, with a pace of its own.

        Parameters
        ----------
        total
            The number of the last iteration of all stages.
        end
            The number of the last iteration of this stage.
        later
            As many iterations at this stage's pace would take as long as all later stages.
        """
        self.total, self._end, self._later = total, end, later
        self._durations.clear()
        self._time = self._clock()

    def update(self, iteration: int, loss: float, parts: Mapping[str, float] | None = None) -> None:
        """Report that `iteration` is done: its loss, and what each term (label -> value) adds to it."""
        now = self._clock()
        if iteration > self._iteration:
            self._durations.append((now - self._time) / (iteration - self._iteration))
        self._iteration, self._time = iteration, now
        if self.quiet:
            return
        first = not self._segments
        self._segments = self._describe(iteration, loss, parts or {})
        if self._live:
            self._draw()
        elif first or iteration % self.every == 0 or iteration >= self.total:
            self._write(_plain(self._segments) + "\n")
            self._pending = False
        else:
            self._pending = True

    @property
    def seconds_per_iteration(self) -> float | None:
        """The median of the latest durations, in seconds; `None` before the first iteration is done."""
        return statistics.median(self._durations) if self._durations else None

    def note(self, text: str) -> None:
        """Write a line of its own, above the live line."""
        if self.quiet:
            return
        self._erase()
        self._write("\n".join(printable(line) for line in text.splitlines()) + "\n")
        if self._live and self._segments:
            self._draw()

    def close(self) -> None:
        """End the live line, or write the latest line if the log lacks it."""
        if self._drawn:
            self._write("\n")
        elif self._pending:
            self._write(_plain(self._segments) + "\n")
        self._segments, self._pending, self._drawn = [], False, 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _describe(self, iteration: int, loss: float, parts: Mapping[str, float]) -> list[tuple[str, str]]:
        """Return the line in pieces, the least important last, for that is where a narrow terminal cuts."""
        width = len(str(self.total))
        pieces = [("", f"{iteration:{width}}/{self.total}  "), (_BOLD, f"{self.what} {loss:.4g}")]
        pace = self.seconds_per_iteration
        if pace is not None:
            left = clock(pace * (max(0, self._end - iteration) + self._later))
            pieces += [("", f"  {left} left"), (_DIM, f"  {pace:.3g} s/it")]
        return pieces + [("", f"  {printable(label)} {value:.3g}") for label, value in grouped(parts).items()]

    def _draw(self) -> None:
        room = _columns(self._stream) - 1  # a full last column would wrap on some terminals
        line, used = "", 0
        for style, text in self._segments:
            text = text[: room - used]
            used += len(text)
            line += f"{style}{text}{_RESET}" if style and text and self._coloured else text
        self._write("\r" + line + " " * (self._drawn - used))
        self._drawn = used

    def _erase(self) -> None:
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        try:  # the stream may be a closed pipe, a closed file, or no stream at all
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError, AttributeError):
            self.quiet = True


def _plain(segments: list[tuple[str, str]]) -> str:
    return "".join(text for _, text in segments).lstrip()


def _is_live(stream: TextIO | None) -> bool:
    """Return whether `stream` is a terminal that can go back to the start of a line."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return shutil.get_terminal_size().columns
