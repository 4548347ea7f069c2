"""`python -m nst.run CONTENT STYLE ...`: paint a photograph in the style of a painting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nst.cli import run_door
from nst.engine.checkpoint import Checkpoint, load_checkpoint
from nst.session.arguments import parse, resumed
from nst.session.check import check, shrink
from nst.session.outputs import Outputs, checkpoint_path
from nst.session.paint import Run
from nst.session.plan import make_plan


def main(argv: Sequence[str]) -> int:
    """Paint, or check, or only say what would be done; see `python -m nst.run --help`."""
    options, checkpoint, arguments = parse(argv), None, list(argv)
    if options.resume is not None:
        checkpoint = load_checkpoint(options.resume or checkpoint_path(options.output))
        options = resumed(argv, checkpoint.settings.get("arguments"))
        changed = [f"--output={options.output}", f"--iterations={options.iterations}"]
        arguments = [*checkpoint.settings["arguments"], *changed]  # for the checkpoints of this run
    if options.check_gradients:
        return check(make_plan(shrink(options)))
    if options.dry_run:
        print("\n".join(make_plan(options).describe()))
        return 0
    return _paint(options, checkpoint, arguments)


def _paint(options: argparse.Namespace, checkpoint: Checkpoint | None, arguments: list[str]) -> int:
    outputs = Outputs(options.output, [*options.pictures, options.init, options.weights or ""])
    plan = make_plan(options)
    say = _silent if options.quiet else _say
    run = Run(plan, outputs, arguments)
    if checkpoint is not None:
        run.restore(checkpoint)
    say("\n".join(plan.notes))
    reason, interrupted = run.paint()
    say(f"{reason}; wrote {outputs.picture}, {outputs.record.name}, {outputs.report.name}")
    if interrupted:
        say(f"go on with: python -m nst.run --resume {outputs.checkpoint}")
    return 130 if interrupted else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(text: str) -> None:
    """Say nothing: `--quiet`."""


if __name__ == "__main__":
    raise SystemExit(run_door(main))
