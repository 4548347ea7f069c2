"""The report of a generator's training: losses, and what it painted along the way."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nst.report import Trace, versions, write_report
from nst.report.html import Picture
from nst.report.words import number

POINTS = 400  # of the curves: what lies between two of them is averaged


def trace_of(losses: Sequence[Sequence[float]], labels: Sequence[str], seconds: float) -> Trace:
    """Return the means of the terms over blocks of steps, as a report wants them."""
    trace, width = Trace(), max(1, -(-len(losses) // POINTS))
    for start in range(0, len(losses), width):
        block = np.array(losses[start : start + width])
        parts = dict(zip(labels, block.mean(axis=0), strict=True))
        trace.add(
            start + len(block),
            sum(parts.values()),
            parts,
            seconds=seconds * len(block) / len(losses),
            evaluations=len(block),
        )
    return trace


def write_page(
    path: str | os.PathLike,
    title: str,
    trace: Trace,
    inputs: Sequence[Picture],
    pictures: Mapping[int, np.ndarray],
    settings: Mapping[str, Any],
    judged: Mapping[int, float],
) -> None:
    """Write the report of a training as far as it has come, atomically.

    Parameters
    ----------
    path, title
    trace
        From `trace_of`.
    inputs
        The styles, and photographs that are not learned from.
    pictures
        Step -> what was painted of those then, (H, W, 3) uint8.
    settings
        All that it depends on.
    judged
        Step -> the mean objective on photographs that are not learned from.

    Raises
    ------
    NstError
        When the file cannot be written.
    """
    steps = sorted(pictures)
    told = [(f"step {step}: {number(judged.get(step, float('nan')))}", pictures[step]) for step in steps]
    last = steps[-1]
    write_report(
        path,
        title=title,
        trace=trace,
        result=(f"photographs that it has not seen, after step {last}", pictures[last]),
        inputs=inputs,
        pictures=told,
        settings=settings,
        versions=versions(),
        stopped=f"after step {last}, {number(judged[last])} on photographs that it has not seen",
    )
