"""The gradient of a convolution's input where it is no convolution worth the name: strides, or few channels.

Correlating a spread-out `dy` would mostly multiply zeros when the stride is large, and most of a panel would be empty
when the input has three channels. So it happens in two steps, as the definition says: one product gives what each
pixel of `dy` sends to each tap of its window, and each pixel of the input adds up what was sent to it::

    sent[i, j, ky, kx, :] = weight[ky, kx] dy[i, j]             dx[u, v] = sum of all sent[i, j, ky, kx] with
                                                                  i sh + ky = u + top and j sw + kx = v + left

Cut into blocks of `dx`: a block computes all that is sent to it, also what its neighbours compute for themselves, and
keeps it in the second-level cache. So no two threads add to one place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels import memory
from nst.kernels.compiled import inlined
from nst.kernels.cpu_direct import SLACK
from nst.kernels.cpu_panels import CELLS, multiply_rows, panel_width
from nst.kernels.cpu_windows import Source, copy_pixels
from nst.kernels.parallel import given, parallel
from nst.kernels.reference import Pair, Sides
from nst.kernels.threads import THREADS
from nst.kernels.vectors import FLOATS, take

CHANNELS = 64  # of the input, in one block
SENT = 96 * 1024  # numbers sent to one block, about: 384 KiB
COLUMNS = 128  # of the input, in one block
PIXELS = 96  # of dy, in one product, if their rows are short


class Columns(NamedTuple):
    """Weights for the product: for each part of the input's channels, C_out rows of `kh kw channels` columns."""

    numbers: np.ndarray  # (parts, panels, C_out / groups, width), zeros where the columns end
    shape: tuple[int, int, int, int]  # kh, kw, and C_in and C_out of a group
    channels: int  # in a part: a group, or a share of it


def columns(weight: np.ndarray, groups: int = 1) -> Columns:
    """Return the weights (kh, kw, C_in / groups, C_out), rearranged."""
    kh, kw, c_in, c_out = weight.shape
    own, shares = c_out // groups, -(-c_in // CHANNELS)
    channels = -(-c_in // shares)
    width = panel_width(kh * kw * channels)
    count = -(-kh * kw * channels // width)
    numbers = np.zeros((groups, shares, own, count * width), np.float32)
    for group, share in np.ndindex(groups, shares):
        some = weight[:, :, share * channels : (share + 1) * channels, group * own : (group + 1) * own]
        to = numbers[group, share, :, : kh * kw * channels].reshape(own, kh, kw, channels)
        to[..., : some.shape[2]] = some.transpose(3, 0, 1, 2)
    numbers = numbers.reshape(groups * shares, own, count, width).transpose(0, 2, 1, 3)
    return Columns(np.ascontiguousarray(numbers), (kh, kw, c_in, own), channels)


class Plan(NamedTuple):
    """The numbers that a gradient is cut by. Channels are those of one group."""

    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int
    c_in: int
    c_out: int
    channels: int  # of a part
    shares: int  # parts of a group
    rows: int  # of a block of dx
    columns: int
    down: int  # blocks in a picture
    across: int
    senders: int  # rows of dy that send to a block, at most
    width: int  # pixels of such a row, at most
    batch: int  # such rows in one product


def backward_input(
    source: Source,
    columns: Columns,
    dx: np.ndarray,
    stride: Pair,
    padding: Sides,
    *,
    add: bool = False,
) -> np.ndarray:
    """Fill `dx` (N, H, W, C_in) with the gradient of the input, or add it there; `source` is `dy`."""
    if not dx.size:
        return dx
    workers = THREADS
    plan = _plan(columns, dx.shape, stride, padding)
    parts, count, _, width = columns.numbers.shape
    room = CELLS + plan.senders * plan.width * count * width
    room += (plan.batch * plan.width + SLACK) * plan.c_out
    scratch = memory.scratch(workers * room).reshape(workers, room)
    tasks = len(dx) * plan.down * plan.across * parts
    none = np.zeros(count * width, np.float32)
    _backward(workers, plan, source, columns.numbers, none, add, dx, scratch, tasks, np.zeros(1, np.int64))
    return dx


def _plan(columns, shape, stride, padding):
    (kh, kw, c_in, c_out), (sh, sw) = columns.shape, stride
    _, height, width, _ = shape
    _, count, _, lanes = columns.numbers.shape
    across = -(-width // COLUMNS)
    wide = -(-width // across)
    line = (wide + kw - 2) // sw + 1  # senders in a row
    rows = max(1, min(height, (SENT // (line * count * lanes) - 1) * sh - kh + 2))
    senders = (rows + kh - 2) // sh + 1
    (top, _), (left, _) = padding
    return Plan(
        kh, kw, sh, sw, top, left, c_in, c_out, columns.channels, -(-c_in // columns.channels), rows, wide,
        -(-height // rows), across, senders, line, max(1, min(senders, PIXELS // line)),
    )  # fmt: skip


@parallel
def _backward(worker, arguments):
    p, source, weights, none, add, dx, scratch, tasks, counter = given(arguments)
    parts, panels, _, width = weights.shape
    own = scratch[worker]
    offsets = np.empty(p.kh * p.kw, np.int64)
    task = take(counter.ctypes.data)
    while task < tasks:
        part, block = task % parts, task // parts
        n, u, v = block // (p.down * p.across), block // p.across % p.down, block % p.across
        u, v = u * p.rows, v * p.columns
        rows, columns = min(p.rows, dx.shape[1] - u), min(p.columns, dx.shape[2] - v)
        # The first and the last of dy's rows and columns that send here; those beside the picture send zeros.
        i, j = -((p.kh - 1 - u - p.top) // p.sh), -((p.kw - 1 - v - p.left) // p.sw)
        senders, line = (u + rows - 1 + p.top) // p.sh - i + 1, (v + columns - 1 + p.left) // p.sw - j + 1
        sent = own[CELLS:][: senders * line * panels * width].reshape((1, 1, senders * line, panels * width))
        _send(p, source, weights, none, own, sent, part, n, i, j, senders, line)
        for row in range(u, u + rows):
            _collect(p, sent, add, dx, offsets, part, n, i, j, line, row, v, columns)
        task = take(counter.ctypes.data)


@inlined
def _send(p, source, weights, none, own, sent, part, n, i, j, senders, line):
    """Compute what `senders` rows of `line` pixels of dy, from (i, j) on, send to every tap."""
    cells, pixels = own[:CELLS], own[CELLS + sent.size :]
    for first in range(0, senders, p.batch):
        rows = min(p.batch, senders - first)
        for row in range(rows):
            to = pixels[row * line * p.c_out :][: line * p.c_out]
            copy_pixels(source, n, i + first + row, j, line, part // p.shares * p.c_out, p.c_out, to)
        for panel in range(weights.shape[1]):
            multiply_rows(
                pixels.ctypes.data, p.c_out * FLOATS, FLOATS, 0, 1, p.c_out, weights[part, panel], none, panel,
                np.float32(-np.inf), 0, sent, first * line, rows * line, 0, sent.shape[3], cells,
            )  # fmt: skip


@inlined
def _collect(p, sent, add, dx, offsets, part, n, i, j, line, u, v, columns):
    """Add up what was sent to the pixels (u, v), (u, v + 1) ... of dx.

    Pixels `sw` apart are reached from neighbours in dy by the same taps, so for these all distances are found once.
    """
    lanes, numbers, to = sent.shape[3], sent.reshape(-1), dx.reshape(-1)
    first = part % p.shares * p.channels
    channels = min(p.channels, p.c_in - first)
    start = ((n * dx.shape[1] + u) * dx.shape[2] + v) * dx.shape[3] + part // p.shares * p.c_in + first
    for phase in range(p.sw):
        taps = 0
        for ky in range(p.kh):
            for kx in range(p.kw):
                down, right = u + p.top - ky, v + phase + p.left - kx
                if down % p.sh == 0 and right % p.sw == 0:
                    sender = (down // p.sh - i) * line + right // p.sw - j
                    offsets[taps] = sender * lanes + (ky * p.kw + kx) * p.channels
                    taps += 1
        count, step = (columns - phase + p.sw - 1) // p.sw, p.sw * dx.shape[3]
        here = to[start + phase * dx.shape[3] :]
        if channels == 3:
            _collect3(numbers, lanes, offsets[:taps], add, here, step, count)
            continue
        for m in range(count):
            pixel = here[m * step :][:channels]
            if not add:
                pixel[:] = 0
            for tap in range(taps):
                some = numbers[offsets[tap] + m * lanes :][:channels]
                for c in range(channels):
                    pixel[c] += some[c]


@inlined
def _collect3(numbers, lanes, offsets, add, to, step, count):
    """The same for pixels of three channels; unsigned numbers spare the question whether an index is negative."""
    one, two = np.uint64(1), np.uint64(2)
    for m in range(count):
        red = green = blue = np.float32(0)
        start, pixel = np.uint64(m * lanes), np.uint64(m * step)
        for tap in range(len(offsets)):
            at = start + np.uint64(offsets[tap])
            red, green, blue = red + numbers[at], green + numbers[at + one], blue + numbers[at + two]
        if add:
            red, green, blue = red + to[pixel], green + to[pixel + one], blue + to[pixel + two]
        to[pixel], to[pixel + one], to[pixel + two] = red, green, blue
