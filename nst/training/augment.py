"""What is done at random to pictures before a network learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.training.resample import random_places, resample


@dataclass(frozen=True)
class Augment:
    """Random changes that leave the class of a picture alone, in this order: warp and crop, flip, shift, cutout.

    Everything is drawn from the generator that a call is given, so that the same generator gives the same pictures.

    Parameters
    ----------
    turn : float
        Largest angle, in degrees, by which a picture is turned about its middle, either way.
    zoom : float
        A picture is enlarged by a factor between 1 - zoom and 1 + zoom.
    elastic : float
        Standard deviation, in pixels, of how far each node of a grid of four by four cells moves; what lies between
        follows (after Simard et al. 2003, whose field is smoothed noise).
    crop : float
        Smallest share of the area that a random part may have, between 3:4 and 4:3 in shape, which is then enlarged to
        the whole (Szegedy et al. 2015); 1 leaves it out.
    flip : bool
        Mirror every second picture, left to right.
    shift : int
        Largest shift in pixels, along each axis and either way; 4 for the 12.5 % of a picture of 32.
    border : {"constant", "reflect"}
        What a shift brings in from beyond the edge: `fill`, or the picture mirrored at its edge.
    cutout : int
        Side in pixels of a square that is filled, its middle anywhere in the picture (DeVries and Taylor 2017);
        0 leaves it out.
    fill : tuple of float
        The colour that stands for nothing, 0..255, one number or one for each channel; the mean of the training
        pictures becomes 0 once it is subtracted. Rounded to bytes.

    Raises
    ------
    ValueError
        For a value outside these ranges.
    """

    turn: float = 0.0
    zoom: float = 0.0
    elastic: float = 0.0
    crop: float = 1.0
    flip: bool = False
    shift: int = 0
    border: str = "constant"
    cutout: int = 0
    fill: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if self.border not in ("constant", "reflect"):
            raise ValueError(f"border must be 'constant' or 'reflect', not {self.border!r}")
        if min(self.turn, self.elastic, self.shift, self.cutout) < 0 or not 0 <= self.zoom < 1:
            raise ValueError(f"no such augmentation: {self}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"a crop has a share of the area between 0 and 1, not {self.crop}")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return changed pictures as float32.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, H, W, C)
            Left as they are.
        rng
            Drawn from.

        Returns
        -------
        ndarray of float32, shape (n, H, W, C)
            0..255.
        """
        fill = np.broadcast_to(np.rint(self.fill), images.shape[3:]).astype(np.uint8)
        if self.turn or self.zoom or self.elastic or self.crop < 1:
            places = random_places(images.shape[:3], self.turn, self.zoom, self.elastic, self.crop, rng)
            images = resample(images, places, fill)
        result = self._moved(images, rng, fill)
        if self.cutout:
            _cut_out(result, self.cutout, rng, fill)
        return result

    def _moved(self, images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
        """Flip and shift, in one copy for each picture, which also turns bytes into floats."""
        count, height, width, _ = images.shape
        flips = rng.integers(2, size=count) if self.flip else np.zeros(count, int)
        shifts = rng.integers(0, 2 * self.shift, size=(count, 2), endpoint=True)
        result = np.empty(images.shape, np.float32)
        if self.shift:
            images = padded(images, self.shift, self.border, fill)
        for i, (flip, (top, left)) in enumerate(zip(flips.tolist(), shifts.tolist(), strict=True)):
            part = images[i, top : top + height, left : left + width]
            result[i] = part[:, ::-1] if flip else part
        return result


def padded(images: np.ndarray, margin: int, border: str, fill: np.ndarray) -> np.ndarray:
    """Return pictures (n, H, W, C) with `margin` pixels more on each side, of the colour `fill` or mirrored."""
    if border == "reflect":
        return np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)), "reflect")
    count, height, width, channels = images.shape
    row = np.tile(
        fill.astype(images.dtype), width + 2 * margin
    )  # whole rows at once: three bytes each are slow
    result = np.empty((count, height + 2 * margin, len(row)), images.dtype)
    result[:] = row
    result = result.reshape(*result.shape[:2], width + 2 * margin, channels)
    result[:, margin:-margin, margin:-margin] = images
    return result


def _cut_out(images: np.ndarray, side: int, rng: np.random.Generator, fill: np.ndarray) -> None:
    """Fill a square in each picture, in place; parts of it may lie outside."""
    count, height, width, _ = images.shape
    tops = rng.integers(height, size=count) - side // 2
    lefts = rng.integers(width, size=count) - side // 2
    for image, top, left in zip(images, tops.tolist(), lefts.tolist(), strict=True):
        image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = fill
