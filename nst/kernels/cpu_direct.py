"""Convolution as it is defined, at the processor's peak: whatever Winograd's algorithm does not suit.

The output is cut into blocks of some hundred pixels. For each block one thread copies the windows that it needs (see
`cpu_windows`) and multiplies them with all the weights; bias and ReLU happen while the sums are still in registers.
The block's windows and one panel of weights stay in the second-level cache.

The gradient of the input is, at stride 1, itself such a convolution: of `dy`, padded with kernel - 1, with the kernel
turned by 180 degrees and its channel axes exchanged. For the other cases see `cpu_columns`.

No sum depends on how the output was cut, and no two threads write to one place: any number of threads gives the same
bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels import memory
from nst.kernels.compiled import inlined
from nst.kernels.cpu_panels import CELLS, multiply_rows, panel_width
from nst.kernels.cpu_windows import FULL, Source, copy_pixels
from nst.kernels.parallel import given, parallel
from nst.kernels.reference import Pair, Sides
from nst.kernels.threads import THREADS
from nst.kernels.vectors import FLOATS, NARROW_ROWS, PANEL, ROWS, take

WINDOWS = 48 * 1024  # numbers copied for one block of pixels: 192 KiB
PIXELS = 96  # in one block, if their windows are not too large
MULTIPLE = ROWS * NARROW_ROWS // 2  # of pixels, so that they fill the registers
SLACK = NARROW_ROWS  # windows that a product may read behind the last


class Panels(NamedTuple):
    """Weights as the product reads them: for each group, columns of `width` outputs side by side."""

    numbers: np.ndarray  # (groups, panels, kh kw C_in, width), zeros where C_out ends
    shape: tuple[int, int, int, int]  # kh, kw, C_in and C_out of a group


def panels(weight: np.ndarray, groups: int = 1) -> Panels:
    """Return the weights (kh, kw, C_in / groups, C_out), rearranged."""
    kh, kw, c_in, c_out = weight.shape
    own = c_out // groups
    width = panel_width(own)
    count = -(-own // width)
    numbers = np.zeros((groups, count, kh * kw * c_in, width), np.float32)
    rows = weight.reshape(kh * kw * c_in, groups, own)
    for panel in range(count):
        some = rows[:, :, panel * width : (panel + 1) * width]
        numbers[:, panel, :, : some.shape[2]] = some.transpose(1, 0, 2)
    return Panels(numbers, (kh, kw, c_in, own))


def turned(weight: np.ndarray, groups: int = 1) -> np.ndarray:
    """Return the weights by which `dy` is correlated for the gradient of the input: (kh, kw, C_out / groups, C_in)."""
    kh, kw, c_in, c_out = weight.shape
    parts = weight[::-1, ::-1].reshape(kh, kw, c_in, groups, c_out // groups)
    return np.ascontiguousarray(parts.transpose(0, 1, 4, 3, 2)).reshape(
        kh, kw, c_out // groups, groups * c_in
    )


def side_by_side(weight: np.ndarray, step: int, columns: int) -> np.ndarray:
    """Return the weights (kh, kw + (columns - 1) step, C_in, columns C_out) of so many neighbours of a row at once.

    Each column of outputs has its own copy of the weights (kh, kw, C_in, C_out), `step` pixels after the one before,
    and zeros around it. So a panel that few outputs would leave mostly empty is filled by several of their columns.
    What is not finite reaches all of these, as it does a whole tile of Winograd's algorithm.
    """
    kh, kw, c_in, c_out = weight.shape
    wide = np.zeros((kh, kw + (columns - 1) * step, c_in, columns, c_out), np.float32)
    for column in range(columns):
        wide[:, column * step : column * step + kw, :, column] = weight
    return wide.reshape(*wide.shape[:3], columns * c_out)


class Plan(NamedTuple):
    """The numbers that a convolution is cut by. Channels are those of one group."""

    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int
    height: int  # of the output
    width: int
    c_in: int
    c_out: int
    groups: int
    panels: int
    apart: int  # the arrangement of windows
    in_place: int  # windows that are pixels, and need no copy
    rows: int  # of a block, when joined
    columns: int
    blocks: int
    parts: int  # into which the panels are cut where there are too few blocks


def convolve(
    source: Source,
    panels: Panels,
    bias: np.ndarray | None,
    y: np.ndarray,
    stride: Pair,
    padding: Sides,
    *,
    relu: bool = False,
    add: bool = False,
) -> np.ndarray:
    """Fill `y` (N, Ho, Wo, C_out), or add to it, with bias + the convolution, above 0 only with `relu`."""
    if not y.size:
        return y
    workers = THREADS
    plan = _plan(source, panels, y.shape, stride, padding, workers)
    count, width = panels.numbers.shape[1], panels.numbers.shape[3]
    start = np.zeros((plan.groups, count * width), np.float32)
    if bias is not None:
        start[:, : plan.c_out] = bias.reshape(plan.groups, -1)
    floor = np.float32(0 if relu else -np.inf)
    scratch = memory.scratch(workers * _room(plan)).reshape(workers, -1)
    _convolve(workers, plan, source, panels.numbers, start, floor, add, y, scratch, np.zeros(1, np.int64))
    return y


def _plan(source, panels, shape, stride, padding, workers):
    (kh, kw, c_in, c_out), (sh, sw) = panels.shape, stride
    images, height, width, _ = shape
    groups, count, depth, lanes = panels.numbers.shape
    rows_at_once = ROWS if lanes == PANEL else NARROW_ROWS
    plain = kh == kw == sh == sw == 1 and not any(sum(padding, ())) and source.how == FULL
    in_place = plain and images * height * width >= rows_at_once
    # The last run of windows in a row of the picture is rarely full; a copied number costs about eight products.
    waste = -(-width // rows_at_once) * rows_at_once / width
    apart = in_place or kh < sh or kw < sw or waste > 1 + 8 / (count * lanes)
    if apart:
        rows, columns = 1, _pixels(images * height * width, depth, workers)
        blocks = max(1, images * height * width // columns)
    else:
        rows, columns = _block(height, width, kh, sh, sw * c_in, rows_at_once)
        blocks = images * -(-height // rows) * -(-width // columns)
    parts = min(count, max(1, 4 * workers // (blocks * groups)))
    (top, _), (left, _) = padding
    return Plan(
        kh, kw, sh, sw, top, left, height, width, c_in, c_out, groups, count,
        int(apart), int(in_place), rows, columns, blocks, parts,
    )  # fmt: skip


def _pixels(count, depth, workers):
    """Return how many windows of `depth` numbers to take apart at once: many, but enough times for all threads."""
    pixels = max(MULTIPLE, min(PIXELS, WINDOWS // depth, count // (8 * workers)))
    return pixels // MULTIPLE * MULTIPLE


def _block(height, width, kh, sh, step, multiple):
    """Return the rows and columns of a block of joined windows, of `step` numbers each and more at the edges."""
    columns = max(multiple, min(PIXELS, WINDOWS // (kh * step)) // multiple * multiple)
    columns = -(-width // -(-width // columns))
    columns = min(width, -(-columns // multiple) * multiple)
    rows = (WINDOWS // (columns * step) - kh) // sh + 1
    return max(1, min(rows, 8, height)), columns


def _room(p: Plan) -> int:
    """Return how many numbers one thread needs: for a block of C, and for windows."""
    if p.in_place:
        return CELLS
    if p.apart:
        return CELLS + (2 * p.columns + SLACK) * p.kh * p.kw * p.c_in
    span = (p.columns + SLACK) * p.sw + p.kw
    return CELLS + ((p.rows - 1) * p.sh + p.kh) * span * p.c_in


@parallel
def _convolve(worker, arguments):
    p, source, panels, bias, floor, add, y, scratch, counter = given(arguments)
    floor, tasks = np.float32(floor), p.blocks * p.groups * p.parts
    task = take(counter.ctypes.data)
    while task < tasks:
        block = task // p.parts // p.groups
        group = task // p.parts % p.groups
        first = p.panels * (task % p.parts) // p.parts
        last = p.panels * (task % p.parts + 1) // p.parts
        if p.apart:
            _windows_apart(p, source, panels, bias, floor, add, y, scratch[worker], block, group, first, last)
        else:
            _windows_joined(
                p, source, panels, bias, floor, add, y, scratch[worker], block, group, first, last
            )
        task = take(counter.ctypes.data)


@inlined
def _windows_apart(p, source, panels, bias, floor, add, y, own, block, group, first, last):
    """One block of the output's pixels, which may reach over rows and pictures."""
    count = y.shape[0] * p.height * p.width
    start = block * p.columns
    end = start + p.columns if block + 1 < p.blocks else count
    depth, line = p.kh * p.kw * p.c_in, p.kw * p.c_in
    cells, windows = own[:CELLS], own[CELLS:]
    if p.in_place:
        step = source.pixels.shape[3] * FLOATS
        a = np.int64(source.pixels.ctypes.data) + start * step + group * p.c_in * FLOATS
    else:
        a, step = np.int64(windows.ctypes.data), depth * FLOATS
        for pixel in range(start, end):
            n, i, j = pixel // (p.height * p.width), pixel // p.width % p.height, pixel % p.width
            for ky in range(p.kh):
                to = windows[(pixel - start) * depth + ky * line :][:line]
                copy_pixels(
                    source, n, i * p.sh + ky - p.top, j * p.sw - p.left, p.kw, group * p.c_in, p.c_in, to
                )
    for panel in range(first, last):
        multiply_rows(
            a, step, FLOATS, 0, 1, depth, panels[group, panel], bias[group], panel, floor, add,
            y, start, end - start, group * p.c_out, p.c_out, cells,
        )  # fmt: skip


@inlined
def _windows_joined(p, source, panels, bias, floor, add, y, own, block, group, first, last):
    """One block of rows by columns of one picture's output."""
    down, across = -(-p.height // p.rows), -(-p.width // p.columns)
    n, top, left = block // (down * across), block // across % down * p.rows, block % across * p.columns
    rows, columns = min(p.rows, p.height - top), min(p.columns, p.width - left)
    pixels = (columns - 1) * p.sw + p.kw
    line = pixels * p.c_in
    cells, windows = own[:CELLS], own[CELLS:]
    for row in range((rows - 1) * p.sh + p.kh):
        i, j = top * p.sh - p.top + row, left * p.sw - p.left
        copy_pixels(source, n, i, j, pixels, group * p.c_in, p.c_in, windows[row * line :][:line])
    for panel in range(first, last):
        for row in range(rows):
            a = np.int64(windows.ctypes.data) + row * p.sh * line * FLOATS
            multiply_rows(
                a, p.sw * p.c_in * FLOATS, FLOATS, line * FLOATS, p.kh, p.kw * p.c_in,
                panels[group, panel], bias[group], panel, floor, add,
                y, (n * p.height + top + row) * p.width + left, columns, group * p.c_out, p.c_out, cells,
            )  # fmt: skip
