"""What a run writes: the picture, its record, its report and its checkpoint, each whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.images import check_target, eight_bits, fit_size, keep_colours, resize_to, save
from nst.report import Trace, versions, write_json, write_report

THUMBNAIL = 480  # longest side of the pictures along the way, in pixels
INPUT = 640  # and of those that it is made of
BAND = 256  # rows of a large picture that are worked on at once
MOST = 48  # of them; beyond this every second one goes


class Outputs:
    """The files of one run: `NAME.png` and beside it `NAME.json`, `NAME.html` and `NAME.checkpoint.npz`.

    Parameters
    ----------
    output
        The picture's path.
    inputs
        Files that must not be overwritten.
    """

    def __init__(self, output: str, inputs: list[str]) -> None:
        self.picture = check_target(output)
        self.record = self.picture.with_suffix(".json")
        self.report = self.picture.with_suffix(".html")
        self.checkpoint = checkpoint_path(output)
        refuse_overwriting(output, (self.picture, self.record, self.report, self.checkpoint), inputs)

    def write_picture(self, pixels: np.ndarray, alpha: np.ndarray | None) -> None:
        """Save the result, (H, W, 3) uint8."""
        save(self.picture, pixels, alpha)

    def write_record(self, about: dict[str, Any], trace: Trace, stopped: str) -> None:
        """Write the JSON: settings, versions, hashes, loss trace."""
        write_json(self.record, about["settings"], versions(), about["hashes"], trace, stopped=stopped)

    def write_report(
        self,
        about: dict[str, Any],
        trace: Trace,
        result: np.ndarray,
        inputs: list[tuple[str, np.ndarray]],
        thumbnails: dict[int, np.ndarray],
        stopped: str,
    ) -> None:
        """Write the HTML page."""
        write_report(
            self.report,
            title=about["title"],
            trace=trace,
            result=(self.picture.name, result),
            inputs=inputs,
            pictures=[(f"iteration {number}", thumbnails[number]) for number in sorted(thumbnails)],
            settings=about["settings"],
            versions=versions(),
            hashes=about["hashes"],
            timings=about["timings"],
            stopped=stopped,
        )


def check_network(output: str) -> Path:
    """Return the path of a network that is to be written.

    Raises
    ------
    NstError
        When it is no .npz file, or its folder cannot be written into.
    """
    path = Path(output)
    if path.suffix != ".npz" or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise NstError(f"cannot write {output}: name an .npz file in a folder that can be written into")
    return path


def refuse_overwriting(output: str, targets: Iterable[Path], inputs: Sequence[str | Path]) -> None:
    """Raise an `NstError` when a file that `--output` leads to is a folder, or one of the inputs."""
    inputs = [path for path in inputs if os.path.exists(path)]
    for target in targets:
        if target.is_dir():
            raise NstError(f"cannot write {target}: it is a folder")
        if target.exists() and any(target.samefile(path) for path in inputs):
            raise NstError(f"--output {output} would overwrite an input; choose another name")


def checkpoint_path(output: str) -> Path:
    """Return where the checkpoint of a run that writes `output` lies."""
    return Path(output).with_suffix(".checkpoint.npz")


def shown(image: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
    """Return an image (1, H, W, 3) as (H, W, 3) uint8, with the hues of another picture if one is given.

    Some rows at a time, for a large picture is large enough without a copy in floats.
    """
    if colours is None:
        return eight_bits(image[0])
    colours = resize_to(colours, image.shape[1:3])
    bands = [slice(top, top + BAND) for top in range(0, image.shape[1], BAND)]
    return np.concatenate([eight_bits(keep_colours(image[0, rows], colours[rows])) for rows in bands])


def small(picture: np.ndarray, longest: int = THUMBNAIL) -> np.ndarray:
    """Return a picture (H, W, 3) in floats, not larger than `longest`.

    Of a much larger one squares of pixels are averaged first.
    """
    size = picture.shape[:2]
    target = fit_size(size, min(longest, max(size)))
    if (square := max(size) // (2 * longest)) > 1 and min(size) >= square:
        height, width = (side // square * square for side in size)
        blocks = picture[:height, :width].reshape(height // square, square, width // square, square, 3)
        picture = blocks.mean(axis=(1, 3), dtype=np.float32)
    return resize_to(picture, target)


def thumbnail(image: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
    """Return an image (1, H, W, 3) as a small picture (h, w, 3) uint8, with the hues of another if one is given."""
    return shown(small(image[0])[None], colours)


def thin(thumbnails: dict[int, np.ndarray]) -> None:
    """Drop every second picture when there are too many, the first and the last never."""
    if len(thumbnails) > MOST:
        for number in sorted(thumbnails)[1:-1:2]:
            del thumbnails[number]
