"""The objective of a picture that is larger than memory: tile by tile, and exactly that of the whole picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nst.engine.objective import Evaluation, Objective, Term
from nst.engine.tile_features import TileFeatures
from nst.kernels import memory
from nst.losses import Additive, Style, content_loss
from nst.networks import Network, fused
from nst.networks.tiling import Area, Tiling

BAND = 1 << 20  # numbers of a tile's features that are copied at once, to lie side by side


@dataclass(frozen=True, eq=False)
class TiledContent:
    """`weight` times the content loss of the features at `tap`, against a target that comes tile by tile."""

    tap: str
    target: TileFeatures
    weight: float = 1.0

    @property
    def label(self) -> str:
        return f"content {self.tap}"


class TiledObjective(Objective):
    r"""An `Objective` that never sees more of the picture's features than those of one tile.

    The Gram matrix is a sum over pixels, so it is a sum over tiles::

        G = 1/(H W C) sum_tiles F_tile^T F_tile

    and the style loss's gradient at a pixel, 4/(C^2 H W C) F D, needs of all other pixels D = G - A alone. So it is
    with every `Additive` statistic. Hence two passes. The first runs the network forward on each tile and adds up the
    Gram matrices, or other sums. Then D is known, and the second runs forward again, takes the gradient at the features
    that the tile owns, and walks back to the pixels; a pixel near a cut gets a share from each tile that sees it. What
    the content is off by is told feature by feature, so it needs the second pass only, and so does every other mean
    over places. Total variation and range look at the pixels alone.

    An evaluation costs three walks through the network in place of two, times the overlap of the halos.

    Parameters
    ----------
    network
        Frozen.
    terms
        `TiledContent` in the place of `Content`; all others as for `Objective`.
    tiling
        Of the picture, for all taps of the terms.
    """

    def __init__(self, network: Network, terms: Sequence[Term | TiledContent], tiling: Tiling) -> None:
        super().__init__(network, terms)
        self.styles = [term for term in terms if isinstance(term, Style) and term.statistic.additive]
        self.contents = [term for term in terms if isinstance(term, TiledContent)]
        self.means = [term for term in terms if getattr(term, "mean_over_places", False)]
        known = self.styles + self.contents + self.means
        unknown = [term.label for term in terms if term.tap and term not in known]
        if unknown:
            raise ValueError(f"no way is known to take {', '.join(unknown)} tile by tile")
        self.tiling = tiling

    def __call__(self, image: np.ndarray) -> Evaluation:
        """Return value, gradient and parts at `image`, an array of shape (1, H, W, 3), RGB in 0..255."""
        parts = dict.fromkeys((term.label for term in self.terms), 0.0)
        differences = self._measure_style(image, parts)
        gradient = np.zeros_like(image)
        for term in self.terms:
            if term.tap is None:
                parts[term.label], _ = term(image, gradient)
        for index, tile in enumerate(self.tiling):
            tile.add(self._walk(image, index, tile, differences, parts), gradient)
        parts = {label: float(value) for label, value in parts.items()}
        return Evaluation(sum(parts.values()), gradient, parts)

    def term_gradients(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the gradient of the image for each term alone, by label: an evaluation for each."""
        return {term.label: self.only(term.label)(image).gradient for term in self.terms}

    def only(self, label: str) -> TiledObjective:
        """Return the objective that consists of one of the terms."""
        return TiledObjective(self.network, [term for term in self.terms if term.label == label], self.tiling)

    def fused(self) -> TiledObjective:
        """Return the same objective on the fused network."""
        return TiledObjective(fused(self.network, self.taps), self.terms, self.tiling)

    def astype(self, dtype: np.dtype | type) -> TiledObjective:
        """Return the same objective with its network in another dtype; targets are constants and stay as they are."""
        return TiledObjective(self.network.astype(dtype), self.terms, self.tiling)

    def _measure_style(self, image: np.ndarray, parts: dict[str, float]) -> dict[str, Any]:
        """Make the first pass: put the losses into `parts`, and return what the gradients need of it, by label."""
        sums = tiled_sums(
            self.network, image, self.tiling, [(term.tap, term.statistic) for term in self.styles]
        )
        differences = {}
        for term in self.styles:
            found = sums[term.tap, term.statistic]
            value, differences[term.label] = term.statistic.compare(
                found, self._pixels(term.tap), term.target
            )
            parts[term.label] = term.weight * value
        return differences

    def _pixels(self, tap: str) -> int:
        return math.prod(self.tiling.features_shape(tap)[:3])

    def _walk(self, image, index, tile, differences, parts) -> np.ndarray:
        """Walk the second pass over one tile: return its share of the gradient, over its crop."""
        features, tape = _forward(self.network, image, tile, tile.taps(self.taps))

        def gradient(tap: str) -> np.ndarray:
            return self._gradient_at(tap, features.pop(tap), index, tile, differences, parts)

        return self.network.backward({tap: partial(gradient, tap) for tap in features}, tape, consume=True)

    def _gradient_at(self, tap, features, index, tile, differences, parts) -> np.ndarray:
        """Return the gradient by a crop's features, which is nothing but where the tile owns them."""
        pixels = self._pixels(tap)
        gradient = memory.zeros_like(features)
        targets = [(term, term.target.of_tile(index, tap)) for term in self.contents if term.tap == tap]
        means = [term for term in self.means if term.tap == tap]
        for band, rows in _bands(tile.own(tap), features):
            seen = features[band].astype(features.dtype, order="C", copy=False)
            for term in self.styles:
                if term.tap == tap:
                    difference = differences[term.label]
                    gradient[band] += term.statistic.gradient(seen, difference, pixels, term.weight)
            share = seen.size / (pixels * seen.shape[3])  # of the mean over all features
            for term in means:
                value, pull = term(seen)
                parts[term.label] += share * value
                gradient[band] += seen.dtype.type(share) * pull
            for term, target in targets:
                value, pull = content_loss(seen, target[:, rows], term.weight * share)
                parts[term.label] += value
                gradient[band] += pull
        return gradient


def tiled_sums(
    network: Network, image: np.ndarray, tiling: Tiling, wanted: Iterable[tuple[str, Additive]]
) -> dict[tuple[str, Additive], np.ndarray]:
    """Return the sums that statistics of the whole picture's features are made of, by tap and statistic."""
    sums: dict[tuple[str, Additive], Any] = dict.fromkeys(wanted, 0.0)
    taps = dict.fromkeys(tap for tap, _ in sums)
    for tile in tiling:
        features = _forward(network, image, tile, tile.taps(taps))[0]  # and the tape goes at once
        for tap in list(features):
            found = features.pop(tap)
            for band, _ in _bands(tile.own(tap), found):
                f = found[band].reshape(-1, found.shape[-1])
                for key in sums:
                    if key[0] == tap:
                        sums[key] = sums[key] + key[1].sums(f)
    return sums


def _forward(network, image, tile, taps):
    return network.forward(tile.of(image), taps)


def _bands(own: Area, features: np.ndarray) -> Iterator[tuple[Area, slice]]:
    """Yield a tile's own features some rows at a time: what cuts them out, and which of the own rows they are."""
    every, rows, columns = own
    step = max(1, BAND // ((columns.stop - columns.start) * features.shape[-1]))
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        yield (every, slice(start, stop), columns), slice(start - rows.start, stop - rows.start)
