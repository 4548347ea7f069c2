"""`python -m nst.fast train|apply|texture`: nets that paint in one pass."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

from nst.cli import Parser, run_door
from nst.errors import NstError, printable


def parser() -> Parser:
    """Return the parser of `python -m nst.fast`."""
    from nst.training import train_fast

    it = Parser(
        prog="python -m nst.fast",
        description="Paint in one pass through a network that was trained for one style, or for several.",
        epilog="`python -m nst.fast COMMAND --help` tells more.",
    )
    commands = it.add_subparsers(metavar="COMMAND", dest="command", required=True)
    train_fast.add(commands)
    _add_apply(commands)
    _add_texture(commands)
    return it


def _add_apply(commands: argparse._SubParsersAction) -> None:
    from nst.feedforward.pictures import add_pictures
    from nst.session.values import number

    it: Parser = commands.add_parser(
        "apply", help="paint pictures", description="Paint pictures, each of any size, with a trained net."
    )
    it.set_defaults(run=_apply)
    add = it.add_argument
    told = "starry-night, which comes with nst; a net of nst.fast train; or an .npz with the 48 arrays of one of others"
    add("model", metavar="MODEL", help=told)
    add("pictures", nargs="+", metavar="PICTURE", help="files, or folders of them")
    add("-o", "--output", help="a file for one picture, a folder for several; default: out.png, painted")
    _add_styles(it)
    add_pictures(it, None, ("after",))
    told = "what pictures are normalised by, so that they do not flicker"
    frames = it.add_argument_group("frames of a film", told).add_argument
    told = "each by its own statistics; all by those of all together; or by such as follow the frames"
    frames("--frames", choices=("each", "shared", "smooth"), default="each", help=told)
    told = "smooth: how much stays from frame to frame (default: 0.9)"
    frames("--keep", type=number(0, 0.9999), help=told)
    _add_work(it)


def _add_texture(commands: argparse._SubParsersAction) -> None:
    from nst.images import MAX_PIXELS
    from nst.session.values import whole

    it: Parser = commands.add_parser(
        "texture",
        help="make a texture",
        description="Make a texture from noise, with a net that was trained for one.",
    )
    it.set_defaults(run=_texture)
    add = it.add_argument
    add("model", metavar="MODEL", help="a net of nst.fast train --mode texture")
    add("-o", "--output", default="out.png", help=".png, .jpg, .webp or .tiff")
    add("--size", type=whole(16, 100_000), default=512, metavar="PIXELS", help="of a side")
    add("--max-pixels", type=whole(1), default=MAX_PIXELS, help="refuse larger pictures")
    _add_styles(it)
    _add_work(it)


def _add_styles(it: Parser) -> None:
    from nst.session.values import shares, whole

    add = it.add_argument
    add("--style", metavar="NAME", help="which of the net's styles, by name or number; default: the first")
    add("--style-blend", type=shares, metavar="W,...", help="a mixture: one weight for each of its styles")
    add("--seed", type=whole(0, 2**63 - 1), default=0, help="of the noise that a pyramid reads")


def _add_work(it: Parser) -> None:
    from nst.session.values import whole

    add = it.add_argument_group("work").add_argument
    told = "take pictures larger than two such squares in tiles of that side, which never show"
    add("--tile", type=whole(64), default=1024, metavar="PIXELS", help=told)
    add("--quiet", action="store_true", help="print errors only")


def _apply(options: argparse.Namespace) -> int:
    from nst.feedforward.painters import Painter, read_painter
    from nst.feedforward.pictures import Job, each, jobs, read, write

    if options.keep is not None and options.frames != "smooth":
        raise NstError("--keep says how much stays with --frames smooth: name that too")
    painter = read_painter(options.model, options.style, options.style_blend, options.seed)
    if painter.texture:
        raise NstError(f"{options.model} makes textures from noise: python -m nst.fast texture")
    wanted = jobs(options.pictures, options.output, [options.model])
    of_frame = _held(options, painter, wanted)

    def paint(job: Job) -> str:
        picture, pixels = read(job.source, options)
        started = time.perf_counter()
        now: Painter = of_frame(pixels)
        painting = now.paint(pixels, options.tile)
        seconds = time.perf_counter() - started
        write(job.target, painting, picture, options)
        height, width = painting.shape[:2]
        return f"{job.source} -> {job.target}  {width}x{height}, {seconds:.2f} s"

    return each(wanted, paint, options.quiet)


def _held(options: argparse.Namespace, painter, wanted) -> Callable:
    """Return what gives each frame its painter."""
    from nst.feedforward.statistics import followed

    if options.frames == "each":
        return lambda pixels: painter
    if options.frames == "shared":
        shared = painter.shared(_readable(options, wanted), options.tile)
        return lambda pixels: shared
    last, keep = None, 0.9 if options.keep is None else options.keep

    def following(pixels):
        nonlocal last
        last = followed(last, painter.statistics(pixels, options.tile), keep)
        return painter.held(last)

    return following


def _readable(options: argparse.Namespace, wanted) -> Iterator:
    """Yield the pixels of all pictures that can be read; of the others is told when they are to be painted."""
    from nst.feedforward.pictures import read

    for job in wanted:
        try:
            yield read(job.source, options)[1]
        except NstError:
            if job.named:
                raise


def _texture(options: argparse.Namespace) -> int:
    """Make a texture in whole steps of the net, so that it can be laid beside itself."""
    import numpy as np

    from nst.feedforward.painters import read_painter
    from nst.images import check_target, save
    from nst.session.outputs import refuse_overwriting

    target = check_target(options.output)
    refuse_overwriting(options.output, [target], [options.model])
    painter = read_painter(options.model, options.style, options.style_blend, options.seed)
    if not painter.texture:
        raise NstError(f"{options.model} paints pictures: python -m nst.fast apply")
    side = -(-options.size // painter.step) * painter.step
    if side * side > options.max_pixels:
        raise NstError(f"{side} x {side} pixels are more than --max-pixels {options.max_pixels}")
    started = time.perf_counter()
    painting = painter.paint(np.zeros((side, side, 3), np.float32), options.tile)
    seconds = time.perf_counter() - started
    save(target, painting, None)
    if not options.quiet:
        print(printable(f"{target}  {side}x{side}, {seconds:.2f} s"), flush=True)
    return 0


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names; see `python -m nst.fast --help`."""
    options = parser().parse_args(list(argv))
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
