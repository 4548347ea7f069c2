"""What was measured, as lines of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nst.measure.compare import Timing
from nst.measure.each_layer import Layer
from nst.measure.job import Job
from nst.measure.whole_step import Measured

PHASES = ("forward", "losses", "backward", "update")

# A heading and a width for each column; the first ones are words.
STEP = (
    ("", 12),
    ("", 46),
    ("s", 9),
    ("±", 9),
    *((phase, 10) for phase in PHASES[:3]),
    ("GFLOP/s", 9),
    ("MiB", 7),
)
LAYER = (
    ("", 9),
    ("", 9),
    ("map", 18),
    ("ms", 9),
    ("±", 7),
    ("GFLOP/s", 9),
    ("done", 7),
    ("peak", 6),
    ("error", 9),
)
RIVAL = ("rival ms", 12), ("ratio", 7), ("quartiles", 12), ("error", 9)


def line(columns: Sequence[tuple[str, int]], cells: Sequence[str] = (), words: int = 2) -> str:
    """Return a line of a table, or its head: words to the left of their columns, numbers to the right."""
    cells = cells or [heading for heading, _ in columns]
    placed = (
        f"{cell:<{width}}" if number < words else f"{cell:>{width}}"
        for number, (cell, (_, width)) in enumerate(zip(cells, columns, strict=False))
    )
    return "".join(placed).rstrip()


def vectors(facts: dict[str, Any]) -> str:
    """Return which vectors are used, and what the micro-kernel alone reaches with them."""
    if "peak" not in facts:
        return f"vectors: {facts['simd']}"
    one, every = facts["peak1"] / 1e9, facts["peak"] / 1e9
    return (
        f"vectors: {facts['simd']}; the micro-kernel alone reaches {one:.0f} GFLOP/s with 1 thread, "
        f"{every:.0f} with {facts['threads']}"
    )


def step_head(job: Job, found: Measured) -> list[str]:
    """Return what is measured, and the head of the table."""
    told = job.settings
    network = f"{told['network']} to {told['layers'][-1]}, {told['pooling']} pooling"
    taps = f"content {', '.join(told['content'])}; style {', '.join(told['styles'])}; total variation"
    return [f"{network}: {taps}", vectors(found.facts), line(STEP)]


def step_lines(name: str, found: Measured, operations: float) -> list[str]:
    """Return a line for each side, and what they say of each other."""
    lines = [_side(name, found.ours, operations)]
    if found.rival:
        lines.append(_side("", found.rival, operations))
        lines += [_side("", timing, operations, " (tried)") for timing in found.tried]
    lines.append(f"{'':12}first step {found.start_up:.2f} s after the start of the process")
    if found.rival:
        low, middle, high = found.ratio
        memory = " to ".join(sorted({f"{found.ours.memory / one.memory:.2f}" for one in found.tried}))
        lines.append(
            f"{'':12}{middle:.2f} times as fast as {found.rival.name} (quartiles {low:.2f} to {high:.2f}) "
            f"in {memory} of the memory"
        )
        apart = ", ".join(f"{key} {value:.1e}" for key, value in found.agreement.items())
        lines.append(f"{'':12}relative differences: {apart}")
    return lines


def _side(name: str, timing: Timing, operations: float, note: str = "") -> str:
    phases = [f"{timing.phases[phase]:.4f}" if phase in timing.phases else "" for phase in PHASES[:3]]
    cells = [name, timing.name + note, f"{timing.median:.4f}", f"{timing.spread:.4f}", *phases]
    return line(STEP, [*cells, f"{operations / timing.median / 1e9:.0f}", f"{timing.memory / 2**20:.0f}"])


def layer_head(rivals: Sequence[object]) -> str:
    """Return the head of the table of layers."""
    return line(LAYER) + (line(RIVAL, words=0) if rivals else "")


def layer_line(layer: Layer, facts: dict[str, Any]) -> str:
    """Return the line of one layer, one way."""
    _, height, width, channels = layer.shape
    seconds = layer.ours.median
    cells = [layer.name.removeprefix("gram "), layer.way, f"{width}x{height} {channels}>{layer.channels}"]
    if layer.name.startswith("gram"):
        cells[1] = {"forward": "gram", "backward": "gradient"}[layer.way]
    cells += [f"{1e3 * seconds:.2f}", f"{1e3 * layer.ours.spread:.2f}"]
    cells += [f"{count / seconds / 1e9:.0f}" if count else "" for count in (layer.direct, layer.done)]
    known = layer.done and "peak" in facts
    cells += [f"{layer.done / seconds / facts['peak']:.0%}" if known else "", f"{layer.error:.1e}"]
    if layer.rival is None:
        return line(LAYER, cells)
    low, middle, high = layer.ratio
    theirs = [f"{1e3 * layer.rival.median:.2f}", f"{middle:.2f}", f"{low:.2f}-{high:.2f}"]
    return line(LAYER, cells) + line(RIVAL, [*theirs, f"{layer.rival_error:.1e}"], words=0)
