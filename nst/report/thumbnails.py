"""Pictures inside the page: made small, compressed as JPEG, written as data."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from nst.report.words import escaped


def image_tag(pixels: np.ndarray, description: str, longest: int, quality: int = 85) -> str:
    """Return an ``<img>`` that carries its picture in itself.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8, RGB.
    description
        The alternative text.
    longest
        The longer side is reduced to at most this many pixels; nothing is enlarged.
    quality
        Of the JPEG compression, 1 … 95.

    Raises
    ------
    ValueError
        When `pixels` is of another shape or dtype, or empty.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"a picture is (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(picture.size) > longest:
        ratio = longest / max(picture.size)
        sides = tuple(max(1, round(side * ratio)) for side in picture.size)
        picture = picture.resize(sides, Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    width, height = picture.size
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escaped(description)}">'
    )
