"""The list of terms that is style transfer (Gatys, Ecker and Bethge, 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nst.engine.layout import Layout
from nst.engine.objective import Objective
from nst.engine.tile_features import tile_features
from nst.engine.tiled import TiledContent, TiledObjective, tiled_sums
from nst.losses import GRAM, STATISTICS, Content, Range, Statistic, Style, TotalVariation, blend
from nst.networks import Network
from nst.networks.tiling import Tiling


@dataclass(frozen=True)
class StyleTransfer:
    """What to weigh and where to look.

    Attributes
    ----------
    content_layers, style_layers : dict of str to float
        Taps and the weight of each, within the sum that `content_weight` or `style_weight` multiplies.
    content_weight, style_weight, tv_weight, range_weight : float
        Of means, each: over features, over entries of a Gram matrix, over the numbers of the picture. So a weight
        means the same at every size. Zero leaves the term out.
    blend : sequence of float
        The share of each style; equal when empty.
    statistics : dict of str to float
        What of a style is matched at its layers, by the names in `nst.losses.STATISTICS`, and the weight of each. For
        a picture whose features are nothing, each loss is made to be what the Gram matrix's is: one weight then means
        about the same whatever is matched.
    relative : bool
        Whether each loss is divided by what it would be for a picture without features. All layers then count alike.
    """

    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    content_weight: float
    style_weight: float
    tv_weight: float = 0.0
    range_weight: float = 0.0
    blend: Sequence[float] = field(default=())
    statistics: Mapping[str, float] = field(default_factory=lambda: {GRAM.name: 1.0})
    relative: bool = False

    @property
    def taps(self) -> list[str]:
        """The layers of all terms that have any weight."""
        styles = self._weighted(self.style_layers, self.style_weight)
        return list(dict.fromkeys([*self.content_taps, *styles]))

    @property
    def content_taps(self) -> list[str]:
        """The layers of the content terms that have any weight."""
        return list(self._weighted(self.content_layers, self.content_weight))

    def objective(
        self,
        network: Network,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        layout: Layout | None = None,
        styles_by: Network | None = None,
    ) -> Objective:
        """Measure content and styles once, and return the objective that compares an image with them.

        Parameters
        ----------
        network
            Frozen.
        content : ndarray of shape (1, H, W, 3)
            RGB in 0..255; the image will have this size.
        styles : sequence of ndarray of shape (1, h, w, 3)
            Of any sizes. The statistics of several are averaged with the weights `blend` (equal by default).
        layout
            For a bounded memory, what `fit` returned for this network and these pictures. Neither they nor the image
            are then ever run through the network whole, unless that fits.
        styles_by
            What measures the styles, where that is not `network`: the same one with other borders.
        """
        layout = layout or Layout(styles=(None,) * len(styles))
        terms = self._content_terms(network, content, layout)
        terms += self._style_terms(styles_by or network, styles, layout)
        if self.tv_weight:
            # The loss is a sum over pairs, as published; its mean is what does not grow with the picture.
            terms.append(TotalVariation(self.tv_weight / content.size))
        if self.range_weight:
            terms.append(Range(self.range_weight))
        return TiledObjective(network, terms, layout.content) if layout.content else Objective(network, terms)

    def _content_terms(self, network: Network, content: np.ndarray, layout: Layout) -> list:
        layers = self._weighted(self.content_layers, self.content_weight)
        if layout.content:
            target = tile_features(network, content, layout.content, layers, layout.keep)
            return [TiledContent(tap, target, weight) for tap, weight in layers.items()]
        features, _ = network.forward(content, layers)
        return [Content(tap, features[tap], weight) for tap, weight in layers.items()]

    def _style_terms(self, network: Network, styles: Sequence[np.ndarray], layout: Layout) -> list:
        layers = self._weighted(self.style_layers, self.style_weight)
        chosen = {STATISTICS[name]: weight for name, weight in self.statistics.items() if weight}
        measured = [
            measure_styles(network, style, layers, dict.fromkeys([GRAM, *chosen]), tiling)
            for style, tiling in zip(styles, layout.styles, strict=True)
        ]
        shares = self.blend if len(self.blend) else [1.0] * len(styles)
        targets = {key: blend([found[key] for found in measured], shares) for key in measured[0]}
        terms = []
        for tap, weight in layers.items():
            size = GRAM.energy(targets[tap, GRAM])
            for statistic, share in chosen.items():
                target = targets[tap, statistic]
                scale = (1.0 if self.relative else size) / (statistic.energy(target) or size or 1.0)
                terms.append(Style(tap, target, weight * share * scale, statistic))
        return terms

    @property
    def additive(self) -> bool:
        """Whether tiles can add up all that is matched."""
        return all(STATISTICS[name].additive for name, weight in self.statistics.items() if weight)

    @staticmethod
    def _weighted(layers: Mapping[str, float], weight: float) -> dict[str, float]:
        """Return the weight of each layer's term, without those that weigh nothing."""
        return {tap: weight * share for tap, share in layers.items() if weight * share}


def measure_styles(
    network: Network,
    style: np.ndarray,
    taps: Iterable[str],
    statistics: Iterable[Statistic],
    tiling: Tiling | None = None,
) -> dict[tuple[str, Statistic], np.ndarray]:
    """Return statistics of a style picture by tap and statistic: in one walk, or tile by tile."""
    wanted = [(tap, statistic) for tap in taps for statistic in statistics]
    if tiling is None:
        features, _ = network.forward(style, taps)
        return {(tap, statistic): statistic.measure(features[tap]) for tap, statistic in wanted}
    sums = tiled_sums(network, style, tiling, wanted)
    return {
        (tap, statistic): statistic.of_sums(sums[tap, statistic], math.prod(tiling.features_shape(tap)[:3]))
        for tap, statistic in wanted
    }
