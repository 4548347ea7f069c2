"""`python -m nst.dream [PICTURE]`: Deep Dream."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.images import MAX_PIXELS
from nst.inside.source import add_network
from nst.session.values import number, whole


def main(argv: Sequence[str]) -> int:
    """Dream; see `python -m nst.dream --help`."""
    options = parse(argv)
    say = _silent if options.quiet else _say
    from nst.inside.dream_run import run  # numba takes a moment, and --help needs none of it
    from nst.kernels.compiled import before_compiling

    before_compiling(lambda: say("compiling the kernels for this machine, once: about 10 s"))
    try:
        print(printable(run(options, say)))
    except MemoryError as error:
        raise NstError("out of memory; use a smaller --tile or --size") from error
    return 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse and cross-check the arguments.

    Raises
    ------
    NstError
        For anything that is wrong with them.
    """
    it = Parser(
        prog="python -m nst.dream",
        description="Change a picture so that a layer of a network sees more of what it sees in it.",
    )
    it.add_argument("picture", nargs="?", help="default: one of our own")
    it.add_argument("-o", "--output", default="dream.png", help="report and record go beside it")
    _add_dream(it.add_argument_group("the dream"))
    _add_sequence(it.add_argument_group("a sequence"))
    add_network(it)
    it.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of the jitter")
    it.add_argument("--quiet", action="store_true", help="print errors only")
    options = it.parse_args(list(argv))
    if options.guide and options.layer and any(":" in layer for layer in options.layer):
        raise NstError("--guide takes whole layers: leave out the channel in --layer")
    return options


def _add_dream(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--layer",
        action="append",
        metavar="LAYER[:CHANNEL]",
        help="what shall be seen more of, once or several times; LAYER:1+7*0.5 for a mixture of channels "
        "(default: inception_4c/output, or of another network the third ReLU from its end)",
    )
    add("--guide", metavar="PICTURE", help="dream of what is in this picture")
    add("--size", type=whole(32, 100_000), help="longest side in pixels; default: the picture's own")
    add("--max-pixels", type=whole(1), default=MAX_PIXELS, help="refuse larger pictures")
    add("--octaves", type=whole(1, 30), default=4, help="sizes, the smallest first")
    add("--octave-scale", type=number(1, 10, above=True), default=1.4, help="from one size to the next")
    add("--iterations", type=whole(1), default=10, help="steps at each size")
    add("--step", type=number(0, 255, above=True), default=1.5, help="mean move of a pixel, in grey levels")
    add("--jitter", type=whole(0, 1000), default=32, help="the furthest roll before each step, in pixels")
    add(
        "--tile",
        type=whole(32),
        default=512,
        help="larger pictures are taken in tiles of this side, which never show: less memory, more time",
    )


def _add_sequence(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--frames",
        type=whole(1, 99_999),
        default=1,
        help="pictures NAME-00001.png ..., each dreamt into the last",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the frames that the same command has left, or add more to them",
    )
    add("--zoom", type=number(0, 0.5), default=0.05, help="share that is cut off from one frame to the next")


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    """Say nothing: `--quiet`."""


if __name__ == "__main__":
    raise SystemExit(run_door(main))
