"""Deep Dream: whatever a layer sees in a picture, the picture is changed so that it sees more of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nst.engine import Objective, TiledObjective
from nst.engine.objective import Term
from nst.errors import NstError
from nst.images import resize_to
from nst.networks import Network, fused
from nst.networks.extent import grid
from nst.networks.tiling import Tiling

SMALLEST = 32  # pixels: what a deep network needs to have any features


@dataclass(frozen=True)
class Dream:
    """Settings of a dream; the defaults are those of the first one (Mordvintsev, Olah and Tyka, 2015).

    Attributes
    ----------
    octaves : int
        Sizes that are dreamt at, the smallest first.
    scale : float
        How much larger each is than the one before.
    iterations : int
        Steps at each size.
    step : float
        How far a pixel moves in a step on average, in grey levels.
    jitter : int
        How far the picture is rolled at random before each step, in pixels, so that no pattern sticks to the grid of
        the network.
    tile : int
        A picture that is longer is taken in tiles of at most about this side.
    """

    octaves: int = 4
    scale: float = 1.4
    iterations: int = 10
    step: float = 1.5
    jitter: int = 32
    tile: int = 512


@dataclass(frozen=True)
class Dreamt:
    """One step as the caller sees it: the number of the octave and of the step, from 1, the picture, and the loss."""

    octave: int
    iteration: int
    image: np.ndarray
    value: float
    parts: dict[str, float]


def sizes(size: tuple[int, int], octaves: int, scale: float) -> list[tuple[int, int]]:
    """Return the heights and widths to dream at, `size` the last.

    Examples
    --------
    >>> sizes((400, 600), 3, 2.0)
    [(100, 150), (200, 300), (400, 600)]

    Raises
    ------
    NstError
        When the smallest has a side below `SMALLEST` pixels.
    """
    found = [(round(size[0] / scale**k), round(size[1] / scale**k)) for k in reversed(range(octaves))]
    if min(found[0]) < SMALLEST:
        fitting = sum(min(one) >= SMALLEST for one in found)
        advice = f"give at most --octaves {fitting}" if fitting else "give a larger picture"
        raise NstError(
            f"the smallest of {octaves} octaves would be {found[0][1]}x{found[0][0]} pixels, "
            f"below {SMALLEST}: {advice}"
        )
    return found


def dream(
    network: Network,
    terms: Sequence[Term],
    picture: np.ndarray,
    settings: Dream,
    rng: np.random.Generator,
    on_step: Callable[[Dreamt], bool | None] = lambda step: None,
) -> np.ndarray:
    r"""Dream, from the coarsest octave to the picture's own size.

    At each octave the picture is climbed by gradient ascent, with steps of one mean length::

        x <- clip(x + step g / mean |g|, 0, 255)

    What has changed, the detail d, is enlarged and laid over the picture at the next octave::

        x = resized picture + enlarged d

    so that the dream is painted coarse to fine and the picture never loses its own sharpness.

    Parameters
    ----------
    network
        Frozen.
    terms
        Means over places: `nst.losses.Energy`, `Channel`, `Direction`, `Guide`.
    picture : ndarray, shape (H, W, 3)
        RGB, 0..255, float32.
    settings
    rng
        What jitter is drawn from.
    on_step
        Called after each step; the dream ends when it returns true.

    Returns
    -------
    ndarray
        (H, W, 3), 0..255.
    """
    network = fused(network, {term.tap for term in terms})
    detail = np.zeros((1, 1, 3), np.float32)
    image = picture
    for octave, size in enumerate(sizes(picture.shape[:2], settings.octaves, settings.scale), 1):
        base = resize_to(picture, size)
        image = resize_to(detail, size)
        np.clip(np.add(image, base, out=image), 0, 255, out=image)
        objective = objective_for(network, terms, size, settings.tile)
        for iteration in range(1, settings.iterations + 1):
            image, value, parts = _step(objective, image, settings, rng)
            if on_step(Dreamt(octave, iteration, image, value, parts)):
                return image
        detail = np.subtract(image, base, out=base)
    return image


def objective_for(network: Network, terms: Sequence[Term], size: tuple[int, int], tile: int) -> Objective:
    """Return the objective of pictures of `size`: whole, or in tiles with exactly the same gradient.

    So no seam can show, and no memory is needed beyond the picture's own and that of a tile with its halo.
    """
    if max(size) <= tile:
        return Objective(network, terms)
    taps = list(dict.fromkeys(term.tap for term in terms))
    counts = [
        min(-(-length // tile), max(1, length // unit))
        for length, unit in zip(size, grid(network, taps), strict=True)
    ]
    return TiledObjective(network, terms, Tiling(network, taps, (1, *size, 3), tuple(counts)))


def zoomed(picture: np.ndarray, share: float) -> np.ndarray:
    """Return a picture (H, W, 3) magnified about its middle, of which `share` of each side is cut off."""
    height, width = picture.shape[:2]
    top, left = height * share / 2, width * share / 2
    return resize_to(picture, (height, width), (top, left, height - top, width - left))


def zoom_sequence(
    one: Callable[[np.ndarray, int], np.ndarray],
    picture: np.ndarray,
    frames: int,
    share: float,
    done: int = 0,
) -> Iterator[np.ndarray]:
    """Yield frames: the dream of the picture, then of each frame magnified a little.

    Parameters
    ----------
    one
        `one(picture, number)` dreams a frame, counted from 1.
    picture
        (H, W, 3). Where some frames are done, the last of these.
    frames
        How many, with those that are done.
    share
        How much is cut off from one to the next.
    done
        How many there are already.
    """
    for number in range(done + 1, frames + 1):
        picture = one(picture if number == 1 else zoomed(picture, share), number)
        yield picture


def _step(objective, image, settings, rng) -> tuple[np.ndarray, float, dict[str, float]]:
    """Return the picture after one step, and value and parts before it."""
    down, across = rng.integers(-settings.jitter, settings.jitter + 1, 2)
    rolled = np.roll(image, (down, across), axis=(0, 1))[None]
    at = objective(rolled)
    # Row by row and in place, for a picture may be so large that each copy counts.
    mean = sum(float(np.abs(row).sum(dtype=np.float64)) for row in at.gradient[0]) / image.size
    if not np.isfinite(mean):
        raise NstError("the gradient of the dream is not finite; use a smaller --step")
    if not mean:
        raise NstError(
            f"{', '.join(at.parts)}: nothing in this picture excites it, so that there is no way up"
        )
    rolled -= np.multiply(at.gradient, np.float32(settings.step / mean), out=at.gradient)
    np.clip(rolled, 0, 255, out=rolled)
    return np.roll(rolled[0], (-down, -across), axis=(0, 1)), at.value, at.parts
