"""The figures of lesson 15: the curve of the distillation, and what its student paints beside its teacher."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image

from lessons.figures.drawing import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Drawn,
    curve,
    figure,
    line,
    panels,
    picture,
    ramp,
    svg,
    text,
)
from lessons.figures.material import PAIRS, images, needing
from nst import formats
from nst.formats.known import bundled_weights, find_weights
from nst.networks import build
from nst.pruning.distance import STYLE_TAPS, judge, paint
from nst.pruning.source import square

LOG = Path(__file__).parents[2] / "weights" / "slim.csv"
SIZE, SHOWN = 256, 176


@figure("own-curve.svg")
def learning() -> Drawn:
    """Draw the errors on held-out photographs by step, from the log of the training."""
    with LOG.open(newline="", encoding="utf-8") as stream:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    parts, last = [], rows[-1]["step"]
    for kind, left, title in (("features", 60, "features"), ("gram", 410, "Gram matrices")):
        x, y = ramp(0, last, left, left + 290), ramp(1e-4, 1, 300, 40, log=True)
        for power in range(-4, 1):
            parts.append(line(left, y(10.0**power), left + 290, y(10.0**power), colour="#e4e3de"))
            parts.append(text(left - 6, y(10.0**power) + 4, f"1e{power}", anchor="end", size=12))
        for tap, colour in zip(STYLE_TAPS, (BLUE, GREEN, ORANGE, RED), strict=True):
            known = [row for row in rows if row[f"{kind} {tap}"] <= 1]
            ys = [y(max(row[f"{kind} {tap}"], 1e-4)) for row in known]
            parts.append(curve([x(row["step"]) for row in known], ys, colour))
        parts.append(text(left + 145, 24, f"{title}: squared error, as a share"))
        parts += [text(x(step), 320, f"{step:,.0f}", size=12) for step in (0, last / 2, last)]
    for place, (tap, colour) in enumerate(zip(STYLE_TAPS, (BLUE, GREEN, ORANGE, RED), strict=True)):
        parts.append(text(160 + 130 * place, 350, tap, colour=colour))
    return svg(720, 366, parts)


@needing("own-painted.png", "vgg19", *(name for pair in PAIRS for name in pair))
def painted() -> Drawn:
    """Paint the three pairs with teacher and student; the teacher judges."""
    teacher, student = (build(formats.read(path)) for path in (find_weights("vgg19"), bundled_weights()))
    shown, captions = [], []
    for name, network in (("VGG-19", teacher), ("slim", student)):
        for pair in PAIRS:
            content, style = (square(images() / one, SIZE, zoom=True) for one in pair)
            result = paint(network, (content, style))
            found = judge(teacher, result, (content, style))
            shown.append(picture(result[0]).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS))
            captions.append(f"{name}: {found.style:.4f}, {found.content:.2f}")
    return panels(shown, captions, columns=3)
