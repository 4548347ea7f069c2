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
STEP = ("", 12), ("", 46), ("s", 9), ("±", 9)
RATES = ("GFLOP/s", 9), ("MiB", 7)
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


def about(job: Job) -> str:
    """Return what is measured, in words."""
    told = job.settings
    if job.kind == "train":
        return f"VGG-19 with batch normalisation, a training step of {len(job.arrays['images'])} pictures"
    if job.kind == "painting":
        return "Johnson's net with instance normalisation, a picture in one pass"
    network = f"{told['network']} to {told['layers'][-1]}, {told['pooling']} pooling"
    return (
        f"{network}: content {', '.join(told['content'])}; style {', '.join(told['styles'])}; total variation"
    )


def step_head(found: Measured) -> str:
    """Return the head of a table of steps."""
    return line([*STEP, *((phase, 10) for phase in _phases(found)), *RATES])


def _phases(found: Measured) -> list[str]:
    return [phase for phase in PHASES if phase in found.ours.phases]


def step_lines(name: str, found: Measured, operations: float) -> list[str]:
    """Return a line for each side, and what they say of each other."""

    def side(name: str, timing: Timing, note: str = "") -> str:
        phases = [(f"{timing.phases.get(phase, 0):.4f}", 10) for phase in _phases(found)]
        rates = (f"{operations / timing.median / 1e9:.0f}", 9), (f"{timing.memory / 2**20:.0f}", 7)
        cells = (name, 12), (timing.name + note, 46), (f"{timing.median:.4f}", 9), (f"{timing.spread:.4f}", 9)
        return line([*cells, *phases, *rates])

    lines = [side(name, found.ours)]
    if found.rival:
        lines.append(side("", found.rival))
        lines += [side("", timing, " (tried)") for timing in found.tried]
    lines.append(f"{'':12}first step {found.start_up:.2f} s after the start of the process")
    if found.rival:
        low, middle, high = found.ratio
        memory = found.ours.memory / found.rival.memory
        lines.append(
            f"{'':12}{middle:.2f} times as fast as {found.rival.name} (quartiles {low:.2f} to {high:.2f}) "
            f"in {memory:.2f} of the memory"
        )
        apart = ", ".join(f"{key} {value:.1e}" for key, value in found.agreement.items())
        lines.append(f"{'':12}relative differences: {apart}")
    return lines


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
