"""The stages of Winograd's convolution as one compiled kernel: which of them a task does is one of its arguments."""

from __future__ import annotations

from numba import get_thread_id

from nst.kernels.compiled import inlined
from nst.kernels.parallel import given, parallel
from nst.kernels.vectors import (
    BYTES,
    FLOATS,
    LINE,
    PANEL,
    ROWS,
    multiply,
    multiply4,
    multiply_add,
    multiply_add4,
)
from nst.kernels.winograd_tiles import CHANNELS, ROW, Plan, read_tiles, upcoming, write_tiles
from nst.kernels.winograd_transforms import weights2, weights2_edge, weights4, weights4_edge

FEW = 4  # tiles in a task of the first and the last phase
DEEP = 128  # channels of the pieces in which U is made: six panels, 192 KiB, stay in the core's own cache
WEIGHTS, FUSED, INPUT, PRODUCT, OUTPUT = range(5)


@inlined
def _panels(p: Plan, i: int, panel: int, first: int, last: int, u: int, step: int) -> None:
    """Write the values in row i of the transformed weights, one panel of each, to `u` and on in steps.

    They are those of the input channels from `first` to `last`.
    """
    taps, tap_row, g = p.taps + panel * p.channels * 9 * ROW, p.channels * 3 * ROW, p.g + 3 * FLOATS * i
    edge = i == 0 or i == p.tile + 1
    if i == p.tile + 1:
        taps, g = taps + 2 * tap_row, g + 2 * FLOATS
    for c in range(first, last):
        for k in range(0, ROW, BYTES):
            at, to = taps + c * 3 * ROW + k, u + (c - first) * ROW + k
            if p.tile == 4 and edge:
                weights4_edge(g, at, tap_row, ROW, to, step)
            elif p.tile == 4:
                weights4(g, at, tap_row, ROW, to, step)
            elif edge:
                weights2_edge(g, at, tap_row, ROW, to, step)
            else:
                weights2(g, at, tap_row, ROW, to, step)


@inlined
def _products(p: Plan, v: int, u: int, m: int, tiles: int, channels: int, add: int, ahead: int) -> None:
    """M = V U, or M += V U, for one of the n * n values and one panel: 16 rows as 6 + 6 + 4, the fewest to spare."""
    t, last = 0, tiles - -tiles % ROWS // 2 * 4  # from `last` on by fours
    while t < tiles:
        a, c = v + t * p.piece, m + t * p.m_row
        soon = ahead
        # where V lies far, every second call asks for its next rows
        if p.channels > CHANNELS and t % (2 * ROWS) == 0:
            soon = a + 2 * ROWS * p.piece
        else:
            ahead += channels * LINE
        if t < last and add:
            multiply_add(a, p.piece, FLOATS, u, ROW, c, p.m_row, channels, soon)
        elif t < last:
            multiply(a, p.piece, FLOATS, u, ROW, c, p.m_row, channels, soon)
        elif add:
            multiply_add4(a, p.piece, FLOATS, u, ROW, c, p.m_row, channels, soon)
        else:
            multiply4(a, p.piece, FLOATS, u, ROW, c, p.m_row, channels, soon)
        t += ROWS if t < last else 4


@inlined
def _multiply(p, channel, tiles, v, m, following):
    """Multiply V by U for CHANNELS output channels, all values; last, ask for the tiles from `following` on."""
    step = p.channels * ROW
    for e in range((p.tile + 2) ** 2):
        soon = upcoming(p, following, e) if channel + CHANNELS >= p.out_channels else 0
        for panel in range(channel // PANEL, min(p.panels, (channel + CHANNELS) // PANEL)):
            to = m + e * p.m_step + panel * ROW - FLOATS * channel
            u = p.u + (e * p.panels + panel) * step
            _products(p, v + e * p.v_step, u, to, tiles, p.channels, 0, soon or u + step)


@inlined
def _multiply_row(p, row, channel, v, m, own):
    """Multiply V by U for CHANNELS output channels, a row of the values, making U on the way, a piece at a time."""
    size, apart, tiles = p.tile + 2, DEEP * ROW + LINE, p.last - p.first
    for panel in range(channel // PANEL, min(p.panels, (channel + CHANNELS) // PANEL)):
        for first in range(0, p.channels, DEEP):
            last = min(p.channels, first + DEEP)
            _panels(p, row, panel, first, last, own, apart)
            # the taps that will be wanted next: of the following channels, or again from the first
            ahead = p.taps + (panel * 3 * p.channels + last % p.channels) * 3 * ROW
            for j in range(size):
                e = row * size + j
                at, to = v + e * p.v_step + first // DEEP * p.piece_step, m + e * p.m_step + panel * ROW
                third, rest = divmod(3 * j, size)
                some = ahead + third * p.channels * 3 * ROW + rest * DEEP * 3 * ROW // size
                _products(p, at, own + j * apart, to, tiles, last - first, first, some)


@parallel
def run(task: int, arguments: object) -> None:
    """Do one task: take a block of tiles through all three steps, or some tiles through one."""
    stage, p = given(arguments)
    size, own = p.tile + 2, p.room + p.own + get_thread_id() * p.own_step
    if stage == WEIGHTS:
        row, panel = task % size, task // size
        to = p.u + (row * size * p.panels + panel) * p.channels * ROW
        _panels(p, row, panel, 0, p.channels, to, p.panels * p.channels * ROW)
        return
    if stage == PRODUCT:
        _multiply_row(p, task % size, task // size * CHANNELS, p.room, p.room + p.m, own)
        return
    tiles = p.block if stage == FUSED else FEW
    first = p.first + task * tiles
    last, before = min(p.last, first + tiles), task * tiles
    v, m, spare = p.room + before * p.piece, p.room + p.m + before * p.m_row, own
    if stage == FUSED:
        v, m, spare = own, own + size * size * p.v_step, own + size * size * (p.v_step + p.m_step)
    if stage != OUTPUT:
        read_tiles(p, first, last, v, spare)
    if stage != INPUT:
        for channel in range(0, p.out_channels, CHANNELS):
            block = m if stage == FUSED else m + FLOATS * channel
            if stage == FUSED:
                _multiply(p, channel, last - first, v, block, last)
            write_tiles(p, first, last, block, channel, spare)
