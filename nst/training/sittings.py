"""What the trainings have in common whose result is one file of weights, and which may take several sittings."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from nst.cli import Parser
from nst.errors import NstError
from nst.session.values import number, whole


class Session(Protocol):
    """A training in progress, which knows how to save itself."""

    def run(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Do the steps that are left, until `enough` says stop; yield lines that tell how it goes."""


def add_sittings(it: Parser, seed: int) -> None:
    """Add the arguments that say when such a training reports, stops and goes on; `seed` is the default."""
    add = it.add_argument
    add("--seed", type=whole(0), default=seed)
    add("--dtype", choices=("float32", "float16"), default="float16", help="of the result")
    add(
        "--report-every",
        type=whole(1),
        default=250,
        metavar="STEPS",
        help="between two lines of the log, and two checkpoints",
    )
    add(
        "--stop-after",
        type=number(0, above=True),
        metavar="MINUTES",
        help="leave a checkpoint then, and stop",
    )
    add("--resume", action="store_true", help="go on from the checkpoint beside the output")
    add("--workers", type=whole(0, 64), default=1, help="threads that prepare crops")


def check_output(output: str) -> None:
    """Raise NstError unless the output is named as a file of weights."""
    if Path(output).suffix != ".h5":
        raise NstError(f"cannot write {output}: the canonical format is HDF5, so the name must end in .h5")


def sit(session: Session, options: argparse.Namespace) -> int:
    """Go on with a training until it ends, is interrupted, or `--stop-after` is over; print how it goes."""
    from nst.session.interrupt import interruptible

    limit = time.monotonic() + 60 * options.stop_after if options.stop_after else float("inf")
    with interruptible() as interrupted:
        for line in session.run(lambda: interrupted() or time.monotonic() > limit):
            print(line, flush=True)
    return 0
