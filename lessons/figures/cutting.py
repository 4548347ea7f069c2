"""The figures of lesson 12: what rankings lose, and what cut networks paint.

They take VGG-19 and pictures that this repository does not hold; see `style_transfer`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lessons.figures.drawing import BLUE, INK, ORANGE, Drawn, line, panels, picture, svg, text
from lessons.figures.material import images
from lessons.figures.style_transfer import PAINTING, painted
from nst import formats
from nst.formats.known import find_weights
from nst.networks import Network, vgg
from nst.pruning import by_activation, by_duplicates, by_kernel, choose, correlations, cut, kernel_cosines
from nst.pruning.cut import most_telling
from nst.pruning.distance import judge, paint
from nst.pruning.source import square

LAYER, TAP = "conv3_1", "relu3_1"
CONTENT = "photos/kodim23.png"
SIDE, PAINTED = 160, 128


@cache
def network() -> Network:
    """Return VGG-19 as far as its weights reach."""
    return vgg(formats.read(find_weights("vgg19")))


def photographs() -> list[np.ndarray]:
    """Return the middles of all photographs but the one that is painted."""
    files = sorted(path for path in Path(images(), "photos").iterdir() if path.suffix in (".png", ".jpg"))
    return [square(path, SIDE, zoom=True) for path in files if path.name != Path(CONTENT).name]


def losses(chosen: np.ndarray, answers: np.ndarray) -> tuple[float, float]:
    """Return what is lost of a layer's answers without some filters: with zeros for them, and with a prediction."""
    kept = answers[:, chosen]
    zeros = np.zeros_like(answers)
    zeros[:, chosen] = kept
    known = np.column_stack([kept, np.ones(len(kept))])
    predicted = known @ np.linalg.lstsq(known, answers, rcond=None)[0]
    whole = np.square(answers).sum()
    return np.square(zeros - answers).sum() / whole, np.square(predicted - answers).sum() / whole


@painted("cutting-rankings.svg")
def rankings() -> Drawn:
    """Draw what is lost when half of the filters of a layer go, by ranking."""
    whole, shown = network(), photographs()
    answers = [whole.forward(one, [TAP])[0][TAP] for one in shown]
    answers = np.concatenate([one.reshape(-1, one.shape[-1]) for one in answers]).astype(np.float64)
    worth = by_activation(whole, [LAYER], shown)
    scores = {
        "L1 norm of the kernel": by_kernel(whole, [LAYER]),
        "near-duplicates, by kernel": by_duplicates(kernel_cosines(whole, [LAYER]), worth),
        "near-duplicates, by answers": by_duplicates(correlations(whole, [LAYER], shown), worth),
        "mean answer": worth,
    }
    chosen = {name: choose(whole, one, 0.5)[LAYER] for name, one in scores.items()}
    chosen["pivoted QR"] = most_telling(answers.T @ answers, answers.shape[1] // 2)
    parts, top = [], 30
    for name, kept in chosen.items():
        for share, colour, label in zip(losses(kept, answers), (BLUE, ORANGE), (name, ""), strict=True):
            parts.append(line(230, top, 230 + 800 * share, top, colour=colour, width=14))
            parts.append(text(238 + 800 * share, top + 5, f"{100 * share:.1f} %", anchor="start", size=13))
            parts.append(text(220, top + 15, label, anchor="end", colour=INK))
            top += 19
        top += 16
    parts.append(text(230, top + 6, "zeros in place of the filters", anchor="start", colour=BLUE))
    parts.append(text(450, top + 6, "predicted from those that stay", anchor="start", colour=ORANGE))
    return svg(700, top + 24, parts)


@painted("cutting-painted.png")
def painting() -> Drawn:
    """Paint with the whole network and with two that have been cut."""
    whole = network()
    pair = square(images() / CONTENT, PAINTED, zoom=True), square(images() / PAINTING, PAINTED, zoom=True)
    shown, captions = [], []
    for name, share in (("whole", None), ("3/4 of the width", 0.75), ("half the width", 0.5)):
        one = cut(whole, photographs(), share) if share else whole
        result = paint(one, pair)
        found = judge(whole, result, pair)
        shown.append(picture(result[0], 2))
        captions.append(f"{name}\nstyle {found.style:.3f}, content {found.content:.2f}")
    return panels(shown, captions)
