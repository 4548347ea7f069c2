"""What a convolution's kernel does with its sums before they go to memory: bias, ReLU, pooling, all in registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from nst.kernels.cuda_intrinsics import device, load4, store4
from nst.kernels.cuda_steps import split
from nst.kernels.cuda_tiles import Tile

WRITERS = ("plain", "relu", "max", "avg")
ZERO = np.float32(0)
QUARTER = np.float32(0.25)


@cache
def writer(tile: Tile, width: int, writes: str, bias: bool, add: bool, scattered: bool) -> Callable:
    """Return `write(sums, bias, y, bits, first, column, shape, group)`, which writes a thread's share of the product.

    `width` is 4 where a group has a multiple of 4 output channels. With `add`, the sums are added to what y has; with
    `scattered`, windows are not pixels of y in reading order; see `nst.kernels.cuda_convolve.Shape`.
    """
    finish = finisher(tile, bias, writes != "plain")
    if writes in ("max", "avg"):
        return _pooled(tile, finish, writes == "max")
    return _single(tile, finish, width, add, scattered)


@cache
def finisher(tile: Tile, bias: bool, relu: bool) -> Callable:
    """Return a function that adds the bias to a thread's sums and rectifies them; what is not a number stays so."""
    high, wide, gap = tile.high, tile.wide, tile.column_gap

    @device
    def finish(sums, biases, column, right, base):
        for j in range(wide):
            channel = column + j // 4 * gap + j % 4
            shift = biases[base + channel] if bias and channel < right else ZERO
            for i in range(high):
                value = sums[i * wide + j] + shift
                sums[i * wide + j] = ZERO if relu and value <= ZERO else value

    return finish


@cache
def _vector(width: int, add: bool) -> Callable:
    """Return a function that writes four of a thread's sums, as one or one by one."""

    @device
    def one(sums, at, y, to, room):
        for i in range(4):  # and not as many as there is room for: registers have no numbers at run time
            if i < room:
                y[to + i] = y[to + i] + sums[at + i] if add else sums[at + i]

    @device
    def four(sums, at, y, to, room):
        store4(y, to, (sums[at], sums[at + 1], sums[at + 2], sums[at + 3]))

    @device
    def four_more(sums, at, y, to, room):
        a, b, c, d = load4(y, to)
        store4(y, to, (a + sums[at], b + sums[at + 1], c + sums[at + 2], d + sums[at + 3]))

    if width == 1:
        return one
    return four_more if add else four


def _single(tile: Tile, finish: Callable, width: int, add: bool, scattered: bool) -> Callable:
    high, wide, row_gap, column_gap = tile.high, tile.wide, tile.row_gap, tile.column_gap
    store = _vector(width, add)

    @device
    def pixel(window, shape):
        if not scattered:
            return window
        image, row, column = split(window, shape[1:3])
        row, column = row * shape[17] + shape[19], column * shape[18] + shape[20]
        return (image * shape[15] + row) * shape[16] + column

    @device
    def write(sums, biases, y, bits, first, column, shape, group):
        base, right = group * shape[7], shape[7]
        finish(sums, biases, column, right, base)
        for i in range(high):
            window = first + i // 4 * row_gap + i % 4
            if window < shape[0]:
                row = pixel(window, shape) * shape[8] + base
                for j in range(0, wide, 4):
                    channel = column + j // 4 * column_gap
                    if channel < right:
                        store(sums, i * wide + j, y, row + channel, right - channel)

    return write


def _pooled(tile: Tile, finish: Callable, largest: bool) -> Callable:
    """Return the same for windows of 2x2: each thread has whole ones, since four windows in a row are one."""
    high, wide, row_gap, column_gap = tile.high, tile.wide, tile.row_gap, tile.column_gap

    @device
    def maximum(a, b, c, d):
        best, bit = a, 1
        if b > best or b != b:
            best, bit = b, 2
        if c > best or c != c:
            best, bit = c, 4
        if d > best or d != d:
            best, bit = d, 8
        return best, bit if best > ZERO else 0

    @device
    def mean(a, b, c, d):
        bits = (
            (1 if a > ZERO else 0) + (2 if b > ZERO else 0) + (4 if c > ZERO else 0) + (8 if d > ZERO else 0)
        )
        return QUARTER * ((a + b) + (c + d)), bits

    pool = maximum if largest else mean

    @device
    def write(sums, biases, y, bits, first, column, shape, group):
        base, right = group * shape[7], shape[7]
        finish(sums, biases, column, right, base)
        for i in range(0, high, 4):
            window = first + i // 4 * row_gap
            for j in range(wide):
                channel = column + j // 4 * column_gap + j % 4
                if window < shape[0] and channel < right:
                    at, to = i * wide + j, (window >> 2) * shape[8] + base + channel
                    y[to], bits[to] = pool(
                        sums[at], sums[at + wide], sums[at + 2 * wide], sums[at + 3 * wide]
                    )

    return write
