"""What cutting a network costs in style: both paint, and the whole one judges both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst.engine import Objective, optimise
from nst.errors import NstError
from nst.losses import Content, Range, Style, gram
from nst.networks import Network, fused
from nst.optimizers import LBFGS

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_TAP = "relu3_1"
CONTENT_WEIGHT = 0.1
"""Of the content beside the style, both measured as shares: what the whole network paints with."""
RANGE_WEIGHT = 1e-3
EVALUATIONS = 100

Pair = tuple[np.ndarray, np.ndarray]
"""A photograph and a painting, (1, H, W, 3), RGB in 0..255."""


@dataclass(frozen=True)
class Distance:
    r"""How far a painted picture X is from its style S and its content C, as the whole network sees them.

    Attributes
    ----------
    style : float
        The mean over `STYLE_TAPS` of |G(X) - G(S)|^2 / |G(C) - G(S)|^2: 1 for the photograph, 0 for the style itself.
    content : float
        |F(X) - F(C)| / |F(S) - F(C)| at `CONTENT_TAP`: 0 for the photograph.
    """

    style: float
    content: float


def paint(
    network: Network, pair: Pair, content_weight: float = CONTENT_WEIGHT, looks: int = EVALUATIONS
) -> np.ndarray:
    r"""Paint with any network so that another one's results can stand beside: each loss is a share of what it was.

    With G and F of `network` itself::

        L(X) = mean_l |G_l(X) - G_l(S)|^2 / |G_l(C) - G_l(S)|^2 + alpha |F(X) - F(C)|^2 / |F(C)|^2
               + 0.001 mean(overshoot^2)

    The start is the photograph; L-BFGS may look so many times. The result is what a file of 8 bits would hold.
    """
    content, style = pair
    taps = [*STYLE_TAPS, CONTENT_TAP]
    of_content, of_style = network.forward(content, taps)[0], network.forward(style, taps)[0]
    target = of_content[CONTENT_TAP]
    if not target.any():
        raise NstError(f"the network answers nothing to the photograph at {CONTENT_TAP}")
    terms = [
        Content(CONTENT_TAP, target, content_weight / float(np.square(target).mean())),
        Range(RANGE_WEIGHT),
    ]
    for tap in STYLE_TAPS:
        wanted = gram(of_style[tap])
        before = float(np.square(gram(of_content[tap]) - wanted).mean())
        if not before:
            raise NstError(f"photograph and painting have the same statistics at {tap}")
        terms.append(Style(tap, wanted, 1 / (len(STYLE_TAPS) * before)))
    seen = 0

    def enough(step) -> bool:
        nonlocal seen
        seen += step.evaluations
        return seen >= looks

    objective = Objective(fused(network, taps), terms)
    picture, _ = optimise(objective, content, LBFGS(history=20), looks, on_step=enough)
    return np.rint(np.clip(picture, 0, 255)).astype(content.dtype)


def judge(whole: Network, painted: np.ndarray, pair: Pair) -> Distance:
    """Return how far a painted picture is from style and content, as `whole` sees them."""
    taps = [*STYLE_TAPS, CONTENT_TAP]
    found, content, style = (whole.forward(picture, taps)[0] for picture in (painted, *pair))
    ratios = []
    for tap in STYLE_TAPS:
        wanted = gram(style[tap])
        ratios.append(
            np.square(gram(found[tap]) - wanted).sum() / np.square(gram(content[tap]) - wanted).sum()
        )
    moved, apart = (one[CONTENT_TAP] - content[CONTENT_TAP] for one in (found, style))
    return Distance(float(np.mean(ratios)), float(np.linalg.norm(moved) / np.linalg.norm(apart)))


def average(network: Network, whole: Network, pairs: Sequence[Pair], content_weight: float) -> Distance:
    """Return the mean distances, judged by `whole`, of what `network` paints from several pairs."""
    found = [judge(whole, paint(network, pair, content_weight), pair) for pair in pairs]
    return Distance(
        float(np.mean([one.style for one in found])), float(np.mean([one.content for one in found]))
    )


def style_at(content: float, one: Distance, other: Distance) -> float:
    """Return the style distance at a content distance, its logarithm taken as a straight line through two points.

    More weight on the content buys less content distance for more style distance, and near a point ln(style) falls
    about as a straight line in content. So two networks are compared at one content distance only.
    """
    if one.content == other.content:
        raise NstError("two measurements at the same content distance say nothing about any other")
    slope = (np.log(other.style) - np.log(one.style)) / (other.content - one.content)
    return float(np.exp(np.log(one.style) + slope * (content - one.content)))
