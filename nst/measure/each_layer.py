"""Each layer of a VGG alone, measured: its time, its arithmetic, its error."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst.measure.arithmetic import direct, done
from nst.measure.compare import Timing, alternate, difference, ratios
from nst.measure.job import Job
from nst.measure.jobs import items
from nst.measure.peer import Peer, Side

LEAST = 0.03  # seconds of one round: a small layer is repeated


@dataclass
class Layer:
    """One layer, one way.

    Attributes
    ----------
    name, way : str
        Such as `"conv1_2"` and `"backward"`.
    shape : tuple of int
        Of what it reads.
    channels : int
        Of what it gives.
    direct, done : int
        Its arithmetic in floating-point operations: by the formula, and what the kernels do for it.
    ours, rival : Timing
    ratio : tuple of float
        How many times as long the faster rival takes: lower quartile, median, upper quartile.
    error, rival_error : float
        The relative distance from float64.
    """

    name: str
    way: str
    shape: tuple[int, ...]
    channels: int
    direct: int
    done: int
    ours: Timing
    error: float
    rival: Timing | None = None
    ratio: tuple[float, float, float] | None = None
    rival_error: float | None = None


def facts_and_layers(
    job: Job, ours: Side, rivals: Sequence[Side], rounds: int
) -> Iterator[Layer | dict[str, Any]]:
    """Yield what describes our side, then each layer when it is measured.

    Raises
    ------
    NstError
        When one of the processes ends.
    """
    with tempfile.TemporaryDirectory(prefix="nst-bench-") as name, ExitStack() as stack:
        job.write(Path(name))
        peers = [stack.enter_context(Peer(side, Path(name))) for side in (ours, *rivals)]
        yield peers[0].ask("facts")
        rows = {row["name"]: row for row in job.settings["rows"]}
        for item in items(job):
            yield _layer(rows[item.rpartition(" ")[0]], item, peers, rounds)


def _layer(row: dict[str, Any], item: str, peers: Sequence[Peer], rounds: int) -> Layer:
    timings = alternate(peers, item, rounds, LEAST)
    truth = peers[0].arrays("exact", item)["result"]
    name, _, way = item.rpartition(" ")
    found = Layer(name, way, row["shape"], row["channels"], direct(row), done(row), timings[0], 0.0)
    found.error = difference(peers[0].arrays("results", item)["result"], truth)
    if timings[1:]:
        best = min(range(1, len(timings)), key=lambda number: timings[number].median)
        found.rival, found.ratio = timings[best], ratios(timings[0], timings[best])
        found.rival_error = difference(peers[best].arrays("results", item)["result"], truth)
    return found
