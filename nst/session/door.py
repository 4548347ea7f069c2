"""What the doors do that optimise a picture: go on or begin, say or do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TextIO

from nst.engine.checkpoint import Checkpoint, load_checkpoint
from nst.errors import NstError, printable
from nst.kernels import no_card
from nst.session.estimate import foretold, is_long
from nst.session.outputs import Outputs, checkpoint_path
from nst.session.paint import Run
from nst.session.plan import Plan
from nst.session.resuming import check_belongs, process_of, resumed
from nst.session.scales import left


def go(
    door: str,
    argv: Sequence[str],
    form: ModuleType,
    make_plan: Callable[[argparse.Namespace, Mapping[str, int]], Plan],
    instead: Callable[[argparse.Namespace], int | None] = lambda options: None,
) -> int:
    """Paint, or only say what would be done; return an exit status.

    Parameters
    ----------
    door
        Its name, for who goes on with a checkpoint.
    argv
        The arguments of the call.
    form
        A module with `parser()`, `parse(argv)` and `levels(options)`.
    make_plan
        Of options, and of the memory of the process on each device where that is known.
    instead
        May do something else with the options, and return an exit status.
    """
    options, checkpoint = form.parse(argv), None
    _announce_compiling(_silent if options.quiet else _say, getattr(options, "device", "cpu"))
    if options.resume is not None:
        path = Path(options.resume or checkpoint_path(options.output))
        checkpoint = load_checkpoint(path)
        options = resumed(argv, checkpoint.settings.get("arguments"), path.parent, form)
    if (status := instead(options)) is not None:
        return status
    outputs = Outputs(options.output, [*options.pictures, options.init, options.weights or ""])
    plan = make_plan(options, process_of(checkpoint) if checkpoint else {})
    ahead = left(plan.scales)
    if checkpoint is not None:
        check_belongs(checkpoint, plan)
        ahead = left(plan.scales, checkpoint.scale, checkpoint.done)
    if options.dry_run:
        _print(plan.describe())
        _print(foretold(plan, ahead))
        return 0
    return _paint(door, plan, outputs, checkpoint, ahead)


def _paint(door: str, plan: Plan, outputs: Outputs, checkpoint: Checkpoint | None, ahead: list[int]) -> int:
    say = _silent if plan.options.quiet else _say
    try:
        run = Run(plan, outputs, checkpoint)
        say(*plan.notes)
        if is_long(plan, ahead):
            say(foretold(plan, ahead)[-1])
        reason, interrupted = run.paint()
    except MemoryError as error:
        raise NstError(_out_of_memory(plan, error)) from error
    say(f"{reason}; wrote {outputs.picture}, {outputs.record.name}, {outputs.report.name}")
    if interrupted:
        say(f"go on with: python -m {door} --resume {outputs.checkpoint}")
    return 130 if interrupted else 0


def _out_of_memory(plan: Plan, error: MemoryError) -> str:
    if plan.on_card:
        return f"out of memory: {error}; --memory 50% paints within half of the card's"
    return "out of memory; --memory 50% paints within half of the machine's"


_listening: list[Callable[[], None]] = []  # whoever called last: one process may open the door several times


def _announce_compiling(say: Callable[..., None], device: str) -> None:
    """Let it be said when kernels must be compiled, in place of a long silence."""

    def announce() -> None:
        on_card = device == "cuda" or (device == "auto" and no_card() is None)
        say(f"compiling the kernels for this machine, once: about {'a minute' if on_card else '10 s'}")

    _listening[:] = [announce]
    _listen()


@cache
def _listen() -> None:
    # Here, since numba takes a moment, and --help needs none of it.
    from nst.kernels.compiled import before_compiling, lean

    lean()
    before_compiling(lambda: _listening[0]())


def _print(lines: Iterable[str], stream: TextIO | None = None) -> None:
    print("\n".join(map(printable, lines)), file=stream)


def _say(*lines: str) -> None:
    _print(lines, sys.stderr)


def _silent(*lines: str) -> None:
    """Say nothing: `--quiet`."""
