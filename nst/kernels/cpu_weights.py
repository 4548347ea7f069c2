"""The gradient of any convolution's weights on the CPU, as it is defined.

For each row i of taps dW[i]^T = dY^T X[i], where a row of X[i] holds what one window sees through them. These numbers
lie side by side in the picture, and from one window to the next it is as far as from one pixel to the next, so that X
need not be made but where rows are short. See `nst.kernels.cpu_training` for how sums are cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels.compiled import jit
from nst.kernels.cpu_windows import copy_pixels, source
from nst.kernels.parallel import given, parallel
from nst.kernels.reference_windows import NO_PADDING, Pair, Sides
from nst.kernels.vectors import (
    FLOATS,
    NARROW,
    NARROW_ROWS,
    PANEL,
    ROWS,
    WIDTH,
    multiply_add,
    multiply_add_narrow,
    multiply_add_vector,
    round_up,
)

PLACES = 256  # windows that a float32 sum runs over
SUMS = 32 * 1024  # numbers of dW that a task sums up, unless these are
CHANNELS = 48  # channels of dy or less
SHORT = 6  # places in a row below which it is worth while to copy each window for itself


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


def backward_weights(
    dy: np.ndarray, x: np.ndarray, weight_shape: tuple[int, ...], stride: Pair, padding: Sides
) -> np.ndarray:
    """Return the gradient of the weights (kh, kw, C_in, C_out); see `nst.kernels.reference.conv2d_backward_weights`.

    `dy` and `x` are contiguous and not empty.
    """
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
