"""Measuring in turns, and what the numbers say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nst.measure.peer import Peer, Side


@dataclass
class Timing:
    """The rounds of one side.

    Attributes
    ----------
    seconds : list of float
        Of each round, in order.
    phases : dict of str to float
        The median seconds of each phase.
    memory : int
        The most that its process has held at once, in bytes.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    memory: int = 0

    @property
    def median(self) -> float:
        """The median round, in seconds."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, in seconds."""
        low, high = np.quantile(self.seconds, (0.25, 0.75))
        return float(high - low) / 2


def alternate(peers: Sequence[Peer], item: str, rounds: int, least: float = 0.0) -> list[Timing]:
    """Let each do the item in turn, `rounds` times, after a first time that does not count, nor what memory it took."""
    answers: list[list[dict[str, Any]]] = [[] for _ in peers]
    for number in range(rounds + 1):
        for peer, mine in zip(peers, answers, strict=True):
            answer = peer.time(item, least if number else 0.0)
            if number:
                mine.append(answer)
            else:
                peer.settle()
    return [_timing(peer.side.name, mine) for peer, mine in zip(peers, answers, strict=True)]


def _timing(name: str, answers: list[dict[str, Any]]) -> Timing:
    phases = {
        phase: float(np.median([answer["phases"][phase] for answer in answers]))
        for phase in answers[0]["phases"]
    }
    return Timing(name, [answer["seconds"] for answer in answers], phases, answers[-1]["memory"])


def ratios(ours: Timing, theirs: Timing) -> tuple[float, float, float]:
    """Return how many times as long they take: the quartiles of the rounds, the median in the middle.

    Of two rounds that follow each other, so that a machine that is slow for a while slows both.
    """
    low, middle, high = np.quantile(np.divide(theirs.seconds, ours.seconds), (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def fastest(
    sides: Iterable[Side], more: Callable[[Side], Iterable[Side]], folder: Path, rounds: int = 2
) -> tuple[Peer, list[Timing]]:
    """Try sides in turns, then the fastest of them with what `more` makes of it; return the fastest, running.

    The others have ended by then. In turns, so that a machine that is slow for a while misleads nobody.
    """
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(side, folder)) for side in sides]
        best, tried = _race(peers, rounds)
        if extra := [stack.enter_context(Peer(side, folder)) for side in more(best.side)]:
            before = [timing for timing in tried if timing.name != best.side.name]
            best, tried = _race([best, *extra], rounds)
            tried += before
        stack.pop_all()
        for peer in {*peers, *extra} - {best}:
            peer.close()
    return best, tried


def _race(peers: Sequence[Peer], rounds: int) -> tuple[Peer, list[Timing]]:
    """Return the one with the fastest round, since what disturbs a machine only ever slows, and all the timings."""
    timings = alternate(peers, "", rounds)
    return peers[int(np.argmin([min(timing.seconds) for timing in timings]))], timings


def difference(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the relative Euclidean distance of two arrays, or of two numbers."""
    found, truth = found.astype(np.float64), truth.astype(np.float64)
    scale = np.linalg.norm(truth)
    return float(np.linalg.norm(found - truth) / scale) if scale else float(np.linalg.norm(found))
