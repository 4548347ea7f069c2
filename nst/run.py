"""`python -m nst.run CONTENT STYLE ...`: paint a photograph in the style of a painting."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from nst.cli import run_door
from nst.engine.checkpoint import Checkpoint, load_checkpoint
from nst.errors import printable
from nst.session.arguments import parse
from nst.session.check import check, shrink
from nst.session.outputs import Outputs, checkpoint_path
from nst.session.paint import Run
from nst.session.plan import Plan, make_plan
from nst.session.resuming import resumed


def main(argv: Sequence[str]) -> int:
    """Paint, or check, or only say what would be done; see `python -m nst.run --help`."""
    options, checkpoint = parse(argv), None
    if options.resume is not None:
        path = Path(options.resume or checkpoint_path(options.output))
        checkpoint = load_checkpoint(path)
        options = resumed(argv, checkpoint.settings.get("arguments"), path.parent)
    if options.check_gradients:
        return check(make_plan(shrink(options)))
    outputs = Outputs(options.output, [*options.pictures, options.init, options.weights or ""])
    plan = make_plan(options)
    if options.dry_run:
        _print(plan.describe())
        return 0
    return _paint(plan, outputs, checkpoint)


def _paint(plan: Plan, outputs: Outputs, checkpoint: Checkpoint | None) -> int:
    say = _silent if plan.options.quiet else _say
    run = Run(plan, outputs, checkpoint)
    say(*plan.notes)
    reason, interrupted = run.paint()
    say(f"{reason}; wrote {outputs.picture}, {outputs.record.name}, {outputs.report.name}")
    if interrupted:
        say(f"go on with: python -m nst.run --resume {outputs.checkpoint}")
    return 130 if interrupted else 0


def _print(lines: Iterable[str], stream: TextIO | None = None) -> None:
    print("\n".join(map(printable, lines)), file=stream)


def _say(*lines: str) -> None:
    _print(lines, sys.stderr)


def _silent(*lines: str) -> None:
    """Say nothing: `--quiet`."""


if __name__ == "__main__":
    raise SystemExit(run_door(main))
