"""Terms that reward features for pointing somewhere: in one direction, or wherever another picture's point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nst.errors import NstError

LEAST_COSINE = 0.1
"""Features that point away keep this much of a gradient."""
PAIRS = 1 << 24
"""Of a place and a place of the guide that are compared at once: 64 MB of products in float32."""


@dataclass(frozen=True, eq=False)
class Direction:
    r"""How far the features reach in a direction v of the space of channels, and how well they keep to it.

    With P places, s_p = <F_p, v>, the cosine c_p = s_p / (|F_p| |v|), and m_p = max(c_p, 0.1)::

        L = -weight sum_n 1/P sum_p s_p m_p^power

    Power 0 is a mixture of channels, weighed by v. Larger powers ask for v and nothing else: one can go far in any
    direction by making all features large (Carter et al., *Activation Atlas*, 2019; the floor of 0.1 is Lucid's).

    **Gradient.** With the product rule, and where c_p > 0.1, so that m_p = c_p::

        d c_p / dF_p = v / (|F_p| |v|) - c_p F_p / |F_p|^2

        dF_p = -weight/P (m_p^power v + s_p power m_p^(power - 1) d c_p / dF_p)

    Elsewhere m_p is constant and the second part 0.

    Attributes
    ----------
    tap : str
    vector : ndarray, shape (C,)
        v.
    power : float
    weight : float
    name : str
        What the label says of v.
    """

    tap: str
    vector: np.ndarray
    power: float = 0.0
    weight: float = 1.0
    name: str = ""
    mean_over_places: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return f"direction {self.tap}{self.name and ' ' + self.name}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        if self.vector.shape != features.shape[-1:]:
            raise NstError(
                f"a direction of {self.vector.shape} does not fit the {features.shape[-1]} channels of {self.tap}"
            )
        f, v = features.astype(np.float64), self.vector.astype(np.float64)
        scale = -self.weight / max(1, f[0, ..., 0].size if len(f) else 1)
        reach = f @ v
        length = (
            np.sqrt(np.square(f).sum(axis=-1)) + 1e-12
        )  # no direction at all is at right angles to every one
        size = float(np.sqrt(v @ v)) + 1e-12
        cosine = reach / (length * size)
        kept = np.maximum(cosine, LEAST_COSINE)
        value = scale * float((reach * kept**self.power).sum())
        slope = np.where(cosine > LEAST_COSINE, self.power * reach * kept ** (self.power - 1), 0)
        gradient = kept[..., None] ** self.power * v
        gradient += (slope / (length * size))[..., None] * v - (slope * cosine / length**2)[..., None] * f
        return value, (scale * gradient).astype(features.dtype)


@dataclass(frozen=True, eq=False)
class Guide:
    r"""How well each place matches the best fitting place of another picture.

    With F_p the features of P places and G_q those of the guide::

        L = -weight sum_n 1/P sum_p max_q <F_p, G_q>            dF_p = -weight/P G_q*(p)

    where q*(p) is the place that wins: each place is pulled towards what in the guide is most like it (the guided
    Deep Dream of 2015).

    Attributes
    ----------
    tap : str
    guide : ndarray, shape (Q, C)
        G.
    weight : float
    """

    tap: str
    guide: np.ndarray
    weight: float = 1.0
    mean_over_places: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return f"guide {self.tap}"

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        channels = features.shape[-1]
        if self.guide.ndim != 2 or not len(self.guide) or self.guide.shape[1] != channels:
            raise NstError(
                f"a guide of shape {self.guide.shape} does not fit the {channels} channels of {self.tap}"
            )
        guide = self.guide.astype(features.dtype, copy=False)
        scale = -self.weight / max(1, features[:1].size // channels)
        places, rows = features.reshape(-1, channels), max(1, PAIRS // len(guide))
        gradient, value = np.empty_like(places), 0.0
        for start in range(0, len(places), rows):
            match = places[start : start + rows] @ guide.T
            best = match.argmax(axis=1)
            value += float(np.take_along_axis(match, best[:, None], axis=1).sum(dtype=np.float64))
            np.multiply(guide[best], features.dtype.type(scale), out=gradient[start : start + rows])
        return scale * value, gradient.reshape(features.shape)
