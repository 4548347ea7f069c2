"""What the page shows of each layer and unit: maps, the regions that excite it most, the picture that it wants."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.images import resize_to
from nst.images.folder import pictures_in
from nst.inside.look_patches import open_index
from nst.inside.maps import as_maps, map_picture
from nst.inside.maximise import maximise
from nst.inside.patch_index import Index
from nst.inside.patch_pass import View, look_through
from nst.inside.patch_sheet import figure, regions
from nst.inside.recipes import recipe
from nst.inside.source import Source
from nst.inside.target import term_of

MAP = 240  # pixels: the longer side of a map on the page
CELL = 104  # pixels: of a region


@dataclass(frozen=True)
class Unit:
    """One channel of a layer.

    Attributes
    ----------
    number : int
    answers : list of float
        The largest to each picture.
    maps : list of ndarray, shape (h, w, 3)
        Of each picture.
    patches : ndarray or None
        The sheet of the regions that excite it most; their largest and smallest answers are `range`.
    wanted : ndarray or None
        The picture that it wants, to which it answers `activation`.
    """

    number: int
    answers: list[float]
    maps: list[np.ndarray]
    patches: np.ndarray | None = None
    range: tuple[float, float] = (0.0, 0.0)
    wanted: np.ndarray | None = None
    activation: float = 0.0


@dataclass(frozen=True)
class LayerView:
    """A layer: its size on the first picture, how many channels it has, and the units that are shown."""

    name: str
    height: int
    width: int
    channels: int
    silent: int
    units: list[Unit]


class Gathering:
    """Makes the views of layers, one after the other.

    Parameters
    ----------
    source
    pictures : sequence of (str, ndarray)
        Names, and pixels (H, W, 3) as they are shown to the network.
    layers : sequence of str
        All that views will be asked of: the folder of `--patches` is looked through once for all of them.
    options
        Of `look page`.
    say
        Is told of progress.
    """

    def __init__(
        self,
        source: Source,
        pictures: Sequence[tuple[str, np.ndarray]],
        layers: Sequence[str],
        options: argparse.Namespace,
        say: Callable[[str], None],
    ) -> None:
        self.source, self.pictures, self.options, self.say = source, pictures, options, say
        self.view = View(source.network, options.size, source.crop)
        if options.wanted:
            for name in layers:  # a layer without channels is told of now, not when half of the page is made
                term_of(f"{name}:0", source)
        self.index = self._indexed(layers) if options.pictures else None

    def facts(self) -> dict[str, str]:
        """Return what is to be known of all regions and wanted pictures together."""
        facts = {}
        if self.index is not None:
            facts["regions from"] = f"{len(self.index.pictures)} pictures"
        if self.options.wanted:
            facts["wanted pictures"] = f"recipe {self.options.recipe}, {self._recipe().iterations} steps"
        return facts

    def layer(self, name: str) -> LayerView:
        """Return the view of a layer, its units in the order of their answers to the pictures."""
        shown = [self.view.fitted(pixels, name) for _, pixels in self.pictures]
        found = [as_maps(self.source.network.forward(one[None], [name])[0][name]) for one in shown]
        peaks = np.array([maps.max(axis=(0, 1)) for maps in found])
        order = np.argsort(-peaks.max(axis=0), kind="stable")[: self.options.units]
        units, left = [], self.options.wanted
        for number in map(int, order):
            unit = Unit(
                number,
                peaks[:, number].tolist(),
                [self._map(maps, number, i) for i, maps in enumerate(found)],
            )
            unit = self._with_patches(unit, name, self.index) if self.index else unit
            unit = self._with_wanted(unit, name) if left else unit
            left -= unit.wanted is not None  # what no noise excites makes room for the next
            units.append(unit)
        height, width, channels = found[0].shape
        self.say(f"{name}: {len(units)} of {channels} units")
        return LayerView(name, height, width, channels, int((peaks.max(axis=0) <= 0).sum()), units)

    def _map(self, maps: np.ndarray, number: int, picture: int) -> np.ndarray:
        """Return a unit's map of a picture in the picture's proportions; white is its own largest answer."""
        found = maps[..., number]
        pixels = self.pictures[picture][1]
        size = [max(1, round(side * MAP / max(pixels.shape[:2]))) for side in pixels.shape[:2]]
        shown = map_picture(found, float(np.abs(found).max()))
        if size[0] <= shown.shape[0]:
            return resize_to(shown, (size[0], size[1]))
        rows, columns = (np.arange(new) * old // new for new, old in zip(size, found.shape, strict=True))
        return shown[rows][:, columns]

    def _indexed(self, layers: Sequence[str]) -> Index:
        """Return the index, brought up to date for the layers."""
        index, file = open_index(self.options, self.source)
        index.add_pictures(path for path, _ in pictures_in(self.options.pictures))
        if not look_through(index, self.view, layers, lambda: index.save(file), self.say):
            raise NstError(f"stopped; the same command goes on from {file}")
        return index

    def _with_patches(self, unit: Unit, name: str, index: Index) -> Unit:
        hits = index.top(name, unit.number, self.options.count)
        found = regions(self.view, name, hits)
        sheet = figure(self.view, unit.number, found, self.options.rules, CELL)
        return dataclasses.replace(unit, patches=sheet, range=(hits[0].value, hits[-1].value))

    def _recipe(self):
        found = recipe(self.options.recipe)
        more = {"iterations": self.options.iterations} if self.options.iterations else {}
        return dataclasses.replace(found, **more)

    def _with_wanted(self, unit: Unit, name: str) -> Unit:
        """Make the picture that a unit wants everywhere, where any noise excites it."""
        term = term_of(f"{name}:{unit.number}", self.source, 0.0)
        side = self.options.wanted_size
        try:
            found = maximise(
                self.source.network, [term], self._recipe(), (side, side), seed=self.options.seed
            )
        except NstError:
            self.say(f"{name}:{unit.number}: no noise excites it, so there is no way to what it wants")
            return unit
        self.say(f"{name}:{unit.number}: wanted picture, {found.activation:.4g}")
        return dataclasses.replace(unit, wanted=found.pictures[0], activation=found.activation)
