"""The gradient of a convolution's weights on the CPU: float32, in parallel, on the product of `nst.kernels.vectors`.

Both ways are products of a transposed matrix with another, summed over all places of all pictures:

- *direct*, for any convolution: `nst.kernels.cpu_weights`.
- *Winograd*, for 3x3 at stride 1: `nst.kernels.winograd_gradients`. One such product for each of the 36 values of a
  tile, over a sixteenth of the places: 4 times fewer multiplications.

No two tasks write to the same place, and how a sum is cut does not depend on the number of threads; so neither does
a single bit of the result. A float32 sum over a megapixel may lose the third digit: here one runs over `PLACES`
places (of `nst.kernels.cpu_weights`) or `TILES` tiles, and these partial sums are added up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels import cpu_weights, memory
from nst.kernels.compiled import jit
from nst.kernels.parallel import given, parallel
from nst.kernels.reference_windows import NO_PADDING, Pair, Sides
from nst.kernels.threads import one_at_a_time
from nst.kernels.vectors import (
    BYTES,
    COLUMNS,
    FLOATS,
    NARROW,
    PANEL,
    ROWS,
    WIDTH,
    multiply,
    round_up,
)
from nst.kernels.winograd_gradients import spread2, spread4, taps2, taps4
from nst.kernels.winograd_points import F2, F4, Matrices
from nst.kernels.winograd_transforms import read2, read4

TILES = 256  # tiles that a float32 sum runs over
FEW = 12  # input channels below which the transforms cost more than they save; of outputs, half a panel
PANEL_BYTES = PANEL * FLOATS


@one_at_a_time
def conv2d_backward_weights(
    dy: np.ndarray,
    x: np.ndarray,
    weight_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
) -> np.ndarray:
    """Return the gradient of the weights, without groups; see `nst.kernels.reference.conv2d_backward_weights`."""
    kh, kw, c_in, c_out = weight_shape
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    if not dy.size:
        return np.zeros(weight_shape, np.float32)
    matrices = _cheapest(dy.shape[1:3]) if (kh, kw, *stride) == (3, 3, 1, 1) else None
    if matrices is None or c_in < FEW or c_out < NARROW:
        return cpu_weights.backward_weights(dy, x, weight_shape, stride, padding)
    return _winograd(dy, x, matrices, padding)


def _cheapest(size: Pair) -> Matrices | None:
    """Return the tiles with the fewest multiplications for a map of this size; None where it is direct that has."""
    costs = {9 * size[0] * size[1]: None}
    for matrices in (F2, F4):
        costs.setdefault(matrices.multiplications(*size), matrices)
    return costs[min(costs)]


class Plan(NamedTuple):
    """How tiles lie in the picture, and their values in memory.

    v is (values, tiles, pitch), d (values, panels, tiles, PANEL), u (values, panels, rows, PANEL), all of them with the
    given steps between values.
    """

    tile: int
    top: int
    left: int
    down: int
    across: int
    tiles: int  # at once
    pitch: int
    panels: int
    rows: int  # input channels, rounded up
    v_step: int
    d_step: int
    u_step: int


def _winograd(dy, x, matrices, padding):
    """dW = sum over tiles of G^T [ (A dy A^T) * (B^T d B) ] G, `TILES` tiles at a time."""
    images, height, width, c_out = dy.shape
    c_in, square = x.shape[3], matrices.size**2
    down, across = -(-height // matrices.tile), -(-width // matrices.tile)
    tiles = min(TILES, images * down * across)
    # Distances that are powers of two would send everything to the same few lines of the nearest cache.
    pitch, panels, rows = round_up(c_in, WIDTH) + WIDTH, -(-c_out // PANEL), round_up(c_in, ROWS)
    steps = tiles * pitch + WIDTH, panels * tiles * PANEL + WIDTH, panels * rows * PANEL + WIDTH
    room = memory.scratch(square * sum(steps))
    v, d, u = np.split(room, (square * steps[0], square * (steps[0] + steps[1])))
    dw = np.zeros((9, c_in, panels * PANEL), np.float32)
    (top, _), (left, _) = padding
    plan = Plan(matrices.tile, top, left, down, across, tiles, pitch, panels, rows, *steps)
    for start in range(0, images * down * across, tiles):
        count = min(tiles, images * down * across - start)
        _transform_tiles(count, plan, start, x, dy, v, d)
        _multiply_values(square * panels, plan, count, v, d, u)
        _add_taps(panels * c_in, plan, u, dw)
    return np.ascontiguousarray(dw[:, :, :c_out]).reshape(3, 3, c_in, c_out)


@parallel
def _transform_tiles(t, arguments):
    """v and d = B^T d B of the pixels of a tile and A dy A^T of its gradient."""
    p, start, x, dy, v, d = given(arguments)
    image, place = (start + t) // (p.down * p.across), (start + t) % (p.down * p.across)
    i, j = place // p.across * p.tile, place % p.across * p.tile
    _transform_pixels(
        x, image, i - p.top, j - p.left, p.tile, v.ctypes.data + t * p.pitch * FLOATS, p.v_step * FLOATS
    )
    to = d.ctypes.data + t * PANEL_BYTES
    _transform_gradient(dy, image, i, j, p.tile, to, p.tiles * PANEL_BYTES, p.d_step * FLOATS)


@parallel
def _multiply_values(task, arguments):
    """u[value, panel] = v[value]^T d[value, panel]."""
    p, count, v, d, u = given(arguments)
    value, panel = task // p.panels, task % p.panels
    a = v.ctypes.data + value * p.v_step * FLOATS
    b = d.ctypes.data + (value * p.d_step + panel * p.tiles * PANEL) * FLOATS
    c = u.ctypes.data + (value * p.u_step + panel * p.rows * PANEL) * FLOATS
    for r in range(0, p.rows, ROWS):
        multiply(
            a + r * FLOATS, FLOATS, p.pitch * FLOATS, b, PANEL_BYTES,
            c + r * PANEL_BYTES, PANEL_BYTES, count, b,
        )  # fmt: skip


@parallel
def _add_taps(task, arguments):
    """dw[tap, c, o] += G^T u G, the gradient that the tiles send to the taps."""
    p, u, dw = given(arguments)
    c_in = dw.shape[1]
    panel, c = task // c_in, task % c_in
    for vector in range(COLUMNS):
        source = u.ctypes.data + (panel * p.rows + c) * PANEL_BYTES + vector * BYTES
        to = dw.ctypes.data + (c * p.panels + panel) * PANEL_BYTES + vector * BYTES
        if p.tile == 4:
            taps4(source, p.u_step * FLOATS, to, c_in * p.panels * PANEL_BYTES)
        else:
            taps2(source, p.u_step * FLOATS, to, c_in * p.panels * PANEL_BYTES)


@jit
def _transform_pixels(x, image, i, j, m, to, step):
    """Write B^T d B of the tile whose first pixel is (i, j), every 16 (or 8) channels of it."""
    n, channels = m + 2, x.shape[3]
    whole = (channels + WIDTH - 1) // WIDTH * WIDTH
    inside = 0 <= i and i + n <= x.shape[1] and 0 <= j and j + n <= x.shape[2] and channels == whole
    if inside:
        source, row, column = x[image, i, j].ctypes.data, x.shape[2] * channels * FLOATS, channels * FLOATS
        _read_tile(m, source, row, column, whole, to, step)
    else:
        copy = np.empty((n, n, whole), np.float32)
        _copy_tile(x, image, i, j, copy)
        _read_tile(m, copy.ctypes.data, n * whole * FLOATS, whole * FLOATS, whole, to, step)


@jit
def _read_tile(m, source, row, column, channels, to, step):
    for c in range(0, channels * FLOATS, BYTES):
        if m == 4:
            read4(source + c, 0, row, column, np.float32(1), to + c, step)
        else:
            read2(source + c, 0, row, column, np.float32(1), to + c, step)


@jit
def _transform_gradient(dy, image, i, j, m, to, panel, step):
    """Write A dy A^T of the tile whose first output is (i, j), panel by panel."""
    channels = dy.shape[3]
    whole = (channels + PANEL - 1) // PANEL * PANEL
    if i + m <= dy.shape[1] and j + m <= dy.shape[2] and channels == whole:
        source, row, column = dy[image, i, j].ctypes.data, dy.shape[2] * channels * FLOATS, channels * FLOATS
        _spread_tile(m, source, row, column, whole, to, panel, step)
    else:
        copy = np.empty((m, m, whole), np.float32)
        _copy_tile(dy, image, i, j, copy)
        _spread_tile(m, copy.ctypes.data, m * whole * FLOATS, whole * FLOATS, whole, to, panel, step)


@jit
def _spread_tile(m, source, row, column, channels, to, panel, step):
    for first in range(channels // PANEL):
        for vector in range(COLUMNS):
            here, there = source + first * PANEL_BYTES + vector * BYTES, to + first * panel + vector * BYTES
            if m == 4:
                spread4(here, row, column, there, step)
            else:
                spread2(here, row, column, there, step)


@jit
def _copy_tile(x, image, i, j, copy):
    """Copy the pixels of a tile, with zeros where it lies outside the picture and beyond its channels."""
    channels = x.shape[3]
    for a in range(copy.shape[0]):
        for b in range(copy.shape[1]):
            to = copy[a, b]
            if 0 <= i + a < x.shape[1] and 0 <= j + b < x.shape[2]:
                pixels = x[image, i + a, j + b]
                for c in range(channels):
                    to[c] = pixels[c]
                to[channels:] = 0
            else:
                to[:] = 0
