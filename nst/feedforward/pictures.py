"""Which pictures are painted, how large, and into which files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst.errors import NstError, printable
from nst.files import made_folder
from nst.images import MAX_PIXELS, Picture, check_target, fit_size, keep_colours, load, resize_to, save
from nst.images.folder import pictures_in
from nst.session.outputs import refuse_overwriting
from nst.session.values import whole


@dataclass(frozen=True)
class Job:
    """A picture, the file that its painting goes to, and whether it was named itself rather than found in a folder."""

    source: Path
    target: Path
    named: bool


def add_pictures(group: argparse._ArgumentGroup, size: int | None, colours: Sequence[str]) -> None:
    """Add the arguments that `read` and `write` understand.

    Parameters
    ----------
    group
    size
        The default of `--size`; None for each picture's own.
    colours
        The choices of `--original-colors` beside "no".
    """
    add = group.add_argument
    told = "" if size else "; default: as large as it is"
    add("--size", type=whole(16, 100_000), default=size, help=f"longest side of the result, in pixels{told}")
    meaning = {"after": "after, its hues on the result", "before": "before, the style recoloured"}
    add("--original-colors", choices=("no", *colours), default="no",
        help=f"keep the photograph's colours: {'; '.join(meaning[one] for one in colours)}")  # fmt: skip
    add("--alpha-channel", choices=("white", "keep"), default="white",
        help="transparent pictures: put on white, or kept")  # fmt: skip
    add("--max-pixels", type=whole(1), default=MAX_PIXELS, help="refuse larger pictures")


def jobs(paths: Sequence[str], output: str | None, inputs: Sequence[str | Path] = ()) -> list[Job]:
    """Return what is painted into which file: one picture into a file, several or a folder into a folder.

    Parameters
    ----------
    paths
        Files and folders.
    output
        A file's name for one picture (default: out.png), else a folder's (default: painted), made if need be.
    inputs
        More files that must not be overwritten, as the network.

    Raises
    ------
    NstError
        When a picture does not exist, two would have one name, or a target cannot be written or is an input.
    """
    found, folder = pictures_in(paths), None
    if len(paths) == 1 and found[0][1] and not (output and Path(output).is_dir()):
        wanted = [Job(found[0][0], check_target(output or "out.png"), True)]
    else:
        folder = Path(output or "painted")
        wanted = [Job(path, folder / f"{path.stem}.png", named) for path, named in found]
    taken: dict[Path, Path] = {}
    for job in wanted:
        if (other := taken.setdefault(job.target, job.source)) != job.source:
            raise NstError(
                f"{other} and {job.source} would both become {job.target}; paint one folder at a time"
            )
    refuse_overwriting(output or "", taken, [*taken.values(), *inputs])
    if folder is not None:  # when nothing is refused any more
        made_folder(folder)
    return wanted


def read(path: Path | str, options: argparse.Namespace) -> tuple[Picture, np.ndarray]:
    """Return a picture, and its pixels (H, W, 3) at the size that is asked for."""
    picture = load(path, max_pixels=options.max_pixels, alpha=options.alpha_channel)
    if options.size is None:
        return picture, picture.pixels
    height, width = fit_size(picture.size, options.size)
    if height * width > options.max_pixels:
        raise NstError(f"{path} would become {width}x{height} pixels, more than --max-pixels allows")
    return picture, resize_to(picture.pixels, (height, width))


def write(target: Path, painting: np.ndarray, picture: Picture | None, options: argparse.Namespace) -> None:
    """Save a painting (H, W, 3), with the colours and the opacity of its picture where those are to be kept."""
    alpha = None
    if picture is not None:
        if options.original_colors == "after":
            painting = keep_colours(np.clip(painting, 0, 255), picture.pixels)
        alpha = None if picture.alpha is None else resize_to(picture.alpha, painting.shape[:2])
    save(target, painting, alpha)


def each(wanted: Sequence[Job], paint: Callable[[Job], str], quiet: bool) -> int:
    """Do all jobs; return 1 when a picture of a folder could not be read, which is told and passed over, else 0.

    Parameters
    ----------
    wanted
    paint
        Does one, and returns a line about it.
    quiet
        Print no lines but of what goes wrong.
    """
    lines = list(_done(wanted, paint, quiet))
    return int(len(lines) < len(wanted))


def _done(wanted: Sequence[Job], paint: Callable[[Job], str], quiet: bool) -> Iterator[str]:
    for job in wanted:
        try:
            line = paint(job)
        except NstError as error:
            if job.named:
                raise
            print(f"nst: left out: {printable(error)}", file=sys.stderr)
            continue
        if not quiet:
            print(printable(line), flush=True)
        yield line
