"""A whole step, measured: its time, its memory, how soon the first is done, and against another library."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst.measure.compare import Timing, alternate, difference, fastest, ratios
from nst.measure.job import Job
from nst.measure.peer import Peer, Side
from nst.measure.sides import as_it_is

LEAST = 1.0  # seconds of one round: steps follow each other, as in a run; after a turn of another, caches are cold


@dataclass
class Measured:
    """What came out.

    Attributes
    ----------
    ours
        Seconds, phases and memory.
    start_up : float
        Seconds from the start of the process to the end of the first step, which reads the weights and measures
        the pictures that are aimed at; kernels were compiled before.
    facts : dict
        Vectors and peak of this side.
    rival, ratio
        The fastest of the rival's ways, and how many times as long it takes: lower quartile, median, upper quartile.
    tried : list of Timing
        All of the rival's ways, each alone.
    agreement : dict of str to float
        Relative differences: `"value"`, `"gradient"`; and, if asked, of each side from float64.
    """

    ours: Timing
    start_up: float
    facts: dict[str, Any]
    rival: Timing | None = None
    ratio: tuple[float, float, float] | None = None
    tried: list[Timing] = field(default_factory=list)
    agreement: dict[str, float] = field(default_factory=dict)


def measure(job: Job, ours: Side, rivals: Sequence[Side], rounds: int, exact: bool = False) -> Measured:
    """Do a job of one item on our side alone, or in turns with the fastest of `rivals`.

    Raises
    ------
    NstError
        When one of the processes ends.
    """
    with tempfile.TemporaryDirectory(prefix="nst-bench-") as name:
        folder = Path(name)
        job.write(folder)
        with Peer(ours, folder) as peer:
            peer.time()
            found = Measured(Timing(""), time.perf_counter() - peer.started, {})
            if rivals:
                rival, found.tried = fastest(rivals, as_it_is, folder, max(2, rounds // 3))
                with rival:
                    found.ours, found.rival = alternate([peer, rival], "", rounds, LEAST)
                    found.ratio = ratios(found.ours, found.rival)
                    found.agreement = _agreement(peer, rival, exact)
            else:
                (found.ours,) = alternate([peer], "", rounds)
            found.facts = peer.ask("facts")
    return found


def first_ever(job: Job, ours: Side) -> float:
    """Return the seconds to the end of the first step where no kernel has been compiled before."""
    with tempfile.TemporaryDirectory(prefix="nst-bench-") as name:
        job.write(Path(name))
        (Path(name) / "cache").mkdir()
        environment = {**ours.environment, "NUMBA_CACHE_DIR": f"{name}/cache"}
        with Peer(Side(ours.name, ours.module, ours.arguments, environment), Path(name)) as peer:
            peer.time()
            return time.perf_counter() - peer.started


def _agreement(peer: Peer, rival: Peer, exact: bool) -> dict[str, float]:
    ours, theirs = peer.arrays("results"), rival.arrays("results")
    found = {name: difference(ours[name], theirs[name]) for name in ours}
    if exact:
        truth = peer.arrays("exact")
        found |= {f"{name}, nst": difference(ours[name], truth[name]) for name in ours}
        found |= {f"{name}, rival": difference(theirs[name], truth[name]) for name in ours}
    return found
