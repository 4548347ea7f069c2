"""Feature maps as pictures: what a layer makes of a picture, channel by channel."""

from __future__ import annotations

import math

import numpy as np

from nst.images import resize_to
from nst.inside.sheet import sheet
from nst.layers import Conv2d, Dropout, Flatten, Preprocess
from nst.networks import Network

POSITIVE, NEGATIVE = np.array([255, 255, 255.0]), np.array([40, 120, 255.0])
CELL = 48  # pixels: maps smaller than this are enlarged
WIDEST = 112  # and larger ones made smaller


def taps_with_maps(network: Network) -> list[str]:
    """Return the layers worth looking at: all but the picture's preparation and what ReLU is still to be done to."""
    skipped = (Preprocess, Conv2d, Dropout, Flatten)
    last = network.names[-1]
    return [name for name in network.names if name == last or type(network.nodes[name].layer) not in skipped]


def as_maps(features: np.ndarray) -> np.ndarray:
    """Return one picture's features as (H, W, C); of a fully connected layer each unit is a map of one place."""
    return features[0] if features.ndim == 4 else features.reshape(1, 1, -1)


def map_picture(found: np.ndarray, largest: float) -> np.ndarray:
    """Return a channel (H, W) as a picture (H, W, 3): black for 0, white for `largest`, blue for what is negative."""
    share = np.clip(found / (largest or 1.0), -1, 1)[..., None]
    return (np.maximum(share, 0) * POSITIVE + np.maximum(-share, 0) * NEGATIVE).astype(np.float32)


def contact_sheet(features: np.ndarray, together: bool = False) -> np.ndarray:
    """Return all channels of a layer side by side, nearly as many rows as columns.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C) or (1, C)
    together
        Whether white means the same in all maps of the layer; otherwise each has its own white, so that the form of
        faint ones is seen as well. Maps of one place have no form: for them it always does.

    Returns
    -------
    ndarray
        (H', W', 3), float32, 0..255.
    """
    maps = as_maps(features)
    height, width, channels = maps.shape
    columns = math.ceil(math.sqrt(channels * height / width)) if channels > 1 else 1
    peaks = np.abs(maps).max(axis=(0, 1))
    whites = np.full(channels, peaks.max()) if together or height == width == 1 else peaks
    size = _shown(height, width)
    cells = [_sized(map_picture(maps[..., c], float(whites[c])), size) for c in range(channels)]
    return sheet([cells[start : start + columns] for start in range(0, channels, columns)], gap=2)


def _shown(height: int, width: int) -> tuple[int, int]:
    """Return the size at which a map is shown: enlarged by whole numbers, so that its places remain squares."""
    longest = max(height, width)
    if longest > WIDEST:
        return max(1, round(height * WIDEST / longest)), max(1, round(width * WIDEST / longest))
    times = max(1, CELL // longest) if longest > 1 else 16
    return height * times, width * times


def _sized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = picture.shape[:2]
    if size[0] % height or size[1] % width:
        return resize_to(picture, size)
    return picture.repeat(size[0] // height, axis=0).repeat(size[1] // width, axis=1)
