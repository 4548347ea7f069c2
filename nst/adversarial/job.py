"""What a training of a generator is made of, from settings: both networks, what is real, noise, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.adversarial.arguments import PIXELS
from nst.adversarial.real import outwards
from nst.adversarial.recipe import Recipe
from nst.adversarial.wgan import Source
from nst.errors import NstError
from nst.formats import read
from nst.formats.known import bundled_weights
from nst.networks import Network, build
from nst.networks.adversarial import (
    CELL,
    SIDE,
    dc_critic,
    dense_critic,
    feature_critic,
    fresh,
    generator,
    patch_critic,
)

SHOWN = 8  # rows and columns of digits on a sheet
TEXTURE = (256, 256)  # pixels, height and width


@dataclass
class Job:
    """A training that is ready to begin.

    Attributes
    ----------
    name, sizes
        Of the generator, in `GENERATORS`.
    generator, critic : Network
    real, noise : Source
    shape : tuple of int
        (H, W, C) of what the critic takes.
    recipe : Recipe
    about : dict
        What the generator's file tells of it.
    """

    name: str
    sizes: dict[str, int]
    generator: Network
    critic: Network
    real: Source
    noise: Source
    shape: tuple[int, int, int]
    recipe: Recipe
    about: dict[str, Any]

    def sheet(self, network: Network) -> np.ndarray:
        """Return samples (H, W, 3) in 0..255 that show how far the generator has come: of the same noise each time."""
        rng = np.random.default_rng([self.recipe.seed, 1])
        if self.name == "patch":
            return paint_texture(network, TEXTURE, rng)
        return paint_digits(network, SHOWN * SHOWN, rng)


def digit_job(name: str, width: int, noise: int, real: Source, recipe: Recipe, about: dict[str, Any]) -> Job:
    """Return the training of a generator of digits; `width` is that of `dc`, or the hidden units of `dense`."""
    sizes = {"noise": noise, "hidden" if name == "dense" else "width": width}
    draw = fresh(np.random.default_rng(recipe.seed))
    built = generator(name, sizes, draw)
    critic = dense_critic(draw, max(1, width // 4)) if name == "dense" else dc_critic(draw, width)
    return Job(name, sizes, built, critic, real, vectors(noise), (SIDE, SIDE, 1), recipe, about)


def texture_job(
    width: int, noise: int, side: int, features: str, real: Source, recipe: Recipe, about: dict[str, Any]
) -> Job:
    """Return the training of a generator of textures on pictures of `side` pixels, a multiple of 8.

    `features` is what the critic looks at: `PIXELS`, or a layer of the network that comes with nst.
    """
    if side % CELL:
        raise NstError(f"--side {side}: patches are made of cells of {CELL} pixels; take a multiple of that")
    sizes = {"noise": noise, "width": width}
    draw = fresh(np.random.default_rng(recipe.seed))
    built = generator("patch", sizes, draw)
    critic = (
        patch_critic(draw, width) if features == PIXELS else feature_critic(draw, _encoder(), features, width)
    )
    cells = side // CELL, side // CELL
    return Job("patch", sizes, built, critic, real, places(cells, noise), (side, side, 3), recipe, about)


def _encoder() -> Network:
    found = bundled_weights()
    if found is None:
        raise NstError("the network that comes with nst is not here; take --features pixels")
    return build(read(found))


def vectors(noise: int) -> Source:
    """Return what draws noise (n, `noise`), normal."""
    return lambda rng, count: rng.standard_normal((count, noise), np.float32)


def places(cells: tuple[int, int], noise: int) -> Source:
    """Return what draws maps of noise (n, h, w, `noise`), normal."""
    return lambda rng, count: rng.standard_normal((count, *cells, noise), np.float32)


def paint_digits(network: Network, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return digits in rows, (H, W, 3) in 0..255; where the last row is not full it ends black."""
    noise = len(network.nodes["fc1"].layer.weight)
    found = _in_parts(network, vectors(noise)(rng, count))
    columns = min(count, max(1, round(count**0.5)))
    rows = -(-count // columns)
    sheet = np.full((rows * columns, SIDE, SIDE), -1, np.float32)
    sheet[:count] = found[..., 0]
    whole = sheet.reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2).reshape(rows * SIDE, columns * SIDE)
    return np.repeat(outwards(whole)[..., None], 3, axis=2)


def paint_texture(network: Network, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a texture (H, W, 3) in 0..255; where both sides are multiples of 8 it can be laid beside itself."""
    cells = tuple(-(-length // CELL) for length in size)
    noise = network.nodes["conv1"].layer.weight.shape[2]
    found = network.features(places(cells, noise)(rng, 1), ["picture"])["picture"]
    return outwards(found[0, : size[0], : size[1]])


def _in_parts(network: Network, noise: np.ndarray, count: int = 256) -> np.ndarray:
    parts = (noise[start : start + count] for start in range(0, len(noise), count))
    return np.concatenate([network.features(part, ["picture"])["picture"] for part in parts])
