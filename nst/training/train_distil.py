"""`python -m nst.train distil`: the narrow network that paints without a download, from random weights."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

from nst.cli import Parser
from nst.errors import NstError
from nst.session.values import number, whole
from nst.training.distillation import Distillation

DESCRIPTION = """Teach a narrow VGG, from random weights, to tell the features of VGG-19, by photographs of any kind.
What it becomes serves style transfer as its teacher does."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    recipe = Distillation()
    it: Parser = commands.add_parser(
        "distil", help="the narrow VGG of style transfer, taught by VGG-19", description=DESCRIPTION
    )
    it.set_defaults(run=run)
    add = it.add_argument
    add("pictures", nargs="+", help="folders of photographs")
    add("-o", "--output", default="slim.h5", help="the weights; checkpoint, log and curve go beside them")
    add("--teacher", metavar="FILE", help="weights of VGG-19; default: where they are found")
    add("--steps", type=whole(100), default=recipe.steps)
    add("--batch", type=whole(1, 4096), default=recipe.batch, help="crops in a step")
    add("--learning-rate", type=number(0, above=True), default=recipe.learning_rate)
    add(
        "--average",
        type=number(0, 0.999999, above=True),
        default=recipe.average,
        help="of the weights, from step to step",
    )
    add(
        "--gram-from",
        type=number(0, 1),
        default=recipe.gram_from,
        metavar="SHARE",
        help="of the steps, before Gram matrices count",
    )
    add(
        "--painted",
        type=whole(0, 4096),
        default=recipe.painted,
        metavar="N",
        help="pictures that the student paints, four times, and learns from; 0 for none",
    )
    add("--seed", type=whole(0), default=recipe.seed)
    add("--dtype", choices=("float32", "float16"), default="float16", help="of the result")
    add(
        "--report-every",
        type=whole(1),
        default=250,
        metavar="STEPS",
        help="between two lines of the log, and two checkpoints",
    )
    add(
        "--stop-after",
        type=number(0, above=True),
        metavar="MINUTES",
        help="leave a checkpoint then, and stop",
    )
    add("--resume", action="store_true", help="go on from the checkpoint beside the output")
    add("--workers", type=whole(0, 64), default=1, help="threads that prepare crops")


def run(options: argparse.Namespace) -> int:
    """Distil, or go on with it; write weights, log and curve."""
    from nst.session.interrupt import interruptible
    from nst.training.distil_session import Session

    if Path(options.output).suffix != ".h5":
        raise NstError(
            f"cannot write {options.output}: the canonical format is HDF5, so the name must end in .h5"
        )
    session = Session(options, recipe_of(options))
    limit = time.monotonic() + 60 * options.stop_after if options.stop_after else float("inf")
    with interruptible() as interrupted:
        for line in session.run(lambda: interrupted() or time.monotonic() > limit):
            print(line, flush=True)
    return 0


def recipe_of(options: argparse.Namespace) -> Distillation:
    """Return what the arguments ask for."""
    known = {field.name for field in dataclasses.fields(Distillation)}
    return Distillation(**{name: value for name, value in vars(options).items() if name in known})
