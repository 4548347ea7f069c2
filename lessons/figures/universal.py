"""The figures of lesson 17: features as clouds of points, what decoders give back, and pictures in any style."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
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
from nst.feedforward.transforms import WCT, AdaIN, Transform
from nst.feedforward.universal import Universal, shares_of
from nst.formats.codec_files import read_adain, read_slim, read_wct
from nst.networks.codecs import Codec
from nst.pruning.source import square

LOG = Path(__file__).parents[2] / "weights" / "slim-decoders.csv"
SIZE, SHOWN = 384, 176
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
VGG = "adain_decoder.npz", "distilled_vgg19_decoder5.npz"


@figure("universal-clouds.svg")
def clouds() -> Drawn:
    """Draw two channels at 160 places: a content, a style, and what either transform makes of the content."""
    rng = np.random.default_rng(4)
    content = rng.standard_normal((160, 2)) @ np.array([[1.0, 0.85], [0.0, 0.5]]) + [4.0, 3.0]
    style = rng.standard_normal((160, 2)) @ np.array([[0.7, -0.9], [0.0, 0.25]]) + [2.5, 5.0]
    shown = [("content", content, BLUE), ("style", style, ORANGE)]
    for name, transform in (("AdaIN", AdaIN()), ("WCT", WCT())):
        moved = transform.move(content, transform.measure(content), transform.measure(style))
        shown.append((name, moved, GREEN))
    parts = []
    for place, (name, points, colour) in enumerate(shown):
        left = 20 + 175 * place
        x, y = ramp(0, 8, left, left + 160), ramp(0, 8, 190, 30)
        parts += [line(left, 190, left + 160, 190), line(left, 30, left, 190)]
        parts += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="1.8" fill="{colour}"/>' for a, b in points]
        parts.append(text(left + 80, 212, name, colour=colour))
    return svg(720, 226, parts)


@figure("universal-curve.svg")
def learning() -> Drawn:
    """Draw the errors of plain reconstruction on held-out photographs, from the log of the training."""
    with LOG.open(newline="", encoding="utf-8") as stream:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    parts, last = [], rows[-1]["step"]
    colours = dict(zip(("relu1_1", "relu2_1", "relu3_1", "relu4_1"), (BLUE, GREEN, ORANGE, RED), strict=True))
    x, y = ramp(0, last, 70, 690), ramp(1, 64, 280, 30, log=True)
    for level in (1, 2, 4, 8, 16, 32, 64):
        parts += [
            line(70, y(level), 690, y(level), colour="#e4e3de"),
            text(62, y(level) + 4, f"{level}", anchor="end", size=12),
        ]
    for tap, colour in colours.items():
        known = [row for row in rows if row[f"pixels {tap}"] == row[f"pixels {tap}"]]
        parts.append(
            curve(
                [x(row["step"]) for row in known],
                [y(row[f"pixels {tap}"]) for row in known],
                colour,
                dots=True,
            )
        )
        parts.append(
            text(
                x(known[-1]["step"]) - 4, y(known[-1][f"pixels {tap}"]) - 10, tap, colour=colour, anchor="end"
            )
        )
    parts += [text(x(step), 300, f"{step:,.0f}", size=12) for step in (0, last / 2, last)]
    return svg(720, 316, parts)


def painted(
    codecs: Sequence[Codec], transform: Transform, content: str, style: str, alpha: float = 1.0
) -> Image.Image:
    """Return one picture in the style of another, both square."""
    pair = [square(images() / one, SIZE, zoom=True)[0] for one in (content, style)]
    found = Universal(codecs, transform, alpha).paint(pair[0], pair[1:], shares_of((SIZE, SIZE), [1.0]))
    return picture(found).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)


@needing("universal-levels.png", "slim", PAIRS[0][0])
def levels() -> Drawn:
    """Show a photograph, and what comes back of it from each of slim's layers with nothing done in between."""
    pixels = square(images() / PAIRS[0][0], SIZE, zoom=True)[0]
    shown, captions = [picture(pixels)], ["photograph"]
    for codec in read_slim(levels=(1, 2, 3, 4)):
        back = codec.decode(codec.encode(pixels), pixels.shape[:2])
        shown.append(picture(back))
        captions.append(f"{codec.tap}: off by {np.sqrt(np.square(back - pixels).mean()):.1f}")
    return panels([one.resize((132, 132), Image.Resampling.LANCZOS) for one in shown], captions)


def _pairs(adain: Sequence[Codec], wct: Sequence[Codec], alpha: float) -> Drawn:
    shown, captions = [], []
    for name, codecs, transform, much in (("AdaIN", adain, AdaIN(), 1.0), ("WCT", wct, WCT(), alpha)):
        for content, style in PAIRS:
            shown.append(painted(codecs, transform, content, style, much))
            captions.append(name if much == 1 else f"{name}, alpha {much:g}")
    return panels(shown, captions, columns=3)


@needing("universal-painted.png", "slim", *(name for pair in PAIRS for name in pair))
def with_slim() -> Drawn:
    """Paint three pairs with what comes with nst."""
    return _pairs(read_slim(levels=(4,)), read_slim(), 0.6)


@needing(
    "universal-vgg.png",
    "slim",
    *(name for pair in PAIRS for name in pair),
    *(f"../weights/{one}" for one in VGG),
)
def with_vgg() -> Drawn:
    """Paint them with others' codecs of VGG-19."""
    folder = images().parent / "weights"
    return _pairs(read_adain(folder), read_wct(folder), 0.6)


@needing("universal-alpha.png", "slim", *PAIRS[2])
def sweep() -> Drawn:
    """Paint one pair with more and more of the style."""
    shown, captions = [], []
    for name, codecs, transform in (("AdaIN", read_slim(levels=(4,)), AdaIN()), ("WCT", read_slim(), WCT())):
        for alpha in ALPHAS:
            shown.append(
                painted(codecs, transform, *PAIRS[2], alpha).resize((120, 120), Image.Resampling.LANCZOS)
            )
            captions.append(f"{name} {alpha:g}")
    return panels(shown, captions, columns=len(ALPHAS))
