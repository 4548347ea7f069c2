"""`python -m nst.universal CONTENT STYLE...`: any style in one pass, without training for it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.feedforward.pictures import add_pictures, read, write
from nst.session.values import number, shares, whole


def parser() -> Parser:
    """Return the parser of `python -m nst.universal`."""
    it = Parser(
        prog="python -m nst.universal",
        description="Paint a picture in any style in one pass: encode it, give its features the statistics of the "
        "style's, and decode them.",
    )
    it.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="the content, then the styles; with --texture styles alone",
    )
    it.add_argument("-o", "--output", default="out.png", help=".png, .jpg, .webp or .tiff")
    wanted = it.add_argument_group("what is wanted")
    add = wanted.add_argument
    add("--method", choices=("adain", "wct"), default="adain",
        help="adain: mean and deviation of each channel; wct: the whole covariance, on several levels")  # fmt: skip
    add(
        "--alpha",
        type=number(0, 1),
        help="how much of the style, from 0 to 1; default: 1, wct on a photograph 0.6",
    )
    add("--style-blend", type=shares, metavar="W,...", help="one weight for each style; equal by default")
    add("--masks", nargs="+", metavar="MASK", help="a picture for each style: white where the style goes")
    add(
        "--levels",
        metavar="DIGITS",
        help="wct: which levels, in their order; default: 4321, of VGG-19's 54321",
    )
    add(
        "--passes",
        type=whole(1, 100),
        help="how often all levels take their turn; default: 1, 3 with --texture",
    )
    add("--texture", action="store_true", help="no content: a texture like the styles, from noise")
    add("--seed", type=whole(0, 2**63 - 1), default=0, help="of that noise")
    add_pictures(it.add_argument_group("pictures"), 512, ("after", "before"))
    add = it.add_argument_group("work").add_argument
    add(
        "--weights",
        metavar="PATH",
        help="a folder of VGG-19's encoders and decoders, or a file that `nst.train decoder` wrote; default: those in "
        "$NST_WEIGHTS, else slim's, which come with nst",
    )
    add("--quiet", action="store_true", help="print errors only")
    return it


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse and cross-check the arguments.

    Raises
    ------
    NstError
        For anything that is wrong with them.
    """
    options = parser().parse_intermixed_args(list(argv))
    options.content, options.styles = (
        (None, options.pictures) if options.texture else (options.pictures[0], options.pictures[1:])
    )
    if not options.styles:
        raise NstError("a style picture is missing: give the content, then one or more styles")
    count = len(options.styles)
    options.style_blend = options.style_blend or [1.0] * count
    if len(options.style_blend) != count:
        raise NstError(f"--style-blend has {len(options.style_blend)} weights for {count} styles")
    if options.masks and len(options.masks) != count:
        raise NstError(f"--masks: there are {len(options.masks)} for {count} styles; give one for each")
    if options.levels is not None and (not options.levels or set(options.levels) - set("12345")):
        raise NstError(f"--levels {options.levels}: give digits from 1 to 5, such as 54321")
    if options.levels is not None and options.method != "wct":
        raise NstError("--levels: AdaIN has one level; leave it out, or choose --method wct")
    if options.texture and options.original_colors != "no":
        raise NstError("--original-colors: a texture has no photograph whose colours could be kept")
    options.passes = options.passes or (3 if options.texture else 1)
    if options.alpha is None:
        options.alpha = 0.6 if options.method == "wct" and not options.texture else 1.0
    return options


def main(argv: Sequence[str]) -> int:
    """Paint; see `python -m nst.universal --help`."""
    options = parse(argv)
    from nst.images import check_target
    from nst.session.outputs import refuse_overwriting

    target = check_target(options.output)
    refuse_overwriting(options.output, [target], [*options.pictures, *(options.masks or ())])
    universal = _universal(options)
    picture, content, styles, share = _pictures(options)
    started = time.perf_counter()
    painting = universal.paint(content, styles, share)
    seconds = time.perf_counter() - started
    write(target, painting, picture, options)
    if not options.quiet:
        height, width = painting.shape[:2]
        print(printable(f"{target}  {width}x{height}, {options.method}, {seconds:.2f} s"))
    return 0


def _universal(options: argparse.Namespace):
    """Return what paints; say so where it is what comes with nst."""
    from nst.feedforward.transforms import WCT, AdaIN
    from nst.feedforward.universal import Universal
    from nst.formats.codec_files import NAMES, read_adain, read_slim, read_wct
    from nst.networks import codecs, slim_codecs

    adain = options.method == "adain"
    folder = _folder(options, NAMES[options.method])
    levels = [int(digit) for digit in options.levels or ""]
    if folder:
        found = read_adain(folder) if adain else read_wct(folder, levels or codecs.LEVELS)
    else:
        if max(levels, default=0) > max(slim_codecs.LEVELS):
            raise NstError(
                f"--levels {options.levels}: slim has levels 1 to 4; name VGG-19's with --weights FOLDER"
            )
        wanted = slim_codecs.LEVELS[:1] if adain else levels or slim_codecs.LEVELS
        found = read_slim(options.weights and Path(options.weights), wanted)
        if not options.quiet and not options.weights:
            names = " and ".join(NAMES[options.method])
            print(f"with slim, which comes with nst; for VGG-19: --weights FOLDER that has {names}")
    return Universal(found, AdaIN() if adain else WCT(), options.alpha, options.passes)


def _folder(options: argparse.Namespace, names: Sequence[str]) -> Path | None:
    """Return the folder of others' encoders and decoders, if one is named and, but by the environment, has them."""
    if options.weights:
        return None if Path(options.weights).is_file() else Path(options.weights)
    folder = Path(os.environ.get("NST_WEIGHTS") or os.devnull)
    return folder if all((folder / name).exists() for name in names) else None


def _pictures(options: argparse.Namespace):
    """Return the content as it was read (None for a texture) and its pixels, the styles, and each one's share."""
    import numpy as np

    from nst.feedforward.universal import shares_of
    from nst.images import luminance, match_colours

    if options.content is None:
        if options.size**2 > options.max_pixels:
            raise NstError(
                f"{options.size} x {options.size} pixels are more than --max-pixels {options.max_pixels}"
            )
        picture, rng = None, np.random.default_rng(options.seed)
        content = rng.uniform(0, 255, (options.size, options.size, 3)).astype(np.float32)
    else:
        picture, content = read(options.content, options)
    styles = [read(path, options)[1] for path in options.styles]
    if options.original_colors == "before":
        styles = [match_colours(style, content) for style in styles]
    masks = options.masks and [luminance(read(path, options)[1]) / 255 for path in options.masks]
    return picture, content, styles, shares_of(content.shape[:2], options.style_blend, masks)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
