"""Pictures read at other places than their pixels: turned, enlarged, distorted, or a part of them."""

from __future__ import annotations

import numpy as np

CELLS = 4  # along each side of the grid whose nodes an elastic distortion moves
POINTS = 1 << 17  # read at once, so that what is held for them stays in the cache


def random_places(
    size: tuple[int, int, int],
    turn: float,
    zoom: float,
    elastic: float,
    crop: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw, for each pixel of each new picture, the place in the old one where its colour is read.

    A pixel (y, x), counted from the middle, is read at

        c + s (R (y, x) / z + d(y, x))

    with a rotation R by an angle up to `turn` degrees, a factor z in 1 ± `zoom`, a displacement d interpolated between
    the nodes of a grid, where it is normal with standard deviation `elastic`, and a random part of the picture, of
    middle c and of the size s relative to the whole (see `Augment.crop`).

    Parameters
    ----------
    size
        How many pictures, their height and width.

    Returns
    -------
    ndarray of float32, shape (2, n, H, W)
        Row and column, 0 at the middle of the first pixel.
    """
    count, height, width = size
    angle = np.radians(rng.uniform(-turn, turn, count))
    factor = rng.uniform(1 - zoom, 1 + zoom, count)
    cosine, sine = (
        part.astype(np.float32)[:, None, None] for part in (np.cos(angle) / factor, np.sin(angle) / factor)
    )
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    places = np.stack([sine * x + cosine * y, cosine * x - sine * y])
    if elastic:
        nodes = rng.standard_normal((2, count, CELLS + 1, CELLS + 1), np.float32) * np.float32(elastic)
        places += _between(height) @ nodes @ _between(width).T
    scale, middle = _parts(count, crop, rng)
    extent = np.array([[height], [width]])
    places *= scale.astype(np.float32)[..., None, None]
    places += (middle * extent - 0.5).astype(np.float32)[..., None, None]
    return places


def _between(side: int) -> np.ndarray:
    """Return the matrix (side, nodes) that interpolates linearly between nodes at equal distances."""
    at = np.linspace(0, CELLS, side)[:, None]
    return np.maximum(1 - np.abs(at - np.arange(CELLS + 1)), 0).astype(np.float32)


def _parts(count: int, crop: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the parts of pictures: (2, n) their height and width, and (2, n) their middle, both from 0 to 1."""
    if crop == 1:
        return np.ones((2, count)), np.full((2, count), 0.5)
    share = rng.uniform(crop, 1, count)
    shape = np.exp(rng.uniform(-1, 1, count) * np.log(4 / 3))
    scale = np.minimum(np.sqrt([share * shape, share / shape]), 1)
    return scale, scale / 2 + rng.uniform(0, 1, (2, count)) * (1 - scale)


def resample(images: np.ndarray, places: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Read pictures at the places given, by bilinear interpolation; beyond the edge there is `fill`.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, C)
    places : ndarray, shape (2, n, h, w)
        Row and column of each result.
    fill : ndarray, shape (C,)

    Returns
    -------
    ndarray of float32, shape (n, h, w, C)
    """
    result = np.empty((*places.shape[1:], images.shape[3]), np.float32)
    step = max(1, POINTS // (result.shape[1] * result.shape[2]))
    for start in range(0, len(images), step):
        some = slice(start, start + step)
        result[some] = _resample(images[some], places[:, some], fill)
    return result


def _resample(images: np.ndarray, places: np.ndarray, fill: np.ndarray) -> np.ndarray:
    count, height, width, channels = images.shape
    framed = np.empty((count, height + 2, width + 2, channels), np.float32)
    framed[:] = fill
    framed[:, 1:-1, 1:-1] = images
    rows = np.clip(places[0] + 1, 0, height + 1)
    columns = np.clip(places[1] + 1, 0, width + 1)
    top = np.minimum(rows.astype(np.intp), height)
    left = np.minimum(columns.astype(np.intp), width)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    corner = (np.arange(count)[:, None, None] * (height + 2) + top) * (width + 2) + left
    flat = framed.reshape(-1, channels)

    def row(first: np.ndarray) -> np.ndarray:
        west = flat.take(first, axis=0)
        return west + right * (flat.take(first + 1, axis=0) - west)

    north = row(corner)
    return north + down * (row(corner + (width + 2)) - north)
