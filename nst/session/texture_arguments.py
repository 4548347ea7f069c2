"""The arguments of `python -m nst.texture`: those of a run as far as a texture has them, and its own."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from nst.cli import Parser
from nst.errors import NstError
from nst.images import MAX_PIXELS
from nst.session.arguments import add_network, add_optimiser, add_statistic, add_work
from nst.session.values import layers, number, whole

SCALES = 4  # at the coarsest, an eighth of the size, a bank of bricks is as wide as what the network sees
ITERATIONS = 100  # at each size: the last begins without fine detail, and its loss still falls fast at 40
_EXTENT = re.compile(r"(\d{1,9})x(\d{1,9})|(\d{1,9}(?:\.\d*)?|\.\d+)x")

# What a run has beside, and a texture does not ask for.
_FIXED = {
    "content_weight": 0.0,
    "content_layers": {},
    "style_weight": 1e4,
    "range_weight": 10.0,  # a stiff penalty stops L-BFGS where colours are saturated: 1e4 costs 40 times the loss
    "style_blend": None,
    "style_scale": 1.0,
    "init": "random",
    "original_colors": "no",
    "alpha": "white",
    "padding": "reflect",
}


def extent(text: str) -> str:
    """Return `1024x768` or `2x` as it is, once it is clear that it is one of these."""
    found = _EXTENT.fullmatch(text)
    if not found or not all(float(part) for part in found.groups() if part):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size: write 1024x768, or 2x for twice that of the sample"
        )
    return text


def resolved(text: str, sample: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a texture of a sample of the given height and width.

    >>> resolved("1024x768", (256, 256)), resolved("1.5x", (256, 100))
    ((768, 1024), (384, 150))
    """
    width, height, factor = _EXTENT.fullmatch(text).groups()
    if factor is None:
        return int(height), int(width)
    return round(float(factor) * sample[0]), round(float(factor) * sample[1])


def parser() -> Parser:
    """Return the parser of `python -m nst.texture`."""
    it = Parser(
        prog="python -m nst.texture",
        description="Make a texture of any size from a sample: the same stuff, laid out anew.",
    )
    it.add_argument("pictures", nargs="*", metavar="SAMPLE", help="a picture of some stuff")
    it.add_argument(
        "-o", "--output", default="texture.png", help=".png, .jpg, .webp or .tiff; reports go beside it"
    )
    it.set_defaults(**_FIXED)
    _add_texture(it.add_argument_group("what is wanted"))
    add_network(it.add_argument_group("network"), "avg")
    add_optimiser(it.add_argument_group("optimiser"), ITERATIONS, "at each size")
    add_work(it.add_argument_group("work"))
    return it


def _add_texture(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--size",
        type=extent,
        default="2x",
        metavar="WIDTHxHEIGHT|FACTORx",
        help="in pixels, or in sizes of the sample",
    )
    add("--seamless", action="store_true", help="let left meet right and top meet bottom: it can be tiled")
    add_statistic(group)
    add(
        "--style-layers",
        type=layers,
        metavar="NAME[:W],...",
        help="default: relu1_1 ... relu4_1 of slim, relu1_1, pool1 ... pool4 of a VGG",
    )
    add("--tv-weight", type=number(0), default=0.0, help="weight of total variation a pixel: smoothness")
    add("--sample-size", type=whole(16, 100_000), help="longest side of the sample; default: its own")
    add(
        "--scales",
        type=whole(1, 20),
        metavar="N",
        help=f"sizes made one after the other, each twice the last; default: {SCALES}",
    )
    add("--max-pixels", type=whole(1), default=MAX_PIXELS, help="refuse larger pictures")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse and cross-check the arguments.

    Raises
    ------
    NstError
        For anything that is wrong with them.
    """
    options = parser().parse_intermixed_args(list(argv))
    if len(options.pictures) != 1 and options.resume is None:
        raise NstError(f"give one sample, not {len(options.pictures) or 'none'}")
    return options


def iterations(options: argparse.Namespace) -> list[int]:
    """Return how many iterations each size gets."""
    asked = options.iterations
    return asked * levels(options) if len(asked) == 1 else asked


def levels(options: argparse.Namespace) -> int:
    """Return at how many sizes the texture is made."""
    return options.scales or (len(options.iterations) if len(options.iterations) > 1 else SCALES)
