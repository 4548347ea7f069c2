"""Any number of rows times one panel of weights: what is left to do around the micro-kernel."""

from __future__ import annotations

import numpy as np

from nst.kernels.compiled import inlined, jit
from nst.kernels.vectors import FLOATS, NARROW, NARROW_ROWS, PANEL, ROWS, correlate, correlate_narrow

CELLS = max(ROWS * PANEL, NARROW_ROWS * NARROW)  # of the block of C that is in registers


def panel_width(columns: int) -> int:
    """Return how wide panels for so many columns should be: narrow ones where half of the last would be empty."""
    return PANEL if -columns % PANEL < NARROW else NARROW


@inlined
def _runs(width, runs, a, a_row, a_k, a_line, lines, depth, b, start, start_row, floor, c, c_row):
    """As many products one below the other as `runs` says."""
    if width == PANEL:
        for _ in range(runs):
            correlate(a, a_row, a_k, a_line, lines, depth, b, start, start_row, floor, c, c_row)
            a, c, start = a + ROWS * a_row, c + ROWS * c_row, start + ROWS * start_row
    else:
        for _ in range(runs):
            correlate_narrow(a, a_row, a_k, a_line, lines, depth, b, start, start_row, floor, c, c_row)
            a, c, start = a + NARROW_ROWS * a_row, c + NARROW_ROWS * c_row, start + NARROW_ROWS * start_row


@jit
def multiply_rows(
    a: int,
    a_row: int,
    a_k: int,
    a_line: int,
    lines: int,
    depth: int,
    panel: np.ndarray,
    bias: np.ndarray,
    number: int,
    floor: np.float32,
    add: int,
    y: np.ndarray,
    row: int,
    count: int,
    offset: int,
    channels: int,
    cells: np.ndarray,
) -> None:
    """Fill, or add to, the columns of one panel in the rows `row`, `row` + 1 ... `row` + count of y (as a matrix).

    The panel has that `number` among those of a group, whose columns in y are `channels` from `offset` on. Where rows
    are no multiple of what fits into registers the last ones are computed again; where columns end within the panel,
    or `count` is too small, the product goes to `cells`, and what is wanted from there to y.
    """
    width = panel.shape[1]
    at_once = ROWS if width == PANEL else NARROW_ROWS
    first_column, columns = offset + number * width, min(width, channels - number * width)
    matrix = y.reshape(-1, y.shape[3])
    step = y.shape[3] * FLOATS
    b, start = np.int64(panel.ctypes.data), np.int64(bias.ctypes.data) + number * width * FLOATS
    c, own = np.int64(matrix.ctypes.data) + row * step + first_column * FLOATS, np.int64(cells.ctypes.data)
    done = 0
    while done < count:
        r = max(0, min(done, count - at_once))
        runs, here, begin, begin_row, to, to_row = 1, a + r * a_row, start, 0, own, width * FLOATS
        in_place = columns == width and r + at_once <= count and (r == done or not add)
        if in_place:
            runs, to, to_row = max(1, (count - done) // at_once), c + r * step, step
            if add:
                begin, begin_row = to, to_row
        _runs(width, runs, here, a_row, a_k, a_line, lines, depth, b, begin, begin_row, floor, to, to_row)
        if not in_place:
            for q in range(done, min(done + at_once, count)):
                into = matrix[row + q, first_column : first_column + columns]
                some = cells[(q - r) * width :][:columns]
                for v in range(columns):
                    into[v] = into[v] + some[v] if add else some[v]
        done += runs * at_once
