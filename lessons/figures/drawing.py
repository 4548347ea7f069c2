"""What the figures share: the register of figures, paper and ink, pictures with captions, simple charts.

A figure is a function that returns a Pillow image (a `.png`) or the text of an `.svg`::

    @figure("relu.svg")
    def relu() -> str: ...

Paper is opaque and ink dark, so that a figure reads the same on a light page and on a dark one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = "#fbfaf7", "#24292f", "#8b9198"
BLUE, ORANGE, GREEN, RED = "#2f6fb0", "#d9731a", "#2a8f62", "#c23b4e"

Drawn = Image.Image | str


@dataclass(frozen=True)
class Figure:
    """A figure's file name, the function that draws it, and whether that takes more than a few seconds."""

    name: str
    draw: Callable[[], Drawn]
    slow: bool


FIGURES: dict[str, Figure] = {}


def figure(name: str, *, slow: bool = False) -> Callable[[Callable[[], Drawn]], Callable[[], Drawn]]:
    """Register the function below as the one that draws `name`; the tests do not draw a `slow` one again."""

    def register(draw: Callable[[], Drawn]) -> Callable[[], Drawn]:
        if name in FIGURES:
            raise ValueError(f"two functions draw {name}")
        FIGURES[name] = Figure(name, draw, slow)
        return draw

    return register


def picture(pixels: np.ndarray, scale: int = 1) -> Image.Image:
    """Return (H, W, 3) or (H, W) values in 0..255 as an image, each pixel a square of `scale`."""
    image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).convert("RGB")
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def signed(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Return (H, W) values as colours: negative blue, zero paper, positive orange, full at `limit`."""
    share = np.clip(values / (limit or np.abs(values).max() or 1.0), -1, 1)[..., None]
    paper, blue, orange = (
        np.array(list(bytes.fromhex(colour[1:])), float) for colour in (PAPER, BLUE, ORANGE)
    )
    return np.where(share < 0, paper + (paper - blue) * share, paper + (orange - paper) * share)


def panels(
    images: Sequence[Image.Image], captions: Sequence[str], *, columns: int | None = None, gap: int = 14
) -> Image.Image:
    """Return images side by side on paper, a caption under each."""
    font = ImageFont.load_default(size=14)
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    width, height = max(image.width for image in images), max(image.height for image in images)
    lines = max(caption.count("\n") + 1 for caption in captions)
    cell = height + 10 + 18 * lines
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (cell + gap) + gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = gap + place % columns * (width + gap)
        top = gap + place // columns * (cell + gap)
        x, y = left + (width - image.width) // 2, top + (height - image.height) // 2
        draw.rectangle((x - 1, y - 1, x + image.width, y + image.height), outline=FAINT)
        sheet.paste(image, (x, y))
        for row, line in enumerate(caption.split("\n")):
            across = left + (width - draw.textlength(line, font=font)) // 2
            draw.text((across, top + height + 6 + 18 * row), line, INK, font=font)
    return sheet


def svg(width: int, height: int, parts: Sequence[str]) -> str:
    """Return a drawing of `parts` on paper."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="14" fill="{INK}">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, *, anchor: str = "middle", colour: str = INK, size: int = 14) -> str:
    """Return one line of text, its baseline at `y`."""
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-size="{size}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = FAINT, width: float = 1) -> str:
    """Return a straight line."""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{colour}" stroke-width="{width:g}" fill="none"/>'


def curve(
    xs: Sequence[float], ys: Sequence[float], colour: str, *, dots: bool = False, dash: str = ""
) -> str:
    """Return a polyline through places of the drawing, with a dot at each of them if asked."""
    places = list(zip(xs, ys, strict=True))
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places if dots]
    return "\n".join(
        [f'<path d="M{path}" stroke="{colour}" stroke-width="2.5" fill="none"{dashes}/>', *marks]
    )


def ramp(low: float, high: float, start: float, end: float, *, log: bool = False) -> Callable[[float], float]:
    """Return the map from `low`..`high` on an axis to `start`..`end` in the drawing."""
    warp = np.log10 if log else float
    return lambda value: start + (warp(value) - warp(low)) / (warp(high) - warp(low)) * (end - start)


@dataclass(frozen=True)
class Curve:
    """A line of a chart: its points, colour, and its name written at `at`, in the units of the axes."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: str
    at: tuple[float, float]
    dash: str = ""


def loglog(
    curves: Sequence[Curve],
    across: tuple[int, int],
    up: tuple[int, int],
    *,
    labels: tuple[str, str],
    size: tuple[int, int] = (680, 400),
) -> str:
    """Return a chart whose axes are powers of ten, `across` and `up` giving the first and the last exponent."""
    width, height = size
    left, right, top, bottom = 70, width - 24, 40, height - 56
    x = ramp(10.0 ** across[0], 10.0 ** across[1], left, right, log=True)
    y = ramp(10.0 ** up[0], 10.0 ** up[1], bottom, top, log=True)
    parts = []
    for power in range(across[0], across[1] + 1):
        parts.append(line(x(10.0**power), top, x(10.0**power), bottom, colour="#e4e3de"))
        parts.append(text(x(10.0**power), bottom + 20, f"1e{power}", size=12))
    for power in range(up[0], up[1] + 1, 2 if up[1] - up[0] > 8 else 1):
        parts.append(line(left, y(10.0**power), right, y(10.0**power), colour="#e4e3de"))
        parts.append(text(left - 8, y(10.0**power) + 4, f"1e{power}", anchor="end", size=12))
    for one in curves:
        low, high = 10.0 ** up[0], 10.0 ** up[1]
        parts.append(
            curve(
                [x(v) for v in one.xs], [y(min(max(v, low), high)) for v in one.ys], one.colour, dash=one.dash
            )
        )
        parts.append(text(x(one.at[0]), y(one.at[1]), one.name, anchor="start", colour=one.colour))
    parts.append(text((left + right) / 2, height - 14, labels[0]))
    parts.append(text(left - 50, top - 16, labels[1], anchor="start"))
    return svg(width, height, parts)
