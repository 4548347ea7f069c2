"""Many pictures in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAP = 4  # pixels between pictures
STRETCHED = 99.8  # per cent of all numbers that a stretched picture does not clip


def sheet(rows: Sequence[Sequence[np.ndarray]], gap: int = GAP) -> np.ndarray:
    """Return pictures (H, W, 3), all of one size, in rows, on white; rows may differ in length.

    Returns
    -------
    ndarray
        (H', W', 3), float32.
    """
    height, width, _ = rows[0][0].shape
    columns = max(map(len, rows))
    size = (height + gap) * len(rows) - gap, (width + gap) * columns - gap, 3
    result = np.full(size, 255, np.float32)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            result[top : top + height, left : left + width] = picture
    return result


def stretched(picture: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) with the contrast that fills 0..255, its `grey` in the middle.

    What plain ascent makes of pixels can be so faint that only the network sees it. Yosinski's program, too, saves its
    pictures so.
    """
    deviation = picture - grey.astype(picture.dtype)
    most = np.percentile(np.abs(deviation), STRETCHED)
    return np.clip(127.5 + deviation * picture.dtype.type(127.5 / max(most, 1e-6)), 0, 255)
