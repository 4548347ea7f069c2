"""Commands that run for so long at the most, alone or side by side, each with a log, until the time for all is up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LATE = 124  # the exit status of what ran out of time, as that of `timeout`
ABSENT = 127  # of what could not be started, as a shell's
GRACE = 3.0  # seconds between asking to end and ending
LEAST = 5.0  # seconds with which it is worth to begin


@dataclass
class Step:
    """A command, and how it went.

    Attributes
    ----------
    name : str
    limit : float
        Seconds.
    command : list of str
    status : int or None
        Its exit status, once it has ended.
    seconds : float
    """

    name: str
    limit: float
    command: list[str]
    status: int | None = None
    seconds: float = 0.0
    _process: subprocess.Popen | None = field(default=None, repr=False)
    _begun: float = 0.0

    def begin(self, folder: Path, environment: dict[str, str]) -> None:
        """Start it, with its output in `folder`/name.log."""
        self._begun = time.monotonic()
        with open(folder / f"{self.name}.log", "wb") as log:
            try:
                self._process = self._started(log, environment)
            except OSError as error:
                log.write(f"{error}\n".encode())
                self.status = ABSENT

    def _started(self, log: BinaryIO, environment: dict[str, str]) -> subprocess.Popen:
        how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.Popen(self.command, **how, env=environment, start_new_session=True)

    def look(self) -> bool:
        """Note whether it has ended, or end it when its time is up; return whether it is over."""
        if self.status is None:
            self.seconds = time.monotonic() - self._begun
            self.status = self._process.poll()
            if self.status is None and self.seconds > self.limit:
                self.end()
                self.status = LATE
        return self.status is not None

    def end(self) -> None:
        """End it and all that it has started."""
        if self._process is not None and self._process.poll() is None:
            for how in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(self._process.pid, how)
                try:
                    self._process.wait(GRACE)
                    return
                except subprocess.TimeoutExpired:
                    pass


class Steps:
    """All that has been run.

    Parameters
    ----------
    folder
        Where logs go.
    limit
        Seconds for everything, from now on.
    after
        Called whenever a step has ended.
    environment
        On top of that of this process.
    """

    def __init__(
        self, folder: Path, limit: float, after: Callable[[list[Step]], None], **environment: str
    ) -> None:
        self.folder, self.after, self.environment = folder, after, {**os.environ, **environment}
        self.done: list[Step] = []
        self._end = time.monotonic() + limit

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._end - time.monotonic()

    def run(self, *steps: Step) -> bool:
        """Run steps side by side; return whether all ended well. What there is no time for is noted as late."""
        running = []
        try:
            for step in steps:
                step.limit = min(step.limit, self.left)
                if step.limit < LEAST:
                    step.status = LATE
                else:
                    step.begin(self.folder, self.environment)
                running.append(step)
            while running:
                for step in [step for step in running if step.look()]:
                    running.remove(step)
                    self.done.append(step)
                    print(f"{step.name}: exit status {step.status}, {step.seconds:.1f} s", flush=True)
                    self.after(self.done)
                time.sleep(0.05)
        finally:
            for step in running:
                step.end()
        return not any(step.status for step in steps)
