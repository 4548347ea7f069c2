"""The perceptual loss: what Gatys et al. ask of a picture, asked of what a generator paints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from nst.engine import Objective, StyleTransfer
from nst.losses import Content
from nst.networks import Network, fused


class Perceptual:
    r"""The mean over a batch of the objective of style transfer, each picture's by its own photograph.

    Johnson, Alahi and Fei-Fei, *Perceptual Losses*, 2016. With L what `nst.run` minimises for a photograph c and a
    style s, and g the generator::

        L(theta) = 1/N sum_n L(g_theta(c_n); c_n, s_n)

    Its gradient by the painted pictures is that which moves pixels in `nst.run`; here it is handed on to what painted
    them.

    Parameters
    ----------
    network : Network
        A frozen VGG.
    transfer : StyleTransfer
        Without weight on the content, textures.
    styles : sequence of ndarray, shape (1, h, w, 3)
    side : int
        Of the pictures, which are square: by it total variation becomes a mean.
    """

    def __init__(
        self, network: Network, transfer: StyleTransfer, styles: Sequence[np.ndarray], side: int
    ) -> None:
        self.network = fused(network, transfer.taps)
        blank = np.zeros((1, side, side, 3), np.float32)
        self.objectives = [transfer.objective(self.network, blank, [style]) for style in styles]

    @property
    def labels(self) -> list[str]:
        """The terms, each by its name."""
        return [term.label for term in self.objectives[0].terms]

    def objective(self, photograph: np.ndarray, style: int = 0) -> Objective:
        """Return what is asked of the painting of a photograph, (1, H, W, 3), in one of the styles."""
        terms = self.objectives[style].terms
        taps = [term.tap for term in terms if isinstance(term, Content)]
        features = self.network.features(photograph, taps) if taps else {}
        return Objective(
            self.network,
            [
                dataclasses.replace(term, target=features[term.tap]) if isinstance(term, Content) else term
                for term in terms
            ],
        )

    def __call__(
        self, painted: np.ndarray, photographs: np.ndarray, styles: Sequence[int]
    ) -> tuple[dict[str, float], np.ndarray]:
        """Return the mean of each term, weighted, and the gradient by the painted pictures.

        Parameters
        ----------
        painted, photographs : ndarray, shape (N, H, W, 3)
            RGB, 0..255.
        styles
            Which one each picture is to have.
        """
        gradient = np.empty_like(painted)
        parts = dict.fromkeys(self.labels, 0.0)
        for at, style in enumerate(styles):
            one = slice(at, at + 1)
            found = self.objective(photographs[one], style)(painted[one])
            gradient[one] = found.gradient / len(painted)
            for label, value in found.parts.items():
                parts[label] += value / len(painted)
        return parts, gradient
