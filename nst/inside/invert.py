"""Inversion: the picture that a layer's features, or their statistics, still determine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nst.engine import Objective, Progressed, optimise
from nst.engine.objective import Term
from nst.losses import Content, Range, Style, TotalVariation, gram
from nst.networks import Network, fused
from nst.optimizers import LBFGS

SMOOTH = 1e-3
"""Weight of total variation beside the distance of the features, both as shares of the picture's own size."""
RANGE = 1e-3


@dataclass(frozen=True)
class Inverted:
    """A picture (1, H, W, 3) and how far its features are from those asked for, as a share of their square."""

    picture: np.ndarray
    error: float


def invert(
    network: Network,
    picture: np.ndarray,
    tap: str,
    iterations: int,
    smooth: float = SMOOTH,
    seed: int = 0,
    on_step: Callable[[Progressed], bool | None] = lambda step: None,
) -> Inverted:
    r"""Return a picture whose features at one layer are those of `picture`, found from noise.

    With P the features of the picture, sigma^2 the variance of its colours and V the mean square of the differences of
    neighbouring pixels::

        X = argmin |F(X) - P|^2 / |P|^2 + lambda V(X) / sigma^2 + range penalty

    Mahendran and Vedaldi, *Understanding Deep Image Representations by Inverting Them*, 2015: what the layer has thrown
    away is free, and comes out as the regulariser likes it, so the picture shows what is left. lambda = 0 are the
    reconstructions of Gatys et al., 2016, figure 1.
    """
    features, _ = network.forward(picture, [tap])
    target = features[tap]
    whole = max(float(np.square(target, dtype=np.float64).mean()), 1e-30)
    terms: list[Term] = [Content(tap, target, 1 / whole)]
    return _from_noise(network, picture, terms, iterations, smooth, seed, on_step)


def invert_style(
    network: Network,
    picture: np.ndarray,
    taps: Sequence[str],
    iterations: int,
    smooth: float = 0.0,
    seed: int = 0,
    on_step: Callable[[Progressed], bool | None] = lambda step: None,
) -> Inverted:
    """Return a picture with the Gram matrices of `picture` at some layers, each as a share of its square, from noise.

    As in the lower row of Gatys' figure: with every further layer the texture keeps larger structures, and never the
    arrangement.
    """
    features, _ = network.forward(picture, taps)
    terms: list[Term] = []
    for tap in taps:
        target = gram(features[tap])
        terms.append(Style(tap, target, 1 / (len(taps) * max(float(np.square(target).mean()), 1e-30))))
    return _from_noise(network, picture, terms, iterations, smooth, seed, on_step)


def _from_noise(network, picture, terms, iterations, smooth, seed, on_step) -> Inverted:
    variance = max(float(picture.var(dtype=np.float64)), 1.0)
    noise = np.random.default_rng(seed).standard_normal(picture.shape).astype(picture.dtype)
    start = np.clip(128 + 20 * noise, 0, 255)
    more: list[Term] = [Range(RANGE)]
    if smooth:
        more.append(TotalVariation(smooth / (variance * picture.size)))
    objective = Objective(fused(network, [term.tap for term in terms]), [*terms, *more])
    found, _ = optimise(objective, start, LBFGS(), iterations, on_step=on_step)
    found = np.clip(found, 0, 255)
    return Inverted(found, Objective(objective.network, terms)(found).value)
