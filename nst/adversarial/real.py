"""What is real: digits of MNIST, and the patches of one texture."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from nst.adversarial.wgan import Source
from nst.errors import NstError
from nst.files import require_file
from nst.formats.npz_file import contents
from nst.images import Picture, fit_size, load, resize_to
from nst.images.idx import SIDE, mnist

NAMES = ("train_images", "x_train")
MOST = 1_000_000  # pictures


def digits(path: str | os.PathLike) -> np.ndarray:
    """Return MNIST's pictures to train on, (N, 28, 28) uint8, from a folder of IDX files or an `.npz`.

    Parameters
    ----------
    path
        A folder as `nst.images.idx.mnist` takes it, or a file with an array `train_images` or `x_train`.

    Raises
    ------
    NstError
        When it holds anything else; no size is believed before it was compared with what lies in the file.
    """
    if Path(path).is_dir():
        data = mnist(path)[0]
        return data.pictures(np.arange(len(data)))[..., 0]
    require_file(path, "MNIST file")
    try:
        with contents(path) as found:
            name = next((one for one in NAMES if one in found.arrays), None)
            if name is None:
                raise NstError(f"it has no array {' or '.join(NAMES)}")
            stored = found.arrays[name]
            right = stored.shape[1:] == (SIDE, SIDE) and stored.dtype == np.uint8
            if not right or not 0 < stored.shape[0] <= MOST:
                raise NstError(f"its {name} are {stored.dtype} {stored.shape!s:.60}, not bytes (N, 28, 28)")
            return stored.load()
    except NstError as error:
        raise NstError(f"{path} holds no MNIST: {error}") from error
    except Exception as error:  # zipfile and zlib raise whatever they please on a damaged file
        cause = " ".join(ascii(str(error))[1:-1].split())[:120] or type(error).__name__
        raise NstError(f"{path} is damaged, or no .npz: {cause}") from error


def digit_source(pixels: np.ndarray) -> Source:
    """Return what draws digits: pictures (n, 28, 28, 1) in -1..1, with replacement."""

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        return inwards(pixels[rng.integers(len(pixels), size=count)])[..., None]

    return draw


def texture(path: str | os.PathLike, longest: int | None, side: int) -> tuple[Picture, np.ndarray]:
    """Return a sample, and its pixels (H, W, 3) in -1..1 at the size that is asked for.

    Raises
    ------
    NstError
        When it cannot be read, or is smaller than a patch.
    """
    picture = load(path)
    pixels = picture.pixels if longest is None else resize_to(picture.pixels, fit_size(picture.size, longest))
    if min(pixels.shape[:2]) < side:
        height, width = pixels.shape[:2]
        raise NstError(f"{path} has {width}x{height} pixels: too few for patches of {side} (see --side)")
    return picture, inwards(pixels)


def patch_source(pixels: np.ndarray, side: int) -> Source:
    """Return what draws patches of a texture: (n, `side`, `side`, 3), from anywhere in it."""
    height, width = pixels.shape[:2]

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        tops, lefts = (rng.integers(length - side + 1, size=count) for length in (height, width))
        places = zip(tops, lefts, strict=True)
        return np.stack([pixels[top : top + side, left : left + side] for top, left in places])

    return draw


def fingerprint(pixels: np.ndarray) -> str:
    """Return the SHA-256 of an array's bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def inwards(pixels: np.ndarray) -> np.ndarray:
    """Return 0..255 as -1..1, float32."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def outwards(pictures: np.ndarray) -> np.ndarray:
    """Return -1..1 as 0..255."""
    return (pictures + 1) * np.float32(127.5)
