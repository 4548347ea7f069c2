"""Read a picture of any common kind into RGB numbers, or say in one line why it cannot be read."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from nst.errors import NstError
from nst.files import require_file, sha256
from nst.images.icc import colour_to_srgb, grey_to_srgb

MAX_PIXELS = 64_000_000

# Everything else that Pillow can open (EPS, PDF, and long-forgotten formats) is attack surface.
FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"] + (
    ["AVIF"] if "avif" in features.modules and features.check("avif") else []
)

# How files begin that people give for pictures, to say what they are.
_IMPOSTORS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file, perhaps an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
    (b"8bps", "a Photoshop file"),
)
_ORIENTATION = 0x0112
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


@dataclass(frozen=True)
class Picture:
    """A picture as numbers, with its origin and what was done to read it.

    Attributes
    ----------
    pixels
        (H, W, 3) float32, RGB, 0..255, sRGB with its usual gamma, upright.
    alpha
        (H, W) float32, 0 transparent to 1 opaque, or None when opaque or composited on white.
    source
        The file.
    sha256
        Of the file, 64 hexadecimal digits.
    notes
        What a user might want to know, such as "first frame of 12".
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    source: Path
    sha256: str
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def load(
    path: str | os.PathLike, *, max_pixels: int = MAX_PIXELS, alpha: str = "white", managed: bool = True
) -> Picture:
    """Read a PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF picture.

    It is turned upright as its EXIF says, converted from its ICC profile to sRGB, and the first frame is
    taken of an animation. Grey of 16 bits is scaled by 1/257; the decoder reduces colour of 16 bits to 8.

    Parameters
    ----------
    path
        The file.
    max_pixels
        A picture that declares more is refused before memory is taken for it.
    alpha
        "white": transparent pixels are composited on white, a·c + (1 − a)·255, in gamma space as browsers do.
        "keep": `Picture.alpha` holds the opacity, and `pixels` the colours as stored, except that fully
        transparent pixels become white: what nobody sees should not steer a style.
    managed
        False leaves the numbers as stored, whatever the ICC profile says: as classifiers were trained.

    Raises
    ------
    NstError
        With one line that names the file and the cause.
    """
    if alpha not in ("white", "keep"):
        raise ValueError(f"alpha must be 'white' or 'keep', not {alpha!r}")
    try:
        found = require_file(path, "picture")
        digest = sha256(found)
    except OSError as error:  # as for a name that is too long, or a folder that may not be entered
        raise NstError(f"picture {path} cannot be read: {error.strerror or error}") from error
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        if max_pixels <= (Image.MAX_IMAGE_PIXELS or 0):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        pixels, opacity = _read(found, max_pixels, notes, managed)
    bomb = Image.DecompressionBombWarning  # where it is no error, the caller has asked for so many pixels
    notes += [f"decoder: {_one_line(w.message)}" for w in heard if w.category is not bomb]
    if opacity is not None and opacity.min() == 1:
        opacity = None
    if opacity is not None and alpha == "white":
        pixels = 255 + opacity[..., None] * (pixels - 255)
        opacity = None
        notes.append("composited on white")
    elif opacity is not None:
        pixels[opacity == 0] = 255
    return Picture(pixels, opacity, found, digest, notes)


def _read(
    path: Path, max_pixels: int, notes: list[str], managed: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode `path` into upright (H, W, 3) colours and (H, W) opacity or None; each failure is one line."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise NstError(
                    f"picture {path} has {width}x{height} pixels, more than --max-pixels {max_pixels} allows"
                )
            layout = str(image.tile)  # how samples are stored; gone after loading
            image.load()
            if not managed:
                image.info.pop("icc_profile", None)
            pixels, opacity = _colours(image, layout, notes)
            orientation = _orientation(image, notes)
            frames = _frames(image)
        if frames > 1:
            notes.append(f"first frame of {frames}")
    except NstError:
        raise
    except UnidentifiedImageError as error:
        raise NstError(f"picture {path} {_impostor(path)}; expected one of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        cause = f"more pixels than --max-pixels {max_pixels} allows: {_one_line(error)}"
        raise NstError(f"picture {path} has {cause}") from error
    except Exception as error:  # decoders meet hostile bytes with every kind of exception
        raise NstError(f"picture {path} is damaged or cut short: {_one_line(error)}") from error
    if orientation != 1:
        notes.append(f"turned upright (EXIF orientation {orientation})")
        opacity = None if opacity is None else _upright(opacity, orientation)
        pixels = _upright(pixels, orientation)
    return pixels, opacity


def _colours(image: Image.Image, layout: str, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the colours (H, W, 3) in sRGB and the opacity (H, W) or None of a loaded picture of any mode."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        levels, opacity = _deep_grey(image, notes)
        return grey_to_srgb(levels, profile, notes), opacity
    if ";16" in layout:
        notes.append("16 bits a channel reduced to 8")
    _mend_transparency(image, layout)
    opacity = None
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opacity = np.asarray(image.getchannel("A"), np.float32) / 255
    if grey:
        levels = np.asarray(image.convert("RGB").getchannel(0), np.float32)
        return grey_to_srgb(levels, profile, notes), opacity
    if image.mode not in ("CMYK", "LAB"):
        image = image.convert("RGB")
    return colour_to_srgb(image, profile, notes), opacity


def _deep_grey(image: Image.Image, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Scale grey of more than eight bits to 0..255; Pillow's own conversion would clip it to white."""
    values = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(values).all():
            raise NstError(f"picture {image.filename} holds floats that are not finite")
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 1:
            raise NstError(f"picture {image.filename} holds floats from {low:g} to {high:g}; expected 0 to 1")
        notes.append("floats 0 to 1 scaled to 0 to 255")
        return values.astype(np.float32) * 255, None
    if image.mode == "I" and image.format != "PNG":  # older Pillow opens a PNG of 16 bits in this mode
        raise NstError(f"picture {image.filename} holds signed or 32-bit integers; save it with 8 or 16 bits")
    tags = getattr(image, "tag_v2", {})
    white = 2 ** tags.get(_TIFF_BITS, (16,))[0] - 1  # TIFF also has grey of 12 bits
    transparent = image.info.get("transparency")
    opacity = None if transparent is None else (values != transparent).astype(np.float32)
    levels = values.astype(np.float32) * np.float32(255 / white)
    if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        levels = 255 - levels
    return levels, opacity


def _mend_transparency(image: Image.Image, layout: str) -> None:
    """Bring the one transparent colour of a PNG from its own bit depth to the eight bits of the pixels."""
    colour = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(colour, tuple) and ";16" in layout:
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    elif image.mode == "L" and isinstance(colour, int):
        steps = {"L;2": 85, "L;4": 17}
        image.info["transparency"] = colour * next((k for raw, k in steps.items() if raw in layout), 1)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """Return the EXIF orientation 1..8; TIFF is already upright after loading and says 1."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # a corrupt EXIF block spoils nothing but itself
        notes.append(f"ignored its EXIF block: {_one_line(error)}")
        return 1
    return orientation if orientation in range(1, 9) else 1


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 5..8 are stored transposed, then either axis may be mirrored."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _frames(image: Image.Image) -> int:
    """Return how many frames or pages there are; the first is read already, so a broken later one may be."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _impostor(path: Path) -> str:
    """Say what a file is that is no picture of a known format, as the second half of a sentence."""
    with open(path, "rb") as stream:
        start = stream.read(64)
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"hevc"):
        return "is HEIC; save it as JPEG or PNG first"
    text = start.lstrip().lower()
    kind = next((name for magic, name in _IMPOSTORS if text.startswith(magic.lower())), None)
    return f"is {kind}" if kind else "is not a picture, is damaged, or is of an unknown format"


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
