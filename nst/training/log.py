"""The log of a training: a line of JSON for each epoch, in a file beside the weights."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence

from nst.files import atomic_write
from nst.report import duration
from nst.report.trace import plain
from nst.training.trainer import Epoch


def write_log(path: str | os.PathLike, history: Sequence[Epoch]) -> None:
    """Write all epochs so far, atomically; a training that goes on writes the file anew, and no epoch twice."""
    lines = [json.dumps(plain(dataclasses.asdict(epoch)), allow_nan=False) for epoch in history]
    with atomic_write(path) as stream:
        stream.write("".join(f"{line}\n" for line in lines).encode("ascii"))


def line(epoch: Epoch, epochs: int, left: float) -> str:
    """Return an epoch in words, with the seconds that are left."""
    tested = ""
    if epoch.test_accuracy is not None:
        tested = f", test {epoch.test_loss:.4f} and {100 * epoch.test_accuracy:.2f} %"
    return (
        f"epoch {epoch.epoch}/{epochs}: loss {epoch.loss:.4f}, {100 * epoch.accuracy:.2f} % right{tested}, "
        f"rate {epoch.learning_rate:.3g}, {duration(epoch.seconds)}"
        + (f", {duration(left)} left" if epoch.epoch < epochs else "")
    )
