"""The list of terms that is style transfer (Gatys, Ecker and Bethge, 2016)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nst.engine.layout import Layout
from nst.engine.objective import Objective
from nst.engine.tile_features import tile_features
from nst.engine.tiled import TiledContent, TiledObjective, tiled_grams
from nst.losses import Content, Range, Style, TotalVariation, blend_grams, gram
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
    """

    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    content_weight: float
    style_weight: float
    tv_weight: float = 0.0
    range_weight: float = 0.0
    blend: Sequence[float] = field(default=())

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
    ) -> Objective:
        """Measure content and styles once, and return the objective that compares an image with them.

        Parameters
        ----------
        network
            Frozen.
        content : ndarray of shape (1, H, W, 3)
            RGB in 0..255; the image will have this size.
        styles : sequence of ndarray of shape (1, h, w, 3)
            Of any sizes. The Gram matrices of several are averaged with the weights `blend` (equal by default).
        layout
            For a bounded memory, what `fit` returned for this network and these pictures. Neither they nor the image
            are then ever run through the network whole, unless that fits.
        """
        layout = layout or Layout(styles=(None,) * len(styles))
        terms = self._content_terms(network, content, layout)
        terms += self._style_terms(network, styles, layout)
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
        measured = []
        for style, tiling in zip(styles, layout.styles, strict=True):
            measured.append(measure_grams(network, style, layers, tiling))
        shares = self.blend if len(self.blend) else [1.0] * len(styles)
        return [
            Style(tap, blend_grams([grams[tap] for grams in measured], shares), weight)
            for tap, weight in layers.items()
        ]

    @staticmethod
    def _weighted(layers: Mapping[str, float], weight: float) -> dict[str, float]:
        """Return the weight of each layer's term, without those that weigh nothing."""
        return {tap: weight * share for tap, share in layers.items() if weight * share}


def measure_grams(
    network: Network, style: np.ndarray, taps: Iterable[str], tiling: Tiling | None = None
) -> dict[str, np.ndarray]:
    """Return the Gram matrix of a style picture at each tap: in one walk, or tile by tile."""
    if tiling is not None:
        return tiled_grams(network, style, tiling, list(taps))
    features, _ = network.forward(style, taps)
    return {tap: gram(found) for tap, found in features.items()}
