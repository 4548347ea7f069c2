"""Trained nets of any make, ready to paint: which arrays they read, how large pictures are cut, how frames are held."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError, nearest
from nst.feedforward.statistics import Statistics, held, measured, normalisations, pooled
from nst.feedforward.tiles import painted_in_tiles, with_statistics
from nst.formats.fast_style import read_fast_style
from nst.formats.generators import Generator, read_generator
from nst.formats.known import bundled
from nst.formats.trained import is_trained
from nst.networks import Network
from nst.networks.fast_style import BLOCKS, STEP, room
from nst.networks.generators import entering, mixed

TILE = 1024  # pixels a side
BUNDLED = ("starry-night",)
"""The nets that come with the program."""


@dataclass(frozen=True)
class Painter:
    """A net for one style, or one mixture of styles.

    Attributes
    ----------
    network : Network
        Frozen; its pictures are at `painting`.
    entering : callable
        Returns what the network reads of a picture (1, H, W, 3).
    step : int
        Of what the sides of what it reads are multiples.
    cuts : tuple of str
        As for `nst.feedforward.tiles.painted_in_tiles`.
    texture : bool
        Whether it paints no pictures but textures, from noise.
    """

    network: Network
    entering: Callable[[np.ndarray], np.ndarray]
    step: int
    cuts: tuple[str, ...] = ()
    texture: bool = False

    def paint(self, picture: np.ndarray, side: int = TILE) -> np.ndarray:
        """Return the painting of a picture (H, W, 3) of any size, in its dtype, not clipped.

        A picture larger than two squares of `side` pixels is taken in tiles, which never show. What is painted beyond
        the right and the lower end, where a little is added to come to whole steps, is cut off.
        """
        height, width = picture.shape[:2]
        x = self.entering(picture[None])
        if is_large(picture, side):
            painting = painted_in_tiles(self.network, x, side, self.cuts, self.step)
        else:
            painting = self.network.features(x, ["painting"])["painting"]
        return painting[0, :height, :width]

    def statistics(self, picture: np.ndarray, side: int = TILE) -> Statistics:
        """Return by which statistics a picture is normalised."""
        x = self.entering(picture[None])
        if not is_large(picture, side):
            return measured(self.network, x)
        network = with_statistics(self.network, x, side)
        layers = {node.name: network.nodes[node.name].layer for node in normalisations(self.network)}
        return {name: (layer.running_mean, layer.running_var) for name, layer in layers.items()}

    def held(self, statistics: Statistics) -> Painter:
        """Return a painter that normalises all pictures by the same statistics."""
        return dataclasses.replace(self, network=held(self.network, statistics))

    def shared(self, pictures: Iterable[np.ndarray], side: int = TILE) -> Painter:
        """Return a painter that normalises by the statistics of all these pictures together."""
        found = [self.statistics(picture, side) for picture in pictures]
        return self.held(pooled(found)) if found else self


def is_large(picture: np.ndarray, side: int) -> bool:
    """Tell whether a picture is taken in tiles of that side."""
    return picture.shape[0] * picture.shape[1] > 2 * side**2


def read_painter(
    path: str | os.PathLike, style: str | None = None, blend: Sequence[float] | None = None, seed: int = 0
) -> Painter:
    """Read a net that was trained here, or one of others (see `nst.formats.fast_style`).

    Parameters
    ----------
    path
        A file, or the name of a net that comes with the program.
    style
        The name or the number, from 1, of one of its styles; default: the first.
    blend
        In place of that, the weight of each of its styles; divided by their sum.
    seed
        Of the noise that a pyramid reads: the same for every picture, so that frames do not flicker by it.

    Raises
    ------
    NstError
        When the file is no such net, or does not have these styles.
    """
    if str(path) in BUNDLED and not os.path.exists(path):
        path = bundled(f"{path}.npz") or path
    if is_trained(path):
        return painter_of(read_generator(path), style, blend, seed)
    network = read_fast_style(path)
    if style is not None or blend is not None:
        raise NstError(f"{path} knows one style: leave out --style and --style-blend")
    return Painter(network, lambda x: room(x[0]), STEP, ("conv3", f"block{BLOCKS}"))


def painter_of(
    found: Generator, style: str | None = None, blend: Sequence[float] | None = None, seed: int = 0
) -> Painter:
    """Return what `read_painter` does of a generator that has been read."""
    design = found.design
    mix = _mixture(found.styles, style, blend)
    texture = design.mode == "texture"
    return Painter(
        mixed(found.network, mix).freeze(),
        lambda x: entering(design, x, np.random.default_rng(seed)),
        design.step,
        design.cuts,
        texture,
    )


def _mixture(styles: tuple[str, ...], style: str | None, blend: Sequence[float] | None) -> np.ndarray:
    """Return the share of each style."""
    if blend is not None:
        if len(blend) != len(styles):
            raise NstError(
                f"--style-blend has {len(blend)} weights, and the net {len(styles)} styles: {_told(styles)}"
            )
        return np.array(blend, np.float64) / sum(blend)
    if style is None:
        return np.eye(len(styles))[0]
    numbers = {name: at for at, name in reversed([*enumerate(styles)])}
    at = numbers.get(style, int(style) - 1 if style.isdecimal() else -1)
    if not 0 <= at < len(styles):
        hint = nearest(style, styles)
        raise NstError(f"the net has no style {style!r:.60}{hint}; it has {_told(styles)}")
    return np.eye(len(styles))[at]


def _told(styles: tuple[str, ...]) -> str:
    return ", ".join(styles[:20]) + (", ..." if len(styles) > 20 else "")
