"""The figure of a unit: the regions that excite it most, and beside them what in each is the cause."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from nst.images import resize_to
from nst.inside.patch_index import Hit
from nst.inside.patch_pass import View
from nst.inside.patches import Patch, cause, patch
from nst.inside.sheet import GAP, sheet

SHARP = 3  # enlarged so many times or more, pixels are shown as squares


def regions(view: View, layer: str, hits: Iterable[Hit]) -> list[tuple[Patch, np.ndarray]]:
    """Return the patch of each hit, with the picture (H, W, 3) that it was found in."""
    found = []
    for hit in hits:
        pixels = view.pixels(hit.picture, layer)
        found.append((patch(view.network, layer, hit.place, pixels.shape[:2]), pixels))
    return found


def figure(
    view: View, channel: int, found: Sequence[tuple[Patch, np.ndarray]], rules: Sequence[str], cell: int
) -> np.ndarray:
    """Return the sheet of a unit, (H, W, 3): a block of regions, and one for each rule, side by side.

    All regions are enlarged or reduced alike, so that the largest fills a cell of `cell` x `cell` pixels.
    """
    largest = max(max(one.size) for one, _ in found)
    blocks = [[cell_of(one.cut(pixels), cell, largest) for one, pixels in found]]
    for rule in rules:
        shown = [visible(cause(view.network, one, channel, pixels, rule)) for one, pixels in found]
        blocks.append([cell_of(picture, cell, largest) for picture in shown])
    columns = math.ceil(math.sqrt(len(found)))
    squares = [sheet(_rows(block, columns)) for block in blocks]
    return sheet([squares], gap=4 * GAP)


def visible(gradient: np.ndarray) -> np.ndarray:
    """Return a gradient as a picture: grey is nothing, and the largest of it reaches black or white.

    The largest is that of all but one number in a thousand, so that a single pixel does not darken the rest.
    """
    largest = float(np.quantile(np.abs(gradient), 0.999)) or float(np.abs(gradient).max()) or 1.0
    return np.clip(127.5 + 127.5 * gradient / largest, 0, 255).astype(np.float32)


def cell_of(region: np.ndarray, cell: int, largest: int) -> np.ndarray:
    """Return the region in the middle of a white cell, scaled by `cell` / `largest`."""
    scale = cell / largest
    height, width = (max(1, min(cell, round(length * scale))) for length in region.shape[:2])
    if scale >= SHARP:
        rows, columns = (
            np.arange(new) * old // new for new, old in zip((height, width), region.shape, strict=False)
        )
        shown = region[rows][:, columns]
    else:
        shown = resize_to(region, (height, width))
    result = np.full((cell, cell, 3), 255, np.float32)
    top, left = (cell - height) // 2, (cell - width) // 2
    result[top : top + height, left : left + width] = shown
    return result


def _rows(cells: list[np.ndarray], columns: int) -> list[list[np.ndarray]]:
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]
