"""The gradient of a convolution's weights on the CPU: float32, in parallel, on the product of `nst.kernels.vectors`.

Both ways are products of a transposed matrix with another, summed over all places of all pictures:

- *direct*, for any convolution: for each row i of taps dW[i]^T = dY^T X[i], where a row of X[i] holds what one window
  sees through them. These numbers lie side by side in the picture, and from one window to the next it is as far as from
  one pixel to the next, so that X need not be made but where rows are short.
- *Winograd*, for 3x3 at stride 1: `nst.kernels.winograd_gradients`. One such product for each of the 36 values of a
  tile, over a sixteenth of the places: 4 times fewer multiplications.

No two tasks write to the same place, and how a sum is cut does not depend on the number of threads; so neither does
a single bit of the result. A float32 sum over a megapixel may lose the third digit: here one runs over `PLACES`
windows or `TILES` tiles, and these partial sums are added up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels import memory
from nst.kernels.compiled import jit
from nst.kernels.cpu_windows import copy_pixels, source
from nst.kernels.parallel import given, parallel
from nst.kernels.reference_windows import NO_PADDING, Pair, Sides
from nst.kernels.threads import one_at_a_time
from nst.kernels.vectors import (
    BYTES,
    COLUMNS,
    FLOATS,
    NARROW,
    NARROW_ROWS,
    PANEL,
    ROWS,
    WIDTH,
    multiply,
    multiply_add,
    multiply_add_narrow,
    multiply_add_vector,
    round_up,
)
from nst.kernels.winograd_gradients import spread2, spread4, taps2, taps4
from nst.kernels.winograd_points import F2, F4, Matrices
from nst.kernels.winograd_transforms import read2, read4

PLACES = 256  # windows that a float32 sum runs over
SUMS = 32 * 1024  # numbers of dW that a task sums up, unless these are
CHANNELS = 48  # channels of dy or less
SHORT = 6  # places in a row below which it is worth while to copy each window for itself
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
        return _direct(dy, x, weight_shape, stride, padding)
    return _winograd(dy, x, matrices, padding)


def _cheapest(size: Pair) -> Matrices | None:
    """Return the tiles with the fewest multiplications for a map of this size; None where it is direct that has."""
    costs = {9 * size[0] * size[1]: None}
    for matrices in (F2, F4):
        costs.setdefault(matrices.multiplications(*size), matrices)
    return costs[min(costs)]


class Cut(NamedTuple):
    """How the direct way is cut."""

    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int
    channels: int  # of dy at once
    block: int  # these, rounded up to whole products
    width: int  # of a panel of kw C_in numbers
    run: int  # places whose windows lie one step apart
    apart: int  # whether each window has been copied for itself, as where rows are short


def _direct(dy, x, weight_shape, stride, padding):
    """dW^T = dY^T X for each row of taps: a window's row is kw C_in numbers that lie side by side in the picture."""
    kh, kw, c_in, c_out = weight_shape
    if (kh, kw, *stride) == (1, 1, 1, 1) and padding == NO_PADDING:  # a map is one row then
        dy, x = dy.reshape(1, 1, -1, c_out), x.reshape(1, 1, -1, c_in)
    line, places, across = kw * c_in, dy.size // c_out, dy.shape[2]
    apart = across < SHORT
    run = places if apart else across
    pieces = places // run * -(-run // PLACES)
    width = next((w for w in (PANEL, NARROW) if -line % w < w // 2), WIDTH)
    blocks = -(-c_out // max(CHANNELS, SUMS // (kh * round_up(line, width))))
    channels = -(-c_out // blocks)
    block = round_up(channels, ROWS if width == PANEL else NARROW_ROWS)
    parts = max(1, min(pieces, places // (4 * PLACES), 16 // blocks))
    (top, _), (left, _) = padding
    cut = Cut(kh, kw, *stride, top, left, channels, block, width, run, int(apart))
    sums = np.empty((parts, blocks, kh, block, round_up(line, width)))
    _sum_over_rows(parts * blocks, cut, source(x), dy, sums)
    dw = np.empty((kh, line, c_out), np.float32)
    for first, one in zip(range(0, c_out, channels), sums.sum(axis=0) if parts > 1 else sums[0], strict=True):
        to = dw[:, :, first : first + channels]
        to[...] = one[:, : to.shape[2], :line].transpose(0, 2, 1)
    return dw.reshape(weight_shape)


@parallel
def _sum_over_rows(task, arguments):
    """sums[part, block, i, o, (j, c)] = sum over the places of a part of dy[..., o] times x at tap (i, j)."""
    p, source, dy, sums = given(arguments)
    images, height, width, c_out = dy.shape
    parts, blocks, _, block, line = sums.shape
    part, c_in = task // blocks, source.pixels.shape[3]
    first = task % blocks * p.channels
    channels = min(p.channels, c_out - first)
    slopes = np.zeros((PLACES, block), np.float32)
    step = (p.kw if p.apart else p.sw) * c_in
    pixels = np.zeros((PLACES - 1) * step + p.kw * c_in + PANEL, np.float32)
    found = np.zeros((p.kh, block, line), np.float32)
    total, held = sums[part, task % blocks], 0
    total[:] = 0
    each = -(-p.run // PLACES)
    pieces = images * height * width // p.run * each
    for piece in range(pieces * part // parts, pieces * (part + 1) // parts):
        start = piece % each * PLACES
        count, place = min(PLACES, p.run - start), piece // each * p.run + start
        if held + count > PLACES:
            _flush(found, total)
            held = 0
        held += count
        _copy_slopes(dy.reshape(-1), place * c_out + first, c_out, count, channels, slopes)
        for ky in range(p.kh):
            _copy_windows(p, source, place, count, ky, height, width, step, pixels)
            _add_products(p, slopes, count, pixels, step * FLOATS, found[ky])
    _flush(found, total)


@jit
def _copy_windows(p, source, place, count, ky, height, width, step, pixels):
    """Copy the row `ky` of the windows of `count` places: of all of them at once, or one by one."""
    at_once, c_in = 1 if p.apart else count, source.pixels.shape[3]
    for k in range(0, count, at_once):
        here = place + k
        n, i, j = here // (height * width), here // width % height * p.sh, here % width * p.sw
        across = (at_once - 1) * p.sw + p.kw
        copy_pixels(source, n, i + ky - p.top, j - p.left, across, 0, c_in, pixels[k * step :])


@jit
def _copy_slopes(dy, place, step, count, channels, slopes):
    """slopes[k, o] = dy[place + k step + o]. Unsigned indices: numba would ask of others whether they are negative."""
    for k in range(count):
        here, to = np.uint64(place + k * step), slopes[k]
        for o in range(np.uint64(channels)):
            to[o] = dy[here + o]


@jit
def _flush(found, total):
    """Add what float32 has summed up to the total, and begin anew."""
    for ky in range(found.shape[0]):
        for o in range(found.shape[1]):
            here, there = found[ky, o], total[ky, o]
            for v in range(here.size):
                there[v] += here[v]
                here[v] = 0


@jit
def _add_products(p, slopes, count, pixels, step, found):
    """found[o, v] += sum over `count` places of slopes[place, o] pixels[place step + v]."""
    block, line = found.shape
    row = line * FLOATS
    for v in range(0, line, p.width):
        b = pixels.ctypes.data + v * FLOATS
        for o in range(0, block, ROWS if p.width == PANEL else NARROW_ROWS):
            a, c = slopes.ctypes.data + o * FLOATS, found.ctypes.data + o * row + v * FLOATS
            if p.width == PANEL:
                multiply_add(a, FLOATS, block * FLOATS, b, step, c, row, count, b)
            elif p.width == NARROW:
                multiply_add_narrow(a, FLOATS, block * FLOATS, b, step, c, row, count, b)
            else:
                multiply_add_vector(a, FLOATS, block * FLOATS, b, step, c, row, count, b)


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
