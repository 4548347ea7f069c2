"""A picture in any style, without training for it: encode, give the features the style's statistics, decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.feedforward.transforms import Transform, restyled
from nst.images import resize_to
from nst.networks.codecs import Codec


@dataclass(frozen=True)
class Universal:
    """Codecs, one after the other, and what is done between encoding and decoding.

    Attributes
    ----------
    codecs : sequence of Codec
        One for AdaIN; for WCT from the deepest level up, each painting what the one before has made.
    transform : Transform
    alpha : float
        From 0, each codec's plain reconstruction, to 1, all of the style.
    passes : int
        How often all codecs take their turn.
    """

    codecs: Sequence[Codec]
    transform: Transform
    alpha: float = 1.0
    passes: int = 1

    def paint(self, content: np.ndarray, styles: Sequence[np.ndarray], shares: np.ndarray) -> np.ndarray:
        """Return a picture in the given styles.

        Parameters
        ----------
        content : ndarray, shape (H, W, 3)
            0..255.
        styles
            Likewise, of any sizes.
        shares : ndarray, shape (K, H, W)
            How much of each style each pixel is to have; see `shares_of`.
        """
        wanted = {
            codec.name: [self.transform.measure(_rows(codec.encode(style))) for style in styles]
            for codec in self.codecs
        }
        picture = content
        for codec in [*self.codecs] * self.passes:
            features = codec.encode(picture)
            here = np.stack([_averaged(codec.room(one), codec.step) for one in shares])
            features = restyled(features, wanted[codec.name], here, self.transform, self.alpha)
            picture = codec.decode(features, content.shape[:2])
        return picture


def shares_of(
    size: tuple[int, int], blend: Sequence[float], masks: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Return how much of each style each pixel has, (K, H, W), together 1 wherever a mask is above 0, else 0.

    Parameters
    ----------
    size
        Height and width.
    blend
        The weight of each style, not negative, one at least above 0.
    masks
        Where each style goes: (h, w) of any sizes, 0 nowhere to 1; everywhere when None.

    Raises
    ------
    NstError
        When a mask has nothing white, or there are not as many as styles.
    """
    shares = np.array(blend, np.float64) / max(blend)  # first, for the sum of large ones is infinite
    weights = (shares / shares.sum()).astype(np.float32)[:, None, None]
    if masks is None:
        return np.broadcast_to(weights, (len(blend), *size)).copy()
    if len(masks) != len(blend):
        raise NstError(f"there are {len(masks)} masks for {len(blend)} styles: give one for each")
    found = np.stack([np.clip(resize_to(mask, size), 0, 1) for mask in masks]) * weights
    for number, one in enumerate(found, 1):
        if not one.any() and blend[number - 1]:
            raise NstError(f"mask {number} is black: its style would go nowhere")
    total = found.sum(axis=0)
    return np.divide(found, total, out=np.zeros_like(found), where=total > 0)


def _rows(features: np.ndarray) -> np.ndarray:
    return features.reshape(-1, features.shape[-1])


def _averaged(share: np.ndarray, step: int) -> np.ndarray:
    """Return (H, W) averaged over squares of `step` pixels."""
    height, width = share.shape
    return share.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
