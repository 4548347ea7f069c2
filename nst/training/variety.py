"""Random changes of colour and noise that make few photographs look like many more, and like paintings.

A network that is to describe every style has to meet more than what cameras record: flat colours, strong contrast, and
the noise from which a picture may start. Each change takes and returns (H, W, 3) float32 in 0..255, and `VARIETY` says
how often it happens; changes are independent of each other and come in the order of the table.
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def permuted_channels(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exchange the channels: one of the six orders, the usual one among them."""
    return picture[..., rng.permutation(3)]


def contrast_and_colour(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return m + k (x − m) + s: contrast k in 0.5 .. 1.8 about the mean m, a shift s ~ N(0, 20²) of each channel."""
    factor, shift = np.float32(rng.uniform(0.5, 1.8)), rng.normal(0, 20, 3).astype(np.float32)
    mean = picture.mean()
    return mean + factor * (picture - mean) + shift


def white_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise of a standard deviation up to 30, independent in each pixel and channel."""
    deviation = np.float32(rng.uniform(0, 30))
    return picture + deviation * rng.standard_normal(picture.shape, np.float32)


def blurred_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add clouds: noise that is smooth over 2 to 16 pixels, with a standard deviation between 10 and 50.

    It is drawn on a coarse grid, a channel at a time, and enlarged by a cubic.
    """
    height, width, channels = picture.shape
    spacing, deviation = rng.uniform(2, 16), np.float32(rng.uniform(10, 50))
    size = max(2, round(height / spacing)), max(2, round(width / spacing))
    clouds = np.empty_like(picture)
    for c in range(channels):
        coarse = Image.fromarray(rng.standard_normal(size, np.float32))
        clouds[..., c] = coarse.resize((width, height), Image.Resampling.BICUBIC)
    return picture + deviation / clouds.std() * clouds


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
