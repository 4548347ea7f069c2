"""`python -m nst.train distil`: the narrow network that paints without a download, from random weights."""

from __future__ import annotations

import argparse
import dataclasses

from nst.cli import Parser
from nst.session.values import number, whole
from nst.training.distillation import Distillation
from nst.training.sittings import add_sittings, check_output, sit

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
    add_sittings(it, recipe.seed)


def run(options: argparse.Namespace) -> int:
    """Distil, or go on with it; write weights, log and curve."""
    from nst.training.distil_session import Session

    check_output(options.output)
    return sit(Session(options, recipe_of(options)), options)


def recipe_of(options: argparse.Namespace) -> Distillation:
    """Return what the arguments ask for."""
    known = {field.name for field in dataclasses.fields(Distillation)}
    return Distillation(**{name: value for name, value in vars(options).items() if name in known})
