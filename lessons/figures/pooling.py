"""The figures of lesson 03."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lessons.figures.drawing import BLUE, GREEN, INK, ORANGE, RED, figure, panels, picture, signed, svg, text
from nst.images import load, resize_to
from nst.images.bundled import landscape_path, strokes_path
from nst.layers import MaxPool2d
from nst.losses import gram, gram_loss
from nst.networks import random_weights, vgg

CELL = 40
COLOURS = (BLUE, ORANGE, GREEN, RED)
SMALL = np.array([[1, 2, 0, 1, 3], [0, 4, 1, 2, 0], [2, 1, 9, 0, 1], [0, 3, 1, 5, 2], [1, 0, 2, 1, 6]])


@figure("pooling-overlap.svg")
def overlap() -> str:
    """Four overlapping windows with one winner, and what comes back when gradients are added or assigned."""
    pool = MaxPool2d(3, 2)
    _, saved = pool.forward(SMALL.reshape(1, 5, 5, 1).astype(float))
    dy = np.array([1.0, 2, 3, 4]).reshape(1, 2, 2, 1)
    added = pool.backward(dy, saved)[0, :, :, 0]
    assigned = np.where(added != 0, dy[0, 1, 1, 0], 0)
    top = 30
    parts = _numbers(SMALL, 30, top, "x under four windows")
    for place, (a, b) in enumerate(np.ndindex(2, 2)):
        inset = 2 + 2 * place
        parts.append(
            f'<rect x="{30 + 2 * b * CELL + inset}" y="{top + 2 * a * CELL + inset}" fill="none" rx="4" '
            f'width="{3 * CELL - 2 * inset}" height="{3 * CELL - 2 * inset}" '
            f'stroke="{COLOURS[place]}" stroke-width="2.5"/>'
        )
    parts += _numbers(dy[0, :, :, 0], 280, top + 60, "dy", colours=COLOURS)
    parts += _numbers(added, 410, top, "dx: added")
    parts += _numbers(assigned, 660, top, "wrong: assigned")
    return svg(890, 280, parts)


def _numbers(values: np.ndarray, left: int, top: int, caption: str, colours: tuple = ()) -> list[str]:
    """Return a table of numbers with a caption; in the middle cell bold, or each in its own colour."""
    parts = []
    for place, (row, column) in enumerate(np.ndindex(values.shape)):
        x, y = left + column * CELL, top + row * CELL
        won = not colours and values.shape == (5, 5) and (row, column) == (2, 2)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" stroke="#cfcdc6" '
            f'fill="{"#ffe3b8" if won else "none"}"/>'
        )
        colour = colours[place] if colours else INK
        parts.append(
            text(x + CELL / 2, y + CELL / 2 + 6, f"{values[row, column]:.0f}", colour=colour, size=17)
        )
    return [*parts, text(left + values.shape[1] * CELL / 2, top + values.shape[0] * CELL + 26, caption)]


@figure("pooling-gradient.png")
def gradient() -> Image.Image:
    """The gradient of one style loss with respect to the pixels, through both kinds of pooling."""
    photo, painting = (resize_to(load(path).pixels, (90, 128)) for path in (landscape_path(), strokes_path()))
    images, captions = [picture(resize_to(load(landscape_path()).pixels, (180, 256)))], ["the picture"]
    for pooling in ("max", "avg"):
        network = vgg(random_weights(), pooling)
        target = gram(network.forward(painting[None], ["relu3_1"])[0]["relu3_1"])
        features, tape = network.forward(photo[None], ["relu3_1"])
        _, dfeatures = gram_loss(features["relu3_1"], target)
        grey = network.backward({"relu3_1": dfeatures}, tape)[0].mean(axis=-1)
        images.append(picture(signed(grey, 3 * grey.std()), 2))
        captions.append(f"gradient through {pooling} pooling")
    return panels(images, captions)
