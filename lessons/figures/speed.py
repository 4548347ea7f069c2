"""The figures of lesson 06."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from lessons.figures.drawing import BLUE, FAINT, INK, ORANGE, PAPER, figure, picture
from nst.kernels.winograd_points import Matrices, cook_toom
from nst.measure.ladder import climb

SIZE, CHANNELS = 64, 256  # conv3_2 of VGG-19 at a picture of 256 pixels
CELL = 11  # pixels of the figure


@figure("speed-ladder.svg", slow=True)
def ladder() -> str:
    """Speed of each way to convolve, on a logarithmic scale, measured on the machine that draws."""
    operations = 2 * 9 * CHANNELS**2 * SIZE**2
    rungs = climb(SIZE, CHANNELS)
    left, top, step, width = 120, 34, 26, 400
    low, high = 0.0, np.log10(max(operations / rung.seconds for rung in rungs)) - 9
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {top + step * len(rungs) + 12}" '
        f'font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        f'<text x="{left}" y="20" fill="{FAINT}">GFLOP a second, counted as the loop does them; '
        "and the relative error</text>",
    ]
    for i, rung in enumerate(rungs):
        rate, y = operations / rung.seconds / 1e9, top + step * i
        length = max(2.0, width * (np.log10(rate) - low) / (high - low))
        colour = ORANGE if rung.name.startswith("F(") else BLUE
        lines += [
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{rung.name}</text>',
            f'<rect x="{left}" y="{y + 3}" width="{length:.0f}" height="16" fill="{colour}"/>',
            f'<text x="{left + length + 6:.0f}" y="{y + 15}">{rate:,.3g} '
            f'<tspan fill="{FAINT}">{rung.error:.1e}</tspan></text>',
        ]
    return "\n".join([*lines, "</svg>"])


def _error(matrices: Matrices, x: np.ndarray, weight: np.ndarray, exact: np.ndarray) -> float:
    """Return the relative error of one row of tiles in float32: F(m, 3) along one axis, many channels."""
    output, weights, pixels = (matrix.astype(np.float32) for matrix in matrices)
    u = np.einsum("ij,jkc,lk->ilc", weights, weight, weights, dtype=np.float32)
    v = np.einsum("ij,tjkc,lk->tilc", pixels, x, pixels, dtype=np.float32)
    y = np.einsum("pi,til,ql->tpq", output, (u * v).sum(-1, dtype=np.float32), output, dtype=np.float32)
    return float(np.linalg.norm(y - exact) / np.linalg.norm(exact))


@figure("speed-points.png")
def points() -> Image.Image:
    """The error of F(4x4, 3x3) over the points ±a and ±b beside 0 and infinity."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((150, 6, 6, 64)), 0).astype(np.float32)
    weight = rng.standard_normal((3, 3, 64)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(1, 2))
    exact = np.einsum("tpqcij,ijc->tpq", windows, weight.astype(np.float64))
    across, up = np.geomspace(0.3, 1.3, 34), np.geomspace(0.8, 3.4, 34)
    errors = np.full((len(up), len(across)), np.nan)
    for i, b in enumerate(up):
        for j, a in enumerate(across):
            if b / a > 1.1:
                errors[i, j] = _error(cook_toom([0.0, a, -a, b, -b]), x, weight, exact)
    low, high = np.nanmin(errors), np.nanmin(errors) * 12
    share = np.clip(np.log(errors / low) / np.log(high / low), 0, 1)
    dark, light = np.array([31.0, 54, 92]), np.array([251.0, 250, 247])
    colours = np.where(
        np.isnan(share)[..., None], light, dark + (light - dark) * np.nan_to_num(share)[..., None]
    )
    return _with_axes(picture(colours[::-1], CELL), across, up)


def _with_axes(drawn: Image.Image, across: np.ndarray, up: np.ndarray) -> Image.Image:
    """Return the map with both axes labelled and the two choices marked."""
    left, top, bottom = 60, 10, 50
    sheet = Image.new("RGB", (drawn.width + left + 20, drawn.height + top + bottom), PAPER)
    sheet.paste(drawn, (left, top))
    draw = ImageDraw.Draw(sheet)

    def x(a: float) -> float:
        return left + _place(a, across)

    def y(b: float) -> float:
        return top + drawn.height - _place(b, up)

    for a in (0.3, 0.5, 0.7, 1):
        draw.text((x(a), top + drawn.height + 6), f"{a:g}", INK, anchor="mt", font_size=13)
    for b in (1, 1.5, 2, 3):
        draw.text((left - 8, y(b)), f"{b:g}", INK, anchor="rm", font_size=13)
    draw.text((left + drawn.width / 2, top + drawn.height + 26), "a", INK, anchor="mt", font_size=13)
    draw.text((14, top + drawn.height / 2), "b", INK, anchor="mm", font_size=13)
    for name, a, b in (("1, 2", 1, 2), ("0.71, 1.41", 0.5**0.5, 2**0.5)):
        draw.ellipse((x(a) - 5, y(b) - 5, x(a) + 5, y(b) + 5), outline=ORANGE, width=3)
        draw.text((x(a) + 10, y(b)), name, ORANGE, anchor="lm", font_size=14)
    return sheet


def _place(value: float, grid: np.ndarray) -> float:
    """Return where on a logarithmic axis a value lies, in pixels."""
    return float(np.log(value / grid[0]) / np.log(grid[1] / grid[0]) + 0.5) * CELL
