"""`python -m nst.train decoder`: what leads from slim's features back to a picture, for universal style transfer."""

from __future__ import annotations

import argparse
import dataclasses

from nst.cli import Parser
from nst.errors import NstError
from nst.session.values import number, whole
from nst.training.decoding import Decoding
from nst.training.sittings import add_sittings, check_output, sit

DESCRIPTION = """Teach decoders, from random weights, to make pictures of the features of slim, the network that comes
with nst, by photographs of any kind: from relu1_1, then from relu2_1, relu3_1 and relu4_1. `python -m nst.universal`
paints with them."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    recipe = Decoding()
    it: Parser = commands.add_parser(
        "decoder", help="slim's decoders, for universal style transfer", description=DESCRIPTION
    )
    it.set_defaults(run=run)
    add = it.add_argument
    add("pictures", nargs="+", help="folders of photographs")
    add(
        "-o",
        "--output",
        default="slim-decoders.h5",
        help="the decoders; checkpoint, log and curve go beside them",
    )
    add("--steps", type=whole(100), default=recipe.steps, help="of all four, most of them the deepest one's")
    add("--batch", type=whole(1, 4096), default=recipe.batch, help="crops in a step")
    add(
        "--side",
        type=whole(16, 4096),
        default=recipe.side,
        metavar="PIXELS",
        help="of a crop, a multiple of 8",
    )
    add(
        "--learning-rate",
        type=number(0, above=True),
        default=recipe.learning_rate,
        help="of the deepest; the others bear several times as much",
    )
    add(
        "--feature-weight",
        type=number(0),
        default=recipe.feature_weight,
        help="of the features of what comes out, beside its pixels",
    )
    add(
        "--style-weight",
        type=number(0),
        default=recipe.style_weight,
        help="of mean and deviation, for the deepest; 0: plain reconstruction alone",
    )
    add_sittings(it, recipe.seed)


def run(options: argparse.Namespace) -> int:
    """Train, or go on with it; write decoders, log and curve."""
    from nst.training.decode_session import DecoderSession

    check_output(options.output)
    if options.side % 8:
        raise NstError(f"--side {options.side}: slim halves a picture three times, so give a multiple of 8")
    return sit(DecoderSession(options, recipe_of(options)), options)


def recipe_of(options: argparse.Namespace) -> Decoding:
    """Return what the arguments ask for."""
    known = {field.name for field in dataclasses.fields(Decoding)}
    return Decoding(**{name: value for name, value in vars(options).items() if name in known})
