"""From pictures to tiles and back: the compiled steps of Winograd's convolution, each for a run of tiles.

The tiles of a batch form one long list, so that many small pictures fill a block as one large picture does. Tile
(i, j) of a picture makes the m x m outputs from (m i, m j) on, and reads the n x n pixels from (m i - top, m j - left)
on. The arrays have no borders. A tile that lies inside the picture is transformed straight from it; one that hangs
over an edge is first copied, with zeros for what lies outside, and so is each tile where the channels fill no whole
vectors. Likewise on the way back. That copying is slow, and rare where it would count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from nst.kernels.compiled import inlined
from nst.kernels.vectors import (
    BYTES,
    FLOATS,
    PANEL,
    WIDTH,
)
from nst.kernels.winograd_transforms import (
    read2,
    read2_masked,
    read2_unpooled,
    read4,
    read4_masked,
    read4_unpooled,
    write2,
    write2_added,
    write2_avg,
    write2_max,
    write4,
    write4_added,
    write4_avg,
    write4_max,
)

PLAIN, MASKED, UNPOOLED = range(3)
STORED, ADDED, MAX_POOLED, AVG_POOLED = range(4)
CHANNELS = 64  # output channels whose products are made before they are transformed: whole panels
ROW = FLOATS * PANEL  # bytes of a row of a panel


class Plan(NamedTuple):
    """One convolution as the compiled steps see it: addresses and distances in bytes, all int64.

    The first, up to `u`, are of one call, all others of every call with arrays of these shapes.
    """

    x: int
    """What is read: (N, height, width, channels) float32."""
    kept: int
    """What the mask or the unpooling needs, of the shape of `x`: float32, or bits in uint8."""
    y: int
    """What is written: (N, out_height, out_width, out_channels), or half as many rows and columns when pooled."""
    bits: int
    """Where pooling writes its bits, of the shape of `y`."""
    bias: int
    """One number for each output channel, rounded up to a multiple of CHANNELS."""
    room: int
    """Scratch: V where all threads share it; `m` and `own` are counted from here."""
    taps: int
    """The weights as (panels, 3, channels, 3, PANEL)."""
    u: int
    """The transformed weights, (n * n, panels, channels, PANEL)."""
    g: int
    """The matrix G in float32."""
    reading: int
    writing: int
    relu: int
    quarter: int
    """1 where a pooled gradient is shared by the four pixels, as the average wants it."""
    tile: int
    """m, the side of a tile of outputs; it reads n = m + 2 pixels a side."""
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    top: int
    left: int
    down: int
    """Tiles in a column of them; `across`: in a row of them."""
    across: int
    panels: int
    """Panels of output channels."""
    first: int
    """The first tile to do; `last`: the one behind the last."""
    last: int
    block: int
    """Tiles in a block."""
    depth: int
    """Bytes of the channels of a pixel in scratch: those of `channels`, rounded up to whole vectors."""
    v_step: int
    """From one of the n * n values of all tiles to the next."""
    piece: int
    """Bytes of the channels of a tile that lie together in V; `piece_step`: to the next channels of all tiles."""
    piece_step: int
    m: int
    m_step: int
    m_row: int
    """From one tile to the next in M."""
    own: int
    """Scratch of the threads, `own_step` for each."""
    own_step: int


@intrinsic
def floats(typing_context: object, address: object) -> tuple:
    """Return an address as a pointer to float32."""
    return types.CPointer(types.float32)(types.int64), _pointer


@intrinsic
def octets(typing_context: object, address: object) -> tuple:
    """Return an address as a pointer to bytes."""
    return types.CPointer(types.uint8)(types.int64), _pointer


def _pointer(context, b, signature, args):
    return b.inttoptr(args[0], ir.PointerType())


@inlined
def _place(p, t):
    """Return picture, first output row and first output column of tile t."""
    n, inside = divmod(t, p.down * p.across)
    i, j = divmod(inside, p.across)
    return n, i * p.tile, j * p.tile


@inlined
def _copy_in(p, n, row, column, to):
    """Copy the pixels of a tile from (row, column) on to scratch as they are to be transformed, zeros around them."""
    size, c = p.tile + 2, p.channels
    carray(floats(to), (size * size * p.depth // FLOATS,))[:] = 0
    scale = np.float32(0.25 if p.quarter else 1)
    for i in range(size):
        for j in range(size):
            at, across, bit = row + i, column + j, 0
            if p.reading == UNPOOLED:
                bit = 1 << (2 * (at & 1) + (across & 1))
                at, across = at >> 1, across >> 1
            if at < 0 or at >= p.height or across < 0 or across >= p.width:
                continue
            number = ((n * p.height + at) * p.width + across) * c
            pixel = carray(floats(to + (i * size + j) * p.depth), (c,))
            x = carray(floats(p.x + FLOATS * number), (c,))
            if p.reading == PLAIN:
                for k in range(c):
                    pixel[k] = x[k]
            elif p.reading == MASKED:
                kept = carray(floats(p.kept + FLOATS * number), (c,))
                for k in range(c):
                    pixel[k] = x[k] if kept[k] > 0 else np.float32(0)
            else:
                bits = carray(octets(p.kept + number), (c,))
                for k in range(c):
                    pixel[k] = x[k] * scale if bits[k] & bit else np.float32(0)


@inlined
def _read(p, reading, x, kept, row, column, v, end):
    """Transform one tile, `end` bytes of channels."""
    scale = np.float32(0.25 if p.quarter else 1)
    if p.tile == 4 and reading == PLAIN:
        for k in range(0, end, BYTES):
            read4(x + k, 0, row, column, scale, v + k, p.v_step)
    elif p.tile == 4 and reading == MASKED:
        for k in range(0, end, BYTES):
            read4_masked(x + k, kept + k, row, column, scale, v + k, p.v_step)
    elif p.tile == 4:
        for k in range(0, end, BYTES):
            read4_unpooled(x + k, kept + k // FLOATS, row, column, scale, v + k, p.v_step)
    elif reading == PLAIN:
        for k in range(0, end, BYTES):
            read2(x + k, 0, row, column, scale, v + k, p.v_step)
    elif reading == MASKED:
        for k in range(0, end, BYTES):
            read2_masked(x + k, kept + k, row, column, scale, v + k, p.v_step)
    else:
        for k in range(0, end, BYTES):
            read2_unpooled(x + k, kept + k // FLOATS, row, column, scale, v + k, p.v_step)


@inlined
def read_tiles(p: Plan, first: int, last: int, v: int, spare: int) -> None:
    """Write V of the tiles from `first` to `last` to `v`, tile by tile; `spare` is scratch for one tile."""
    pixel, size = FLOATS * p.channels, p.tile + 2
    whole = p.channels % WIDTH == 0
    for t in range(first, last):
        n, i, j = _place(p, t)
        row, column, cells = i - p.top, j - p.left, size
        if p.reading == UNPOOLED:  # the transform reads a tile that begins with the last row of a cell
            inside = whole and row & 1 and column & 1
            row, column, cells = row >> 1, column >> 1, size // 2 + 1
        else:
            inside = whole
        if inside and 0 <= row <= p.height - cells and 0 <= column <= p.width - cells:
            at = ((n * p.height + row) * p.width + column) * pixel
            kept = p.kept + (at // FLOATS if p.reading == UNPOOLED else at)
            x, row, column, reading = p.x + at, p.width * pixel, pixel, p.reading
        else:
            _copy_in(p, n, i - p.top, j - p.left, spare)
            x, kept, row, column, reading = spare, spare, size * p.depth, p.depth, PLAIN
        for k in range(0, p.depth, p.piece):
            bits = k // FLOATS if reading == UNPOOLED else k
            end, to = min(p.piece, p.depth - k), v + k // p.piece * p.piece_step
            _read(p, reading, x + k, kept + bits, row, column, to, end)
        v += p.piece


@inlined
def upcoming(p: Plan, t: int, e: int) -> int:
    """Return the address from which on to ask for memory while value e of the tiles before tile t is multiplied.

    That a block of tiles from t on can be read without waiting. The products of one value ask for 16 pixels in each
    call, ROWS tiles, so for two thirds of a row of the block, or for all of a row of pooled cells. 0 for nothing.
    """
    n, i, j = _place(p, t)
    row, column, rows, halves = i - p.top, j - p.left, p.tile + 2, 2
    if p.reading == UNPOOLED:
        row, column, rows, halves = row >> 1, column >> 1, rows // 2 + 1, 1
    kept, e = divmod(e, rows * halves)
    if kept > (p.reading != PLAIN):
        return 0
    at = (n * p.height + row + e // halves) * p.width + column + e % halves * (p.tile // 2) * p.block
    if kept:
        return p.kept + at * p.channels * (1 if p.reading == UNPOOLED else FLOATS)
    return p.x + at * p.channels * FLOATS


@inlined
def _write(p, writing, m, y, row, column, bias, bits, end):
    """Transform one tile back, `end` bytes of channels."""
    least = np.float32(0 if p.relu else -np.inf)
    if p.tile == 4 and writing == STORED:
        for k in range(0, end, BYTES):
            write4(m + k, p.m_step, y + k, row, column, bias + k, least, 0)
    elif p.tile == 4 and writing == ADDED:
        for k in range(0, end, BYTES):
            write4_added(m + k, p.m_step, y + k, row, column, bias, least, 0)
    elif p.tile == 4 and writing == MAX_POOLED:
        for k in range(0, end, BYTES):
            write4_max(m + k, p.m_step, y + k, row, column, bias + k, least, bits + k // FLOATS)
    elif p.tile == 4:
        for k in range(0, end, BYTES):
            write4_avg(m + k, p.m_step, y + k, row, column, bias + k, least, bits + k // FLOATS)
    elif writing == STORED:
        for k in range(0, end, BYTES):
            write2(m + k, p.m_step, y + k, row, column, bias + k, least, 0)
    elif writing == ADDED:
        for k in range(0, end, BYTES):
            write2_added(m + k, p.m_step, y + k, row, column, bias, least, 0)
    elif writing == MAX_POOLED:
        for k in range(0, end, BYTES):
            write2_max(m + k, p.m_step, y + k, row, column, bias + k, least, bits + k // FLOATS)
    else:
        for k in range(0, end, BYTES):
            write2_avg(m + k, p.m_step, y + k, row, column, bias + k, least, bits + k // FLOATS)


@inlined
def _copy_out(p, number, rows, columns, channel, count, side, line, tile, bits):
    """Copy the part of a tile of results that lies inside: `rows` by `columns` pixels, `count` channels from `channel`.

    `number` says where the tile begins in `y`, counted in pixels, `line` how many of them a row has. The results lie at
    `tile`, `side` by `side` pixels of CHANNELS numbers, their bits at `bits`.
    """
    for i in range(rows):
        for j in range(columns):
            to = (number + i * line + j) * p.out_channels + channel
            at = (i * side + j) * CHANNELS
            y = carray(floats(p.y + FLOATS * to), (count,))
            result = carray(floats(tile + FLOATS * at), (count,))
            if p.writing == ADDED:
                for k in range(count):
                    y[k] += result[k]
            else:
                for k in range(count):
                    y[k] = result[k]
            if p.writing >= MAX_POOLED:
                y_bits = carray(octets(p.bits + to), (count,))
                result_bits = carray(octets(bits + at), (count,))
                for k in range(count):
                    y_bits[k] = result_bits[k]


@inlined
def write_tiles(p: Plan, first: int, last: int, m: int, channel: int, spare: int) -> None:
    """Write the results of the tiles from `first` to `last` whose M, of CHANNELS channels from `channel` on, is at `m`.

    `spare` is scratch for one tile of results and its bits.
    """
    pixel, count = FLOATS * p.out_channels, min(CHANNELS, p.out_channels - channel)
    side, height, width = p.tile, p.out_height, p.out_width
    if p.writing >= MAX_POOLED:
        side, height, width = side // 2, height // 2, width // 2
    bias, spare_bits = p.bias + FLOATS * channel, spare + FLOATS * CHANNELS * side * side
    for t in range(first, last):
        n, i, j = _place(p, t)
        if p.writing >= MAX_POOLED:
            i, j = i // 2, j // 2
        number = (n * height + i) * width + j
        inside = i + side <= height and j + side <= width and count % WIDTH == 0
        if inside:
            at = number * p.out_channels + channel
            y, row, column, bits, writing = p.y + FLOATS * at, width * pixel, pixel, p.bits + at, p.writing
        else:
            y, row, column, bits = spare, FLOATS * CHANNELS * side, FLOATS * CHANNELS, spare_bits
            writing = STORED if p.writing == ADDED else p.writing
        _write(p, writing, m, y, row, column, bias, bits, (count + WIDTH - 1) // WIDTH * BYTES)
        if not inside:
            rows, columns = max(0, min(side, height - i)), max(0, min(side, width - j))
            _copy_out(p, number, rows, columns, channel, count, side, width, spare, spare_bits)
        m += p.m_row
