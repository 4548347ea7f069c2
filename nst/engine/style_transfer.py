"""The list of terms that is style transfer (Gatys, Ecker and Bethge, 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nst.engine.objective import Objective
from nst.losses import Content, Range, Style, TotalVariation, blend_grams, gram
from nst.networks import Network


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

    def objective(self, network: Network, content: np.ndarray, styles: Sequence[np.ndarray]) -> Objective:
        """Measure content and styles once, and return the objective that compares an image with them.

        Parameters
        ----------
        network
            Frozen.
        content : ndarray of shape (1, H, W, 3)
            RGB in 0..255; the image will have this size.
        styles : sequence of ndarray of shape (1, h, w, 3)
            Of any sizes. The Gram matrices of several are averaged with the weights `blend` (equal by default).
        """
        terms = self._content_terms(network, content) + self._style_terms(network, styles)
        if self.tv_weight:
            # The loss is a sum over pairs, as published; its mean is what does not grow with the picture.
            terms.append(TotalVariation(self.tv_weight / content.size))
        if self.range_weight:
            terms.append(Range(self.range_weight))
        return Objective(network, terms)

    def _content_terms(self, network: Network, content: np.ndarray) -> list:
        layers = {tap: self.content_weight * weight for tap, weight in self.content_layers.items()}
        features, _ = network.forward(content, layers)
        return [Content(tap, features[tap], weight) for tap, weight in layers.items() if weight]

    def _style_terms(self, network: Network, styles: Sequence[np.ndarray]) -> list:
        measured = []
        for style in styles:
            features, _ = network.forward(style, self.style_layers)
            measured.append({tap: gram(found) for tap, found in features.items()})
        shares = self.blend if len(self.blend) else [1.0] * len(styles)
        layers = {tap: self.style_weight * weight for tap, weight in self.style_layers.items()}
        return [
            Style(tap, blend_grams([grams[tap] for grams in measured], shares), weight)
            for tap, weight in layers.items()
            if weight
        ]
