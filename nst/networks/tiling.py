"""Cutting a picture into tiles whose features, put together, are exactly those of the whole picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from nst.errors import NstError
from nst.layers import Layer, Pad2d
from nst.networks.extent import Span, grid, reads, shapes, strides
from nst.networks.network import Network

Area = tuple[slice, slice, slice]
"""What cuts an area out of an array (N, H, W, C)."""


@dataclass(frozen=True)
class Cut:
    """One piece of the picture along one axis.

    Attributes
    ----------
    crop : tuple of int
        The pixels to run the network on; where the picture goes round they may lie beyond its ends.
    own : dict of str to tuple of int
        By tap: which of the features of the crop belong to this piece. All others are the neighbours', or spoilt by
        the padding that the network draws where the crop was cut.
    """

    crop: Span
    own: Mapping[str, Span]


@dataclass(frozen=True)
class Tile:
    """A piece down and a piece across, of a picture of some height and width."""

    rows: Cut
    columns: Cut
    picture: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the crop."""
        return tuple(cut.crop[1] - cut.crop[0] for cut in (self.rows, self.columns))

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return the tile, with its halo, of a picture (N, H, W, C): an array of its own, or the picture itself."""
        parts = list(self._parts())
        if len(parts) == 1:
            return picture[parts[0][0]].astype(picture.dtype, order="C", copy=False)
        crop = np.empty((len(picture), *self.shape, picture.shape[3]), picture.dtype)
        for there, here in parts:
            crop[here] = picture[there]
        return crop

    def add(self, share: np.ndarray, gradient: np.ndarray) -> None:
        """Add the tile's share of a gradient, that by its crop, to the picture's, (N, H, W, C)."""
        for there, here in self._parts():
            gradient[there] += share[here]

    def _parts(self) -> Iterator[tuple[Area, Area]]:
        """Yield what cuts parts of the crop out of the picture, and out of the crop."""
        for rows, columns in product(
            _turns(self.rows.crop, self.picture[0]), _turns(self.columns.crop, self.picture[1])
        ):
            yield _area(rows[0], columns[0]), _area(rows[1], columns[1])

    def own(self, tap: str) -> Area:
        """Return what cuts the tile's own features out of the features of the crop."""
        return _area(self.rows.own[tap], self.columns.own[tap])

    def taps(self, among: Iterable[str]) -> list[str]:
        """Return those taps of which the tile owns anything: at a ragged end the deepest may have no place left."""
        return [tap for tap in among if _length(self.rows.own[tap]) and _length(self.columns.own[tap])]


class Tiling:
    """A picture cut into rows and columns of tiles.

    The cuts lie on the network's grid, so that every pooling window falls on the same pixels as in the whole picture.
    Each tile *owns* the features between its cuts, and none belongs to two. To compute them it is run with a halo as
    wide as the receptive field, which ends where the picture does: there the padding is the true one. So the owned
    features are those of the whole picture, and a gradient that enters at them alone and walks back gives this
    tile's share of the picture's gradient; the shares overlap in the halos, and add up. Where borders are circular, the
    halo goes on at the other side, and the share with it.

    Parameters
    ----------
    network
    taps
        The layers whose features are wanted.
    shape : tuple of int
        Of the picture, (N, H, W, C).
    counts : pair of int
        How many tiles down and across; at most one for each step of the grid.

    Raises
    ------
    NstError
        When the picture is too small, a layer looks at the whole picture at once, or some borders are circular and
        others not.
    """

    def __init__(
        self, network: Network, taps: Iterable[str], shape: tuple[int, ...], counts: tuple[int, int]
    ) -> None:
        self.network, self.shape, self.counts = network, tuple(shape), tuple(counts)
        self.taps = list(dict.fromkeys(taps))
        self._shapes = shapes(network, self.shape, self.taps)
        self._grid = grid(network, self.taps)
        for length, unit, count in zip(self.shape[1:3], self._grid, self.counts, strict=True):
            if not 1 <= count <= max(1, length // unit):
                raise ValueError(f"{length} pixels have no {count} cuts on a grid of {unit}")
        self.circular = self._goes_round()

    def _goes_round(self) -> bool:
        """Tell whether borders are circular, and see that the picture can go round."""
        modes = {_border(self.network.nodes[name].layer) for name in self.network.needed(self.taps)} - {None}
        ragged = any(length % unit for length, unit in zip(self.shape[1:3], self._grid, strict=True))
        if "circular" in modes and (len(modes) > 1 or ragged):
            raise NstError(
                "a picture goes round in tiles only at all borders, and in whole steps of the grid"
            )
        return "circular" in modes

    def features_shape(self, tap: str) -> tuple[int, ...]:
        """Return the shape of the whole picture's features at a tap."""
        return self._shapes[self.network.resolve(tap)]

    @cached_property
    def tiles(self) -> list[Tile]:
        """The tiles in reading order, those left out that own nothing."""
        rows, columns = (self._cuts(axis) for axis in (0, 1))
        tiles = [Tile(row, column, self.shape[1:3]) for row, column in product(rows, columns)]
        return [tile for tile in tiles if tile.taps(self.taps)]

    def __iter__(self) -> Iterator[Tile]:
        return iter(self.tiles)

    def __len__(self) -> int:
        return len(self.tiles)

    @property
    def largest(self) -> tuple[int, int]:
        """The greatest height and the greatest width of a crop."""
        heights, widths = zip(*(tile.shape for tile in self), strict=True)
        return max(heights), max(widths)

    @property
    def work(self) -> float:
        """The pixels of all crops, as a multiple of the picture's: what the halos cost."""
        crops = sum(height * width for height, width in (tile.shape for tile in self))
        return crops / (self.shape[1] * self.shape[2])

    def _cuts(self, axis: int) -> list[Cut]:
        unit, count = self._grid[axis], self.counts[axis]
        steps = self.shape[1 + axis] // unit
        edges = [steps * index // count * unit for index in range(count)]
        return [self._cut(axis, start, stop) for start, stop in zip(edges, [*edges[1:], None], strict=True)]

    def _cut(self, axis: int, start: int, stop: int | None) -> Cut:
        """Return the piece that owns the pixels from `start` to before `stop`, or to the end."""
        network = self.network
        lengths = {name: shape[1 + axis] for name, shape in self._shapes.items()}
        lengths[network.IMAGE] = self.shape[1 + axis]
        stride = {tap: strides(network, [tap])[network.resolve(tap)][axis] for tap in self.taps}
        own = {}
        for tap in self.taps:
            end = lengths[network.resolve(tap)]
            own[tap] = (
                min(int(start / stride[tap]), end),
                end if stop is None else min(int(stop / stride[tap]), end),
            )
        endless = self.circular and self.counts[axis] > 1  # one piece goes round by itself
        first, last = reads(network, own, axis, None if endless else lengths)
        first -= first % self._grid[axis]
        for tap, span in own.items():
            before = int(first / stride[tap])
            own[tap] = (span[0] - before, span[1] - before)
        return Cut((first, last), own)


def _area(rows: Span, columns: Span) -> Area:
    return slice(None), slice(*rows), slice(*columns)


def _border(layer: Layer) -> str | None:
    """Return what a layer draws around its input, if anything."""
    window = layer.window()
    if window is None or not any(map(any, window.padding)):
        return None
    return (
        layer.mode
        if isinstance(layer, Pad2d)
        else getattr(getattr(layer, "conv", layer), "padding_mode", "zero")
    )


def _turns(span: Span, length: int) -> Iterator[tuple[Span, Span]]:
    """Yield which places of an axis a span shows, and where in the span: beyond its ends the axis begins anew."""
    at = span[0]
    while at < span[1]:
        turn = at // length * length
        stop = min(span[1], turn + length)
        yield (at - turn, stop - turn), (at - span[0], stop - span[0])
        at = stop


def _length(span: Span) -> int:
    return span[1] - span[0]
