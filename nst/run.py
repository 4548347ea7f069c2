"""`python -m nst.run CONTENT STYLE ...`: paint a photograph in the style of a painting."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from nst.cli import run_door
from nst.engine.checkpoint import Checkpoint, load_checkpoint
from nst.errors import NstError, printable
from nst.session.arguments import parse
from nst.session.estimate import foretold, is_long
from nst.session.outputs import Outputs, checkpoint_path
from nst.session.paint import Run
from nst.session.plan import Plan, make_plan
from nst.session.resuming import check_belongs, process_of, resumed
from nst.session.scales import left


def main(argv: Sequence[str]) -> int:
    """Paint, or check, or only say what would be done; see `python -m nst.run --help`."""
    options, checkpoint = parse(argv), None
    _announce_compiling(_silent if options.quiet else _say)
    if options.resume is not None:
        path = Path(options.resume or checkpoint_path(options.output))
        checkpoint = load_checkpoint(path)
        options = resumed(argv, checkpoint.settings.get("arguments"), path.parent)
    if options.check_gradients:
        from nst.session.check import check, shrink  # which no run needs

        return check(make_plan(shrink(options)))
    outputs = Outputs(options.output, [*options.pictures, options.init, options.weights or ""])
    plan = make_plan(options, checkpoint and process_of(checkpoint))
    ahead = left(plan.scales)
    if checkpoint is not None:
        check_belongs(checkpoint, plan)
        ahead = left(plan.scales, checkpoint.scale, checkpoint.done)
    if options.dry_run:
        _print(plan.describe())
        _print(foretold(plan, ahead))
        return 0
    return _paint(plan, outputs, checkpoint, ahead)


def _paint(plan: Plan, outputs: Outputs, checkpoint: Checkpoint | None, ahead: list[int]) -> int:
    say = _silent if plan.options.quiet else _say
    try:
        run = Run(plan, outputs, checkpoint)
        say(*plan.notes)
        if is_long(plan, ahead):
            say(foretold(plan, ahead)[-1])
        reason, interrupted = run.paint()
    except MemoryError as error:
        raise NstError("out of memory; --memory 50% paints within half of the machine's") from error
    say(f"{reason}; wrote {outputs.picture}, {outputs.record.name}, {outputs.report.name}")
    if interrupted:
        say(f"go on with: python -m nst.run --resume {outputs.checkpoint}")
    return 130 if interrupted else 0


def _announce_compiling(say: Callable[[str], None]) -> None:
    """Let it be said when kernels must be compiled, in place of a long silence."""
    from nst.kernels.compiled import (
        before_compiling,
        lean,
    )  # numba takes a moment, and --help needs none of it

    lean()
    before_compiling(lambda: say("compiling the kernels for this machine, once: about 10 s"))


def _print(lines: Iterable[str], stream: TextIO | None = None) -> None:
    print("\n".join(map(printable, lines)), file=stream)


def _say(*lines: str) -> None:
    _print(lines, sys.stderr)


def _silent(*lines: str) -> None:
    """Say nothing: `--quiet`."""


if __name__ == "__main__":
    raise SystemExit(run_door(main))
