"""The figures of lesson 04."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from lessons.figures.drawing import (
    BLUE,
    FAINT,
    ORANGE,
    RED,
    Curve,
    figure,
    loglog,
    panels,
    picture,
    svg,
    text,
)
from nst.images import load, resize_to
from nst.images.bundled import landscape_path
from nst.kernels.reference import moments
from nst.layers import BatchNorm, InstanceNorm

PICTURES, CHANNELS, SIDE, PIXEL, GAP = 3, 5, 5, 7, 6
STEP = SIDE * PIXEL + GAP
Member = Callable[[int, int, int, int], bool]


@figure("normalisation-axes.svg")
def axes() -> str:
    """Which values are taken together: N pictures down, C channels across, pixels inside."""
    kinds: dict[str, Member] = {
        "batch": lambda n, c, u, v: c == 2,
        "instance": lambda n, c, u, v: (n, c) == (1, 2),
        "LRN, across channels": lambda n, c, u, v: (n, u, v) == (1, 2, 2) and 1 <= c <= 3,
        "LRN, within a channel": lambda n, c, u, v: (n, c) == (1, 2) and 1 <= u <= 3 and 1 <= v <= 3,
    }
    width = CHANNELS * STEP + 34
    parts = [text(20, 52 + row * STEP + 23, f"{row + 1}", colour=FAINT) for row in range(PICTURES)]
    for place, (name, member) in enumerate(kinds.items()):
        parts += _panel(36 + place * width, 52, member, centre=name.startswith("LRN"))
        parts.append(text(36 + place * width + (width - 34) / 2, 30, name, size=15))
        parts.append(
            text(
                36 + place * width + (width - 34) / 2,
                52 + PICTURES * STEP + 18,
                "channels",
                colour=FAINT,
                size=12,
            )
        )
    return svg(36 + len(kinds) * width - 10, 52 + PICTURES * STEP + 34, parts)


def _panel(left: float, top: float, member: Member, centre: bool) -> list[str]:
    parts = []
    for n, c in np.ndindex(PICTURES, CHANNELS):
        x, y, side = left + c * STEP, top + n * STEP, SIDE * PIXEL
        inside = [(u, v) for u, v in np.ndindex(SIDE, SIDE) if member(n, c, u, v)]
        squares = "".join(
            f"M{x + v * PIXEL:g} {y + u * PIXEL:g}h{PIXEL}v{PIXEL}h-{PIXEL}z" for u, v in inside
        )
        lines = "".join(
            f"M{x + k * PIXEL:g} {y:g}v{side}M{x:g} {y + k * PIXEL:g}h{side}" for k in range(SIDE + 1)
        )
        if squares:
            parts.append(f'<path d="{squares}" fill="#f2b675"/>')
        if centre and (n, c) == (1, 2):
            parts.append(
                f'<rect x="{x + 2 * PIXEL}" y="{y + 2 * PIXEL}" width="{PIXEL}" height="{PIXEL}" fill="{RED}"/>'
            )
        parts.append(f'<path d="{lines}" stroke="#b9b7b0" stroke-width="0.7"/>')
    return parts


@figure("normalisation-cancellation.svg")
def cancellation() -> str:
    """The error of the variance in float32, in one pass and in two, against the ratio of mean to deviation."""
    rng = np.random.default_rng(0)
    ratios = 10.0 ** np.arange(0, 5.6, 0.25)
    one_pass, two_passes = [], []
    for ratio in ratios:
        x = (ratio + rng.standard_normal((100, 32, 32, 1))).astype(np.float32)
        true = x.astype(np.float64).var(axis=(1, 2, 3))
        short = np.mean(x * x, axis=(1, 2, 3)) - np.mean(x, axis=(1, 2, 3)) ** 2
        long = moments(x.reshape(100, -1, 1))[1].ravel()
        for errors, found in ((one_pass, short), (two_passes, long)):
            errors.append(float(np.sqrt(np.mean((found / true - 1) ** 2))))
    curves = [
        Curve("no digit is left", (1, 10**5.5), (1, 1), FAINT, (1.4, 2.2), "3 4"),
        Curve("one pass: E[x²] - E[x]²", ratios, one_pass, ORANGE, (3, 4e-3)),
        Curve("two passes", ratios, two_passes, BLUE, (700, 3e-8)),
    ]
    return loglog(curves, (0, 6), (-9, 4), labels=("mean / deviation", "relative error of the variance"))


@figure("normalisation-contrast.png")
def contrast() -> Image.Image:
    """A picture, faded and at dusk: as they are, behind instance and behind batch normalisation."""
    photo = resize_to(load(landscape_path()).pixels, (126, 180)).astype(np.float64)
    pictures = np.stack([photo, 0.3 * photo + 150, photo * [1.0, 0.7, 0.4]])
    alone, _ = InstanceNorm(None, None).forward(pictures)
    batch = BatchNorm(np.ones(3), np.zeros(3), np.zeros(3), np.ones(3))
    together, _ = batch.forward(pictures, training=True)
    images = [picture(pixels) for pixels in (*pictures, *(128 + 55 * alone), *(128 + 55 * together))]
    captions = ["as it is", "faded", "at dusk", *["instance norm"] * 3, *["batch norm"] * 3]
    return panels(images, captions, columns=3)
