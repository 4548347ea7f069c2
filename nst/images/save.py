"""Write a picture whole or not at all, at full quality, tagged as sRGB."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from nst.errors import NstError
from nst.files import atomic_write
from nst.images.icc import srgb_profile

# Extension: Pillow's format and the options that lose least. 4:4:4 keeps the colour of single-pixel strokes.
_FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    ".png": ("PNG", {"compress_level": 6}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
}
_ROWS = 256  # of a large picture that are rounded at once


def save(
    path: str | os.PathLike, pixels: np.ndarray, alpha: np.ndarray | None = None, *, profile: bool = True
) -> None:
    """Clip to 0..255, round to eight bits and write PNG, JPEG, WebP or TIFF, as the extension says.

    The old file stays until the new one is complete. The same pixels give the same bytes.

    Parameters
    ----------
    path
        The target; its folder must exist.
    pixels
        (H, W, 3) RGB, 0..255, sRGB; bytes are written as they are.
    alpha
        (H, W), 0 transparent to 1 opaque, or None. JPEG has no transparency: there it is composited on white.
    profile
        Whether the file carries an sRGB profile.

    Raises
    ------
    NstError
        When the extension is unknown, the values are not finite, the format cannot hold the size, or the
        file cannot be written.
    """
    target = Path(path)
    kind, options = _format_of(target)
    if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
        raise NstError(f"cannot write {target}: the picture holds values that are not finite")
    if alpha is not None and kind == "JPEG":
        opacity = np.clip(alpha, 0, 1)[..., None]
        pixels, alpha = 255 + opacity * (np.clip(pixels, 0, 255).astype(np.float32) - 255), None
    told = eight_bits(pixels)
    if alpha is not None:
        told = np.concatenate([told, eight_bits(255 * np.asarray(alpha))[..., None]], axis=-1)
    image = Image.fromarray(np.ascontiguousarray(told))
    if profile:
        options = {**options, "icc_profile": srgb_profile()}
    encoded = io.BytesIO()
    try:
        image.save(encoded, kind, **options)
    except (OSError, ValueError, SystemError) as error:  # as when a side is longer than the format allows
        height, width = pixels.shape[:2]
        cause = f"{kind} of {width}x{height} pixels failed ({error}); try .png"
        raise NstError(f"cannot write {target}: {cause}") from error
    with atomic_write(target) as stream:
        stream.write(encoded.getbuffer())


def check_target(path: str | os.PathLike) -> Path:
    """Return `path` when `save` will be able to write it; to be called before a long run.

    A file of the same kind of name is made beside the target and removed again, which tells more than
    permission bits: a read-only disk, a full one, a name that is too long.

    Raises
    ------
    NstError
        When the extension is unknown, the target is a folder, or its folder is missing or not writable.
    """
    target = Path(path)
    _format_of(target)
    try:
        if target.is_dir():
            raise NstError(f"cannot write {target}: it is a folder")
        if not target.parent.is_dir():
            raise NstError(f"cannot write {target}: the folder {target.parent} does not exist")
        with tempfile.NamedTemporaryFile(prefix=f".{target.name}.", suffix=".part", dir=target.parent):
            return target
    except OSError as error:
        raise NstError(f"cannot write {target}: {error.strerror or error}") from error


def _format_of(target: Path) -> tuple[str, dict[str, object]]:
    try:
        return _FORMATS[target.suffix.lower()]
    except KeyError:
        known = ", ".join(_FORMATS)
        raise NstError(
            f"cannot write {target}: unknown extension {target.suffix!r}; known are {known}"
        ) from None


def eight_bits(values: np.ndarray) -> np.ndarray:
    """Return values clipped to 0..255 and rounded to bytes, some rows at a time; bytes are returned as they are."""
    if values.dtype == np.uint8:
        return values
    result = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        rows = slice(top, top + _ROWS)
        result[rows] = np.rint(np.clip(values[rows], 0, 255))
    return result
