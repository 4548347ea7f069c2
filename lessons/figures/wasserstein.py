"""The figures of lesson 18: critics on a line, digits and textures by generators.

The two on a line take seconds. The others are of trainings that take minutes: `gan-digits.png` trains on MNIST, whose
files lie in `mnist/` of the folder that `NST_DATA` names, and `gan-textures.png` on a photograph of scikit-image that
lies in `images/textures` beside the folder of the weights. Where those are missing, the pictures stay as they are.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from lessons.figures.drawing import (
    BLUE,
    FAINT,
    ORANGE,
    Drawn,
    curve,
    figure,
    line,
    panels,
    ramp,
    svg,
    text,
)
from lessons.figures.material import images
from nst import gan, texture
from nst.adversarial.recipe import Recipe
from nst.adversarial.toy import Normal, Toy, play

PAIRS = (
    ("moved", Normal(0, 1), Normal(3, 1)),
    ("spread", Normal(0, 1), Normal(0, 3)),
    ("both", Normal(1, 1), Normal(0, 3)),
)
LOG = Path(__file__).with_name("gan-digits.jsonl")
DIGITS = ("--recipe", "quick")
TEXTURE = ("--recipe", "quick", "--features", "relu2_1", "--sample-size", "256", "--steps", "1500")
RECIPE = Recipe(batch=256, learning_rate=1e-4, head_start=10, long=80, average=0.0)


@figure("gan-critics.svg", slow=True)
def critics() -> Drawn:
    """Draw three pairs of densities, and below each the critic that was trained on it."""
    parts, width, gap = [], 200, 30
    x_axis = np.linspace(-8, 8, 161)
    for number, (name, real, fake) in enumerate(PAIRS):
        left = gap + number * (width + gap)
        x, up = ramp(-8, 8, left, left + width), ramp(0, 0.42, 150, 40)
        parts += [text(left + width / 2, 24, name), line(left, 150, left + width, 150)]
        for one, colour in ((real, BLUE), (fake, ORANGE)):
            ys = np.exp(-(((x_axis - one.mean) / one.deviation) ** 2) / 2)
            ys /= one.deviation * np.sqrt(2 * np.pi)
            parts.append(curve([x(value) for value in x_axis], [up(value) for value in ys], colour))
        toy = Toy(real, fake, RECIPE, 0.01)
        toy.train_critic(800)
        scores = toy.scores(x_axis) / toy.slope(fake)
        scores -= scores.mean()
        down = ramp(-8, 8, 320, 180)
        parts.append(line(left, 330, left + width, 330))
        parts.append(curve([x(value) for value in x_axis], [down(value) for value in scores], "#24292f"))
        parts += [text(x(value), 350, f"{value}", size=12) for value in (-8, -4, 0, 4, 8)]
    return svg(3 * (width + gap) + gap, 366, parts)


@figure("gan-toy.svg", slow=True)
def toy() -> Drawn:
    """Draw the closed form by steps of the generator, and what the critic finds."""
    recipe = Recipe(steps=600, average=0.0)
    found = list(play(Normal(0, 1), Normal(3, 0.5), recipe, 0.01, 60))
    x, y = ramp(0, 600, 70, 650), ramp(-0.5, 3.5, 300, 30)
    parts = [line(70, y(value), 650, y(value), colour="#e4e3de") for value in range(4)]
    parts += [text(60, y(value) + 4, f"{value}", anchor="end", size=12) for value in range(4)]
    parts += [text(x(step), 322, f"{step}", size=12) for step in range(0, 601, 100)]
    steps = [x(one.step) for one in found]
    parts.append(curve(steps, [y(one.known) for one in found], BLUE))
    parts += [
        f'<circle cx="{at:.1f}" cy="{y(one.distance):.1f}" r="3" fill="{ORANGE}"/>'
        for at, one in zip(steps, found, strict=True)
    ]
    parts += [text(500, 60, "closed form", colour=BLUE), text(500, 82, "estimate / slope", colour=ORANGE)]
    return svg(680, 340, [*parts, text(360, 336, "steps of the generator", size=12, colour=FAINT)])


@figure("gan-curve.svg")
def distances() -> Drawn:
    """Draw the critic's estimate and its slope by steps of the generator, from the log of the digits below."""
    with LOG.open(encoding="utf-8") as stream:
        rows = [json.loads(row) for row in stream]
    last, parts = rows[-1]["step"], []
    panels_of = (
        ("estimate / slope", BLUE, [row["estimate"] / row["slope"] for row in rows]),
        ("slope", ORANGE, [row["slope"] for row in rows]),
    )
    for (name, colour, values), left in zip(panels_of, (60, 400), strict=True):
        top = 10 ** np.ceil(np.log10(max(values)))
        top = next(top * share for share in (0.1, 0.2, 0.5, 1) if top * share >= max(values))
        x, y = ramp(0, last, left, left + 290), ramp(0, top, 250, 40)
        for share in (0, 0.5, 1):
            parts.append(line(left, y(share * top), left + 290, y(share * top), colour="#e4e3de"))
            parts.append(text(left - 6, y(share * top) + 4, f"{share * top:.3g}", anchor="end", size=12))
        parts.append(curve([x(row["step"]) for row in rows], [y(value) for value in values], colour))
        parts += [text(left + 145, 24, name), text(left + 145, 290, "steps of the generator", size=12)]
        parts += [text(x(step), 270, f"{step:,.0f}", size=12) for step in (0, last / 2, last)]
    return svg(720, 304, parts)


@figure("gan-digits.png", slow=True)
def digits() -> Drawn:
    """Train the generator of digits, and draw its sheet."""
    data = Path(os.environ.get("NST_DATA", "missing"), "mnist")
    if not data.is_dir():
        return kept("gan-digits.png", "MNIST's files in mnist/ where NST_DATA says")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "digits.npz")
        gan.main(["mnist", "--data", str(data), *DIGITS, "-o", str(target), "--quiet"])
        return doubled(target.with_suffix(".png"))


def doubled(path: Path) -> Image.Image:
    """Return a sheet at twice its size."""
    sheet = Image.open(path).convert("RGB")
    return sheet.resize((2 * sheet.width, 2 * sheet.height), Image.Resampling.NEAREST)


@figure("gan-textures.png", slow=True)
def textures() -> Drawn:
    """Draw gravel by Gatys' way and by a generator that was trained for it."""
    sample = images() / "textures" / "skimage_gravel.png"
    if not sample.exists():
        return kept("gan-textures.png", f"{sample.name} in ../images/textures beside the weights")
    with tempfile.TemporaryDirectory() as folder:
        picture, net = Path(folder, "gatys.png"), Path(folder, "net.npz")
        size = "--sample-size", "256", "--size", "256x256"
        texture.main([str(sample), *size, "-o", str(picture), "--quiet"])
        gan.main(["texture", str(sample), *TEXTURE, "-o", str(net), "--quiet"])
        return beside(picture, net.with_suffix(".png"))


def beside(*paths: Path) -> Image.Image:
    """Return both textures with their captions."""
    return panels([Image.open(path).convert("RGB") for path in paths], ["Gatys et al.", "in one pass"])


def kept(name: str, lacks: str) -> Image.Image:
    """Return a picture as it is, and say what it would take to draw it."""
    print(f"{name} stays as it is: it takes {lacks}")
    return Image.open(Path(__file__).with_name(name)).convert("RGB")
