"""`python -m nst.look unit`: the picture that a unit, a channel, a layer or a class wants."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from nst.cli import Parser
from nst.errors import printable
from nst.inside.source import add_network
from nst.session.values import number, whole

DESCRIPTION = """Make the picture that excites something most: LAYER:CHANNEL the mean of a channel,
LAYER:CHANNEL@ROW,COLUMN or LAYER:CHANNEL@middle one unit, LAYER:1+7*0.5 a mixture of channels, LAYER all of a layer,
class:NAME or class:NUMBER a class of ImageNet before softmax."""

OVERRIDES = ("iterations", "rate", "jitter", "turn", "zoom", "falloff", "start")
RULES = ("decay", "blur", "blur_every", "small_norm", "small_contribution")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("unit", help="the picture that a unit wants", description=DESCRIPTION)
    it.set_defaults(run=run)
    it.add_argument(
        "targets", nargs="+", metavar="TARGET", help="such as inception_4c/output:12 or class:zebra"
    )
    it.add_argument(
        "-o", "--output", default="unit.png", help="all pictures side by side; a record goes beside it"
    )
    add_network(it)
    it.add_argument(
        "--size", type=whole(16, 4096), help="of each side; default: what the classifier was trained on"
    )
    it.add_argument("--count", type=whole(1, 64), default=1, help="pictures of each target")
    it.add_argument(
        "--diversity", type=number(0), default=0.0, help="how hard those of one target keep apart"
    )
    it.add_argument("--diversity-layer", metavar="LAYER", help="where; default: the target's own")
    it.add_argument("--power", type=number(0), default=2.0, help="of the cosine, for a mixture of channels")
    it.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of starts and views")
    it.add_argument(
        "--stretch", action="store_true", help="save with full contrast, as Yosinski's program does"
    )
    it.add_argument("--quiet", action="store_true", help="print errors only")
    _add_recipe(it.add_argument_group("how", "each changes one setting of the recipe"))


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--recipe",
        default="waves",
        help="waves, lucid (waves with Lucid's settings), yosinski-1 to yosinski-4 (his table 1), plain (no rules)",
    )
    add("--iterations", type=whole(1), help="steps")
    add(
        "--rate",
        type=number(0, above=True),
        help="of Adam on waves, or what multiplies the gradient of pixels",
    )
    add("--jitter", type=number(0), help="each look is moved by up to so many pixels")
    add("--turn", type=number(0, 180), help="and turned by up to so many degrees")
    add("--zoom", type=number(0, 0.9), help="and zoomed by up to this share")
    add(
        "--falloff",
        type=number(0, 4),
        help="waves: amplitudes fall as this power of frequency; 1 as in photographs",
    )
    add("--start", type=number(0, above=True), help="strength of the noise to start from")
    add("--decay", type=number(0, 1), help="pixels: share by which they fade at each step")
    add("--blur", type=number(0, 100), help="pixels: standard deviation of the blur")
    add("--blur-every", type=whole(0), help="pixels: steps from one blur to the next")
    add("--small-norm", type=number(0, 100), help="pixels: per cent set to grey, the faintest")
    add("--small-contribution", type=number(0, 100), help="pixels: per cent set to grey, the least important")


def run(options: argparse.Namespace) -> int:
    """Make the pictures, write them and their record, and tell of each."""
    from nst.images import check_target
    from nst.inside.recipes import recipe
    from nst.inside.source import read_network
    from nst.inside.target import term_of
    from nst.inside.unit_sheet import Job, make
    from nst.kernels.compiled import before_compiling

    say = _silent if options.quiet else _say
    before_compiling(lambda: say("compiling the kernels for this machine, once: about 10 s"))
    chosen = _changed(recipe(options.recipe), options)
    output = check_target(options.output)
    source = read_network(options, [*options.targets, *filter(None, [options.diversity_layer])])
    terms = [term_of(target, source, options.power) for target in options.targets]
    say(source.line)
    job = Job(source, dict(zip(options.targets, terms, strict=True)), chosen, options, output)
    for line in make(job, say):
        print(printable(line), flush=True)
    return 0


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    """Say nothing: `--quiet`."""


def _changed(recipe: object, options: argparse.Namespace) -> object:
    """Return the recipe with what the arguments change."""
    given = {key: value for key, value in vars(options).items() if value is not None}
    rules = dataclasses.replace(recipe.rules, **{key: given[key] for key in RULES if key in given})
    return dataclasses.replace(recipe, rules=rules, **{key: given[key] for key in OVERRIDES if key in given})
