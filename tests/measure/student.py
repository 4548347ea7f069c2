"""A process for the tests of `nst.measure.peer`: it does what it is told, the wrong things too."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from nst.measure.job import Job
from nst.measure.worker import serve


class Student:
    def __init__(self, job: Job) -> None:
        self.job = job

    def run(self, item: str) -> dict[str, float]:
        if item == "exit":
            sys.exit(3)
        print("a library that talks")
        if item == "raise":
            raise ValueError("no such item")
        if item == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "sleep":
            time.sleep(3600)
        return {item: 0.25}

    def results(self, item: str) -> dict[str, np.ndarray]:
        return {name: self.job.settings["factor"] * array for name, array in self.job.arrays.items()}

    def facts(self) -> dict[str, str]:
        return {"name": "student"}


if __name__ == "__main__":
    serve(Student)
