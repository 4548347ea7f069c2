"""What a student paints, for it to learn from: the pictures in which it and its teacher part."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from nst.networks import Network
from nst.pruning.distance import paint

LOOKS = 60  # evaluations of the objective for each picture
CONTENT_WEIGHTS = 0.01, 0.3


def painted(
    network: Network, contents: np.ndarray, styles: np.ndarray, seed: tuple[int, ...], begun: int = 0
) -> Iterator[np.ndarray]:
    """Yield each content painted after its style, with a content weight that is drawn for it.

    Style transfer looks for any picture whose Gram matrices fit, and finds those where the network errs. What it finds
    is shown to the teacher: learning from one's own mistakes (Ross, Gordon and Bagnell, *A Reduction of Imitation
    Learning to No-Regret Online Learning*, 2011).

    Parameters
    ----------
    network
        Frozen; with the taps of `nst.pruning.distance`.
    contents, styles : ndarray of float32, shape (N, H, W, 3)
        RGB, 0..255.
    seed
        Of the weights, from 0.01 to 0.3, evenly in their logarithm.
    begun
        How many are painted already, and left out.

    Yields
    ------
    ndarray of uint8, shape (H, W, 3)
    """
    weights = np.exp(np.random.default_rng(seed).uniform(*np.log(CONTENT_WEIGHTS), len(contents)))
    pairs = zip(contents[:, None], styles[:, None], weights, strict=True)
    for content, style, weight in islice(pairs, begun, None):
        yield paint(network, (content, style), float(weight), LOOKS)[0].astype(np.uint8)
