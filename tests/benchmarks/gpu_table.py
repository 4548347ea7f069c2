"""What the steps of `on_gpu.sh` have left in a folder, as one table and one JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst.files import atomic_write
from tests.benchmarks.timed_steps import Step


def measured(folder: Path) -> list[dict[str, Any]]:
    """Return each whole step that was measured: precision, size, both sides' milliseconds and MiB, and their ratio."""
    found = []
    for path in sorted(folder.glob("step-*.json")):
        record = json.loads(path.read_text())
        for row in record["rows"]:
            step = row["step"]
            ours, rival = step["ours"], step.get("rival")
            found.append(
                {
                    "card": record["machine"].get("card", ""),
                    "precision": record["settings"]["precision"],
                    "size": row["name"],
                    "ms": 1e3 * median(ours["seconds"]),
                    "MiB": ours["memory"] / 2**20,
                    "rival": rival["name"] if rival else None,
                    "rival ms": 1e3 * median(rival["seconds"]) if rival else None,
                    "rival MiB": rival["memory"] / 2**20 if rival else None,
                    "ratio": step["ratio"][1] if rival else None,
                    "agreement": step.get("agreement", {}),
                }
            )
    return found


def median(seconds: Sequence[float]) -> float:
    """Return the middle one, or the mean of both."""
    ordered = sorted(seconds)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def painted(folder: Path) -> dict[str, Any]:
    """Return what the painting took: iterations, seconds of all and of the median one, in ms, and the losses."""
    try:
        record = json.loads((folder / "painting.json").read_text())
    except FileNotFoundError:
        return {}
    rows = record["trace"]["rows"]
    seconds = [row["seconds"] for row in rows]
    return {
        "iterations": len(rows),
        "seconds": math.fsum(seconds),
        "ms": 1e3 * median(seconds),
        "loss": [float(rows[0]["loss"]), float(rows[-1]["loss"])],
        "stopped": record.get("stopped", ""),
    }


def table(done: Sequence[Step], found: list[dict[str, Any]], painting: dict[str, Any]) -> str:
    """Return everything as Markdown."""
    lines = ["| step | exit status | s |", "|---|---:|---:|"]
    lines += [f"| {one.name} | {one.status} | {one.seconds:.1f} |" for one in done]
    lines += ["", "| card | precision | size | ms | MiB | PyTorch ms | PyTorch MiB | times as fast |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|"]
    for one in found:
        numbers = [one[key] for key in ("ms", "MiB", "rival ms", "rival MiB", "ratio")]
        cells = " | ".join("" if number is None else f"{number:.2f}" for number in numbers)
        lines.append(f"| {one['card']} | {one['precision']} | {one['size']} | {cells} |")
    if painting:
        first, last = painting["loss"]
        lines += [
            "",
            f"{painting['iterations']} iterations of a painting took {painting['seconds']:.1f} s, the median one "
            f"{painting['ms']:.1f} ms; the loss went from {first:.4g} to {last:.4g}.",
        ]
    return "\n".join(lines) + "\n"


def write_results(folder: Path, done: Sequence[Step]) -> None:
    """Write results.json and results.md of what there is by now."""
    found, painting = measured(folder), painted(folder)
    steps = [{"step": one.name, "status": one.status, "seconds": one.seconds} for one in done]
    document = {"steps": steps, "measured": found, "painting": painting}
    for name, text in (
        ("results.json", json.dumps(document, indent=1)),
        ("results.md", table(done, found, painting)),
    ):
        with atomic_write(folder / name) as file:
            file.write(text.encode())
