"""The end of `on_gpu.sh`: what its steps have left in a folder, as one table and one JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def steps(folder: Path) -> list[dict[str, Any]]:
    """Return name, exit status and seconds of each step."""
    lines = (folder / "steps.tsv").read_text().splitlines()
    return [
        {"step": name, "status": int(status), "seconds": float(seconds)}
        for name, status, seconds in (line.split("\t") for line in lines)
    ]


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


def table(done: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """Return both as Markdown."""
    lines = ["| step | exit status | s |", "|---|---:|---:|"]
    lines += [f"| {one['step']} | {one['status']} | {one['seconds']:.1f} |" for one in done]
    lines += ["", "| card | precision | size | ms | MiB | PyTorch ms | PyTorch MiB | times as fast |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|"]
    for one in found:
        numbers = [one[key] for key in ("ms", "MiB", "rival ms", "rival MiB", "ratio")]
        cells = " | ".join("" if number is None else f"{number:.2f}" for number in numbers)
        lines.append(f"| {one['card']} | {one['precision']} | {one['size']} | {cells} |")
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write results.json and results.md, and print the latter."""
    done, found = steps(folder), measured(folder)
    (folder / "results.json").write_text(json.dumps({"steps": done, "measured": found}, indent=1))
    text = table(done, found)
    (folder / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
