"""What a run writes: the picture, its record, its report and its checkpoint, each whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.images import check_target, fit_size, keep_colours, resize_to, save
from nst.report import Trace, versions, write_json, write_report

THUMBNAIL = 480  # longest side of the pictures along the way, in pixels
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
        for target in (self.picture, self.record, self.report, self.checkpoint):
            if target.is_dir():
                raise NstError(f"cannot write {target}: it is a folder")
            for path in inputs:
                if target.exists() and os.path.exists(path) and target.samefile(path):
                    raise NstError(f"--output {output} would overwrite an input; choose another name")

    def write_picture(
        self, image: np.ndarray, content: np.ndarray, alpha: np.ndarray | None, keep: bool
    ) -> np.ndarray:
        """Save the image, with the content's hues if they are to be kept, and return it as (H, W, 3) uint8."""
        pixels = keep_colours(image[0], content[0]) if keep else image[0]
        save(self.picture, pixels, alpha)
        return eight_bits(pixels)

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
            inputs=[(name, eight_bits(pixels[0])) for name, pixels in inputs],
            pictures=[(f"iteration {number}", thumbnails[number]) for number in sorted(thumbnails)],
            settings=about["settings"],
            versions=versions(),
            hashes=about["hashes"],
            timings=about["timings"],
            stopped=stopped,
        )


def checkpoint_path(output: str) -> Path:
    """Return where the checkpoint of a run that writes `output` lies."""
    return Path(output).with_suffix(".checkpoint.npz")


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Return pixels clipped to 0..255 and rounded to uint8."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return an image (1, H, W, 3) as a small picture (h, w, 3) uint8."""
    size = image.shape[1:3]
    return eight_bits(resize_to(image[0], fit_size(size, min(THUMBNAIL, max(size)))))


def thin(thumbnails: dict[int, np.ndarray]) -> None:
    """Drop every second picture when there are too many, the first and the last never."""
    if len(thumbnails) > MOST:
        for number in sorted(thumbnails)[1:-1:2]:
            del thumbnails[number]
