"""Colour management: from the profile that a picture carries to sRGB, which networks were trained on."""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image, features

from nst.errors import NstError

if features.check("littlecms2"):
    from PIL import ImageCms
else:  # a Pillow built without it still loads pictures, with their profiles ignored
    ImageCms = None

# The mode of a picture and the colour space that a profile for it declares.
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}

_BLACK_POINT_COMPENSATION = 0x2000  # Little CMS's own number: Pillow 10.1 has no name for it


@functools.cache
def srgb_profile() -> bytes | None:
    """Return an sRGB profile to write into pictures, the same bytes each time; None without Little CMS."""
    if ImageCms is None:
        return None
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Bytes 24 to 35 hold the time of creation, which would make two equal pictures differ as files.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def colour_to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> np.ndarray:
    """Convert a picture of mode RGB, CMYK or LAB to sRGB.

    Relative colorimetric with black point compensation. A profile that is corrupt, or made for another kind
    of picture, is ignored with a note. One that changes no channel by more than one level is sRGB under
    whatever name, and the pixels stay as they are.

    Parameters
    ----------
    image
        A loaded picture without alpha.
    profile
        The bytes of its ICC profile, or None.
    notes
        What was done is appended here.

    Returns
    -------
    ndarray
        (H, W, 3) float32, 0..255.
    """
    plain = np.asarray(image.convert("RGB"), np.float32)
    converted, name = _convert(image, profile, notes)
    if converted is None:
        if image.mode == "CMYK":
            notes.append("converted from CMYK without a profile, so colours are approximate")
        return plain
    pixels = np.asarray(converted, np.float32)
    if image.mode == "RGB" and np.abs(pixels - plain).max() <= 1:
        return plain
    notes.append(f"converted from {name} to sRGB")
    return pixels


def grey_to_srgb(levels: np.ndarray, profile: bytes | None, notes: list[str]) -> np.ndarray:
    """Give grey levels three channels, through a grey profile where the picture carries one.

    The profile is applied to the ramp 0..255 and read off by linear interpolation, so that the levels may
    be finer than eight bits.

    Parameters
    ----------
    levels
        (H, W) float32, 0..255.
    profile, notes
        As in `colour_to_srgb`.

    Returns
    -------
    ndarray
        (H, W, 3) float32, 0..255.
    """
    ramp = np.arange(256, dtype=np.uint8)
    converted, name = _convert(Image.fromarray(ramp[None]), profile, notes)
    if converted is not None:
        curve = np.asarray(converted, np.float32)[0]  # (256, 3)
        if np.abs(curve - ramp[:, None]).max() > 1:
            notes.append(f"converted from {name} to sRGB")
            channels = [np.interp(levels, ramp, curve[:, channel]) for channel in range(3)]
            return np.stack(channels, axis=-1).astype(np.float32)
    return np.repeat(levels[..., None], 3, axis=-1)


def _convert(image: Image.Image, profile: bytes | None, notes: list[str]) -> tuple[Image.Image | None, str]:
    """Return the picture in sRGB and the profile's name, or None when there is nothing (usable) to apply."""
    if not profile or ImageCms is None:
        return None, ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if image.mode == "L" and space == "RGB":
            image = image.convert("RGB")  # grey made from colour often keeps the profile of the colour
        if space != _SPACES[image.mode]:
            raise NstError(f"it is for {_printable(space)}, the picture is {image.mode}")
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            _BLACK_POINT_COMPENSATION,
        )
        name = _printable(ImageCms.getProfileDescription(source))
        return transform.apply(image), name or "an unnamed profile"
    except Exception as error:  # Little CMS reports a broken profile in many ways; the picture is still good
        notes.append(f"ignored its colour profile: {_printable(str(error)) or type(error).__name__}")
        return None, ""


def _printable(text: str) -> str:
    """Return text from a file as one short line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:80]
