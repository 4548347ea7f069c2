"""`python -m nst.fast apply MODEL PICTURE...`: paint in one pass through a trained net."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from nst.cli import Parser, run_door


def parser() -> Parser:
    """Return the parser of `python -m nst.fast`."""
    it = Parser(
        prog="python -m nst.fast",
        description="Paint in one pass through a network that was trained for one style.",
        epilog="`python -m nst.fast COMMAND --help` tells more.",
    )
    commands = it.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _add_apply(commands)
    return it


def _add_apply(commands: argparse._SubParsersAction) -> None:
    from nst.feedforward.pictures import add_pictures
    from nst.session.values import whole

    it: Parser = commands.add_parser(
        "apply", help="paint pictures", description="Paint pictures, each of any size, with a trained net."
    )
    it.set_defaults(run=_apply)
    it.add_argument(
        "model", metavar="MODEL", help="an .npz with the 48 arrays of a net of fast style transfer"
    )
    it.add_argument("pictures", nargs="+", metavar="PICTURE", help="files, or folders of them")
    it.add_argument(
        "-o", "--output", help="a file for one picture, a folder for several; default: out.png, painted"
    )
    add_pictures(it, None, ("after",))
    it.add_argument(
        "--tile",
        type=whole(64),
        default=1024,
        metavar="PIXELS",
        help="take pictures larger than two such squares in tiles of that side, which never show",
    )
    it.add_argument("--quiet", action="store_true", help="print errors only")


def _apply(options: argparse.Namespace) -> int:
    from nst.feedforward.pictures import Job, each, jobs, read, write
    from nst.feedforward.tiles import stylised_in_tiles
    from nst.formats.fast_style import read_fast_style
    from nst.networks.fast_style import stylised

    network = read_fast_style(options.model)

    def paint(job: Job) -> str:
        picture, pixels = read(job.source, options)
        started = time.perf_counter()
        large = pixels.shape[0] * pixels.shape[1] > 2 * options.tile**2
        painting = stylised_in_tiles(network, pixels, options.tile) if large else stylised(network, pixels)
        seconds = time.perf_counter() - started
        write(job.target, painting, picture, options)
        height, width = painting.shape[:2]
        return f"{job.source} -> {job.target}  {width}x{height}, {seconds:.2f} s"

    return each(jobs(options.pictures, options.output, [options.model]), paint, options.quiet)


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names; see `python -m nst.fast --help`."""
    options = parser().parse_args(list(argv))
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
