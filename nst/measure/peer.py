"""The other end of `worker`: a process that is started, asked, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nst.errors import NstError, printable
from nst.measure.job import read_arrays


@dataclass(frozen=True)
class Side:
    """One of those that are compared: its name, the module that does its work, and what surrounds it.

    Attributes
    ----------
    name : str
        As people read it.
    module : str
        Run as `python -m module FOLDER ARGUMENTS`, with the interpreter that runs this.
    arguments : tuple of str
    environment : dict of str to str
        Variables on top of those that are there.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Peer:
    """A process that works on the job in `folder` whenever it is asked.

    Raises
    ------
    NstError
        From every question, when the process has ended: one line with the last that it said.
    """

    def __init__(self, side: Side, folder: Path) -> None:
        self.side, self.folder = side, folder
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", side.module, str(folder), *side.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, **side.environment},
            text=True,
        )

    def ask(self, question: str, item: str = "", **options: Any) -> dict[str, Any]:
        """Ask and wait for the answer."""
        try:
            self._process.stdin.write(json.dumps({"ask": question, "item": item, **options}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:  # nobody reads any more
            line = ""
        if not line:
            raise NstError(f"the process that measures {self.side.name} ended: {self._last_words()}")
        return json.loads(line)

    def time(self, item: str = "", least: float = 0.0) -> dict[str, Any]:
        """Return seconds, phases and peak memory (bytes) of one item, repeated for `least` seconds."""
        return self.ask("time", item, least=least)

    def settle(self) -> None:
        """Let peak memory count from now on, without what was taken once, where the process can do so."""
        self.ask("settle")

    def arrays(self, question: str, item: str = "") -> dict[str, np.ndarray]:
        """Return the arrays that answer `"results"` or `"exact"`."""
        self.ask(question, item, name="answer")
        found = read_arrays(self.folder, "answer")
        for path in self.folder.glob("answer.*"):
            path.unlink()
        return found

    def close(self) -> None:
        """End the process, which waits for a question or is in the middle of an answer."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._words.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last_words(self) -> str:
        status = self._process.wait()
        self._words.seek(0)
        lines = [line.strip() for line in self._words if line.strip()]
        if status < 0:
            name = signal.Signals(-status).name
            return f"{name}, as when memory runs out" if name == "SIGKILL" else name
        return printable(lines[-1])[:300] if lines else f"exit status {status}"
