"""A term that keeps the pictures of a batch apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.errors import NstError


@dataclass(frozen=True)
class Diversity:
    r"""How alike the pictures of a batch are in style: the cosine between their Gram matrices, over all pairs.

    With G_i = F_i^T F_i of picture i, |G| the root of the sum of squares of its entries, and g_i = G_i / |G_i|::

        L = weight/N sum_i sum_(j != i) <g_i, g_j>

    A channel that answers to several things shows one of them in each picture when they must differ (Olah et al.,
    *Feature Visualization*, 2017).

    **Gradient.** g_i stands in 2 (N - 1) of the products, and moving along itself does not turn it::

        dg_i = 2 weight/N sum_(j != i) g_j
        dG_i = (dg_i - g_i <g_i, dg_i>) / |G_i|
        dF_i = 2 F_i dG_i                               since dG_i is symmetric

    Attributes
    ----------
    tap : str
    weight : float
    """

    tap: str
    weight: float = 1.0

    @property
    def label(self) -> str:
        return f"diversity {self.tap}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        if features.ndim != 4:
            raise NstError(f"diversity needs features with places, not {self.tap} of shape {features.shape}")
        n, _, _, channels = features.shape
        f = features.reshape(n, -1, channels).astype(np.float64)
        grams = f.transpose(0, 2, 1) @ f
        sizes = np.sqrt(np.square(grams).sum(axis=(1, 2), keepdims=True))
        unit = grams / np.where(sizes, sizes, 1)
        others = unit.sum(axis=0) - unit
        scale = self.weight / max(1, n)
        pull = 2 * scale * others
        along = (unit * pull).sum(axis=(1, 2), keepdims=True)
        dgrams = (pull - unit * along) / np.where(sizes, sizes, 1)
        gradient = 2 * f @ dgrams
        return scale * float((unit * others).sum()), gradient.reshape(features.shape).astype(features.dtype)
