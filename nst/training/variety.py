"""Random changes of colour and noise that make few photographs look like many more, and like paintings.

A network that is to describe every style has to meet more than what cameras record: flat colours, strong contrast, and
the noise from which a picture may start. Each change takes and returns (H, W, 3) float32 in 0..255, and `VARIETY` says
how often it happens; changes are independent of each other and come in the order of the table.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

MIDDLE = 127.5


def permuted_channels(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exchange the channels: one of the six orders, the usual one among them."""
    return picture[..., rng.permutation(3)]


def contrast_and_colour(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return m + k (x − m) + s: contrast k in 0.5 .. 1.8 about the mean m, shift s within ± 40 in each channel."""
    factor, shift = np.float32(rng.uniform(0.5, 1.8)), rng.uniform(-40, 40, 3).astype(np.float32)
    mean = picture.mean(axis=(0, 1))
    return mean + factor * (picture - mean) + shift


def white_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise of a standard deviation up to 30, independent in each pixel and channel."""
    deviation = np.float32(rng.uniform(0, 30))
    return picture + deviation * rng.standard_normal(picture.shape, np.float32)


def blurred_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mix with noise that is smooth over 2 to 16 pixels: cloudy colours, weighted 0.2 to 1 against the picture.

    The noise is drawn on a coarse grid and enlarged by a cubic, with a standard deviation of about 50 about the middle.
    """
    height, width, _ = picture.shape
    spacing, weight = rng.uniform(2, 16), np.float32(rng.uniform(0.2, 1))
    coarse = rng.standard_normal(
        (max(2, round(height / spacing)), max(2, round(width / spacing)), 3), np.float32
    )
    levels = Image.fromarray(np.clip(MIDDLE + 64 * coarse, 0, 255).astype(np.uint8))
    clouds = np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    return picture + weight * (clouds - picture)


# How often, and what.
VARIETY = (
    (0.30, permuted_channels),
    (0.40, contrast_and_colour),
    (0.15, blurred_noise),
    (0.30, white_noise),
)


def varied(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply each change of the table with its probability, and clip what leaves 0..255.

    Parameters
    ----------
    picture : ndarray of float32, shape (H, W, 3)
        Left as it is.
    """
    for probability, change in VARIETY:
        if rng.random() < probability:
            picture = change(picture, rng)
    return np.clip(picture, 0, 255)
