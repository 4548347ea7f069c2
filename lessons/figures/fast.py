"""The figures of lesson 16, and what they show: how well one pass paints, with one normalisation and another.

`python -m lessons.figures.fast` measures all of it anew, from the two trained nets and their checkpoints, and keeps the
numbers in `fast.json` and the paintings in `fast-painted.png`; the other figures are drawn from the numbers. Train both
nets as the lesson says, into the folder that `NST_TRAINED` names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from lessons.figures.drawing import (
    BLUE,
    GREEN,
    ORANGE,
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
from lessons.figures.material import images
from nst import formats
from nst.engine import Objective, StyleTransfer, optimise
from nst.feedforward.painters import Painter, read_painter
from nst.feedforward.statistics import followed
from nst.formats.known import bundled_weights
from nst.images import load, resize
from nst.networks import build, fused
from nst.optimizers import LBFGS
from nst.training.fast_recipe import FastRecipe
from nst.training.training_checkpoint import load_training

HERE = Path(__file__).parent
KEPT = HERE / "fast.json"
PAINTED = HERE / "fast-painted.png"
TRAINED = Path(os.environ.get("NST_TRAINED", "."))
NETS = {
    "instance": TRAINED / "starry-night.npz",
    "batch": TRAINED / "starry-night-batch.npz",
}
STYLE = "paintings/van_gogh_starry_night_1889.jpg"
PHOTOGRAPHS = [f"photos/{name}.png" for name in ("kodim04", "kodim19", "kodim23")]
SIZE = 256
ITERATIONS = (25, 50, 100, 200)
SHOWN, SHARE = 100, 0.68  # of these, beside what the nets paint; and at which part of their size
BLOCK = 10  # steps whose losses are averaged
FRAMES, MARGIN = 10, 16  # of a pan; pixels at its borders that do not count


@cache
def transfer() -> tuple[StyleTransfer, object, np.ndarray]:
    """Return what the nets were trained by: terms, network, style."""
    recipe = FastRecipe()
    terms = StyleTransfer(
        dict(recipe.content_layers),
        dict(recipe.style_layers),
        recipe.content_weight,
        recipe.style_weight,
        recipe.tv_weight,
        recipe.range_weight,
    )
    network = fused(build(formats.read(bundled_weights())), terms.taps)
    return terms, network, resize(load(images() / STYLE).pixels, SIZE)[None]


def asked(photograph: np.ndarray) -> Objective:
    """Return the objective of the painting of a photograph (H, W, 3)."""
    terms, network, style = transfer()
    return terms.objective(network, photograph[None], [style])


def by_pixels(photograph: np.ndarray) -> tuple[list[float], dict[int, np.ndarray]]:
    """Return the objective after each iteration of Gatys' method from the photograph, and pictures along the way."""
    values: list[float] = []
    along: dict[int, np.ndarray] = {}

    def after(step) -> None:
        values.append(float(step.value))
        if step.iteration in ITERATIONS:
            along[step.iteration] = step.image[0].copy()

    optimise(asked(photograph), photograph[None], LBFGS(history=10), max(ITERATIONS), on_step=after)
    return values, along


def in_one_pass(net: Path, photograph: np.ndarray) -> np.ndarray:
    """Return what a net paints, as a file of 8 bits holds it."""
    return np.rint(np.clip(read_painter(net).paint(photograph), 0, 255))


def flicker(painter: Painter, frames: Sequence[np.ndarray], how: str, shift: int) -> float:
    """Return by how many grey levels a pan's paintings differ from frame to frame where they show the same place."""
    shared, last, before, total = painter.shared(frames) if how == "shared" else None, None, None, []
    for frame in frames:
        last = followed(last, painter.statistics(frame), 0.9) if how == "smooth" else None
        now = (shared or (painter.held(last) if last else painter)).paint(frame)
        if before is not None:
            inside = np.s_[MARGIN:-MARGIN, MARGIN : -MARGIN - shift]
            total.append(np.abs(before[:, shift:][inside] - now[:, :-shift][inside]).mean())
        before = now
    return float(np.mean(total))


def pan(shift: int) -> list[np.ndarray]:
    """Return the frames of a camera that moves over a photograph to the right, so many pixels a frame."""
    whole = load(images() / "photos/kodim19.png").pixels
    whole = whole.transpose(1, 0, 2) if whole.shape[0] > whole.shape[1] else whole
    return [whole[100 : 100 + SIZE, at * shift : at * shift + SIZE] for at in range(FRAMES)]


def curves(net: Path) -> dict[str, object]:
    """Return the losses of a training in blocks, and what it was judged by along the way, from its checkpoint."""
    saved = load_training(TRAINED / f"{net.stem}.checkpoint.npz")
    losses = saved.arrays["losses"].sum(axis=1)
    blocks = losses[: len(losses) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    told = {"losses": [round(float(one), 1) for one in blocks], "judged": saved.state["judged"]}
    return {**told, "seconds": round(saved.state["seconds"])}


def measure() -> None:
    """Measure everything, and keep it."""
    found: dict[str, object] = {"training": {name: curves(net) for name, net in NETS.items()}}
    rows, shown = [], []
    for name in PHOTOGRAPHS:
        photograph = resize(load(images() / name).pixels, SIZE)
        values, along = by_pixels(photograph)
        row = {"photograph": Path(name).stem, "start": asked(photograph)(photograph[None]).value}
        row["pixels"] = [round(value, 2) for value in values]
        shown.append([picture(along[SHOWN])])
        for norm, net in NETS.items():
            painting = in_one_pass(net, photograph)
            shown[-1].append(picture(painting))
            value = asked(photograph)(painting[None]).value
            row[norm] = round(value, 2)
            row[f"{norm} worth"] = next((at for at, one in enumerate(values, 1) if one <= value), None)
        rows.append(row)
        print(row["photograph"], [row["pixels"][at - 1] for at in ITERATIONS], row["instance"], row["batch"])
    found["photographs"] = rows
    painter = read_painter(NETS["instance"])
    found["flicker"] = {
        how: {str(shift): round(flicker(painter, pan(shift), how, shift), 3) for shift in (1, 4)}
        for how in ("each", "shared", "smooth")
    }
    KEPT.write_text(json.dumps(found, indent=1) + "\n")
    captions = [f"{SHOWN} iterations", *(f"one pass, {norm}" for norm in NETS)]
    by_column = [
        one.resize((round(SHARE * one.width), round(SHARE * one.height)), Image.Resampling.LANCZOS)
        for column in zip(*shown, strict=True)
        for one in column
    ]
    panels(by_column, np.repeat(captions, len(rows)).tolist(), columns=len(rows)).save(PAINTED)


def kept() -> dict:
    """Return what was measured."""
    return json.loads(KEPT.read_text("utf-8"))


@figure("fast-curves.svg")
def learning() -> Drawn:
    """Draw the losses of both trainings, in training and on photographs that are not learned from."""
    training = kept()["training"]
    every = [value for of in training.values() for value in of["losses"]]
    steps = BLOCK * max(len(of["losses"]) for of in training.values())
    x, y = ramp(0, steps, 70, 690), ramp(0.9 * min(every), max(every), 300, 30, log=True)
    parts = []
    for place, (norm, colour) in enumerate((("batch", ORANGE), ("instance", BLUE))):
        of = training[norm]
        parts.append(
            curve(
                [x(BLOCK * (at + 0.5)) for at in range(len(of["losses"]))], list(map(y, of["losses"])), colour
            )
        )
        parts += [_dot(x(step), y(value), colour) for step, value in of["judged"]]
        parts.append(text(230 + 280 * place, 356, f"{norm} normalisation", colour=colour))
    marks = [value for power in range(1, 7) for value in (10**power, 3 * 10**power)]
    for value in (one for one in marks if 0.9 * min(every) <= one <= max(every)):
        parts.insert(0, line(70, y(value), 690, y(value), colour="#e4e3de"))
        parts.append(text(62, y(value) + 4, f"{value:,}", anchor="end", size=12))
    parts += [text(x(step), 322, f"{step:,}", size=12) for step in (0, steps // 2, steps)]
    parts.append(
        text(380, 20, "objective: curves in training, dots on photographs that it has not seen", size=13)
    )
    return svg(720, 370, parts)


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


@figure("fast-worth.svg")
def worth() -> Drawn:
    """Draw Gatys' objective by iterations, the mean over the photographs, and where the nets are."""
    rows = kept()["photographs"]
    mean = np.mean([row["pixels"] for row in rows], axis=0)
    nets = {norm: float(np.mean([row[norm] for row in rows])) for norm in NETS}
    low, high = 0.9 * mean[-1], max(mean[4], *nets.values())
    x, y = ramp(1, len(mean), 70, 690, log=True), ramp(low, 1.05 * high, 300, 30, log=True)
    shown = [at for at in range(len(mean)) if mean[at] <= 1.05 * high]
    parts = [curve([x(at + 1) for at in shown], [y(mean[at]) for at in shown], GREEN)]
    for (norm, value), colour in zip(nets.items(), (BLUE, ORANGE), strict=True):
        parts.append(line(70, y(value), 690, y(value), colour=colour))
        parts.append(text(600, y(value) - 6, f"one pass, {norm} normalisation", colour=colour, size=13))
    for at in (1, 2, 5, 10, *ITERATIONS):
        parts.append(text(x(at), 322, str(at), size=12))
    for value in np.geomspace(low, high, 5):
        parts.append(text(62, y(value) + 4, f"{value:,.0f}", anchor="end", size=12))
    parts.append(text(380, 345, "iterations of L-BFGS over the pixels", colour=GREEN, size=13))
    return svg(720, 360, parts)


@figure("fast-painted.png")
def painted() -> Drawn:
    """Show what `measure` kept of the paintings."""
    return Image.open(PAINTED).convert("RGB")


if __name__ == "__main__":
    measure()
