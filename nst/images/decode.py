"""Pictures for training: bytes of a given size, decoded quickly and in several threads at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from nst.errors import NstError
from nst.images.load import FORMATS, MAX_PIXELS, load

FITS = ("crop", "squash")
# `load` hears the decoder's warnings, for which Python has one place in the whole process.
_one_at_a_time = threading.Lock()


def decode(path: str | os.PathLike, size: tuple[int, int] | None = None, fit: str = "crop") -> np.ndarray:
    """Read a picture as bytes, upright, on white, its numbers as stored: what classifiers are trained on.

    JPEG and other files in plain grey or RGB are decoded and resized by Pillow, outside Python's lock; everything else
    goes through `load`. A large JPEG is reduced by a power of two already while it is decoded.

    Parameters
    ----------
    path
        The file.
    size
        Height and width of the result; None leaves them as they are.
    fit : {"crop", "squash"}
        What happens to another aspect: the middle is kept, as much of it as there is, or the whole is squashed.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    NstError
        With one line that names the file and the cause.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.mode in ("RGB", "L") and "transparency" not in image.info:
                return _plain(image, path, size, fit)
    except NstError:
        raise
    except (
        Exception
    ):  # decoders meet hostile bytes with every kind of exception; `load` finds the words for it
        pass
    with _one_at_a_time:
        pixels = load(path, managed=False).pixels
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))
    return np.asarray(_fitted(image, size, fit))


def _plain(image: Image.Image, path: str | os.PathLike, size: tuple[int, int] | None, fit: str) -> np.ndarray:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise NstError(
            f"picture {Path(path)} has {width}x{height} pixels, more than the {MAX_PIXELS} allowed"
        )
    if size is not None:
        side = max(size)  # either way up: the picture may yet be turned
        image.draft(None, (side, side))
    return np.asarray(_fitted(ImageOps.exif_transpose(image).convert("RGB"), size, fit))


def _fitted(image: Image.Image, size: tuple[int, int] | None, fit: str) -> Image.Image:
    """Resize by Lanczos to (height, width)."""
    if size is None or image.size == size[::-1]:
        return image
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    if fit == "crop":
        scale = min(width / size[1], height / size[0])
        wide, high = size[1] * scale, size[0] * scale
        left, top = (width - wide) / 2, (height - high) / 2
        box = (left, top, min(left + wide, width), min(top + high, height))
    return image.resize(size[::-1], Image.Resampling.LANCZOS, box)
