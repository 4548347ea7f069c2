"""Convolution on a card as a product of matrices that are never written down: the kernel, and all its variants.

The product is C = A B. A row of A stands for a window, a place of the output, and holds what it sees: all its taps and
channels; B is the weights as they lie, (kh kw Cin, Cout). Only the tile of A that is needed next is ever put together,
in shared memory, from the pixels themselves: an "implicit" product, for A would be kh kw times as large as the picture.

Channels are neighbours in memory, so neighbouring threads read neighbouring channels of one pixel, in fours where their
number allows it.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import cuda

from nst.kernels.cuda_readers import kept_dtype
from nst.kernels.cuda_steps import advance, count, locate, put_across, put_along, rows, split, windows
from nst.kernels.cuda_tiles import Tile, Tiled, places, products, registers
from nst.kernels.cuda_writers import writer

ZERO = np.float32(0)


class Variant(NamedTuple):
    """What is decided when a kernel is compiled.

    Attributes
    ----------
    tile : Tile
    a_width, b_width : int
        How many channels of the input and of the output are read at once: 4, if a group's number of them is a multiple
        of 4, or 1.
    reads : str
        See `nst.kernels.cuda_readers.reader`.
    writes : str
        "plain", "relu", "max" or "avg": the sums as they are, rectified, or the maxima or means of windows of 2x2 of
        the rectified.
    bias, add, scattered : bool
        Whether a bias is added to each channel; whether the result is added to what the output has; whether windows
        are other than all pixels of the output.
    """

    tile: Tile
    a_width: int = 4
    b_width: int = 4
    reads: str = "plain"
    writes: str = "plain"
    bias: bool = False
    add: bool = False
    scattered: bool = False

    def __str__(self) -> str:
        flags = (name for name in ("bias", "add", "scattered") if getattr(self, name))
        how = f"{self.reads} to {self.writes}, channels by {self.a_width} and {self.b_width}"
        return ", ".join((f"convolve {self.tile}, {how}", *flags))


class Shape(NamedTuple):
    """The sizes of one convolution.

    The grid of windows may be only every second, third, ... pixel of the output, and begin anywhere: the gradient of a
    convolution with a stride is several convolutions, each of which writes its own part of the pixels. For a pooling,
    the grid is of whole windows of it.
    """

    grid: tuple[int, int, int]  # windows: all together; in a column; in a row
    image: tuple[int, int, int]  # height, width and channels of the input
    channels: tuple[int, int, int]  # of a group: input, output; of all: output
    taps: tuple[int, int]
    step: tuple[int, int] = (1, 1)  # from window to window, in pixels of the input
    origin: tuple[int, int] = (0, 0)  # of the first window
    output: tuple[int, int] = (0, 0)  # height and width
    apart: tuple[int, int] = (1, 1)  # from window to window, in pixels of the output
    first: tuple[int, int] = (0, 0)  # of them

    @property
    def numbers(self) -> tuple[int, ...]:
        """All of them, one after the other: what the kernel is given."""
        return tuple(int(number) for part in self for number in part)


SIGNATURE = "void(f4[::1], {kept}[::1], f4[::1], f4[::1], f4[::1], u1[::1], UniTuple(i8, 21))"


@cache
def convolve(variant: Variant) -> Tiled:
    """Return the kernel `(x, kept, weights, biases, y, bits, shape.numbers)` of a variant.

    It is launched with a block for each `tile.rows` windows (x), and for each `tile.columns` of a group's output
    channels, one group after the other (y).
    """
    tile, a_width, b_width, reads, *writes = variant
    high, columns, depth, stage, word = tile.rows, tile.columns, tile.depth, tile.stage, tile.word
    in_a, in_b, fragment = registers(tile)
    mask, cells, b_begins = kept_dtype(reads), tile.high * tile.wide, tile.words * (high + tile.pad)
    next_a = tile.rows * depth // tile.threads
    next_b = count(tile, columns, b_width) * b_width * tile.terms
    # Numba wants names of sizes.
    per_line, numbered, room = depth // a_width, 3 * next_a // a_width, 2 * stage
    place, add_products, write = places(tile), products(tile), writer(tile, b_width, *writes)
    write_down = locate(tile, a_width, variant.writes in ("max", "avg"))
    fetch_a, put_a = windows(tile, a_width, reads), put_across(tile, a_width)
    fetch_b, put_b = rows(tile, columns, b_width), put_along(tile, columns, b_width, a_width)

    def kernel(x, kept, weights, biases, y, bits, shape):
        shared = cuda.shared.array(room, word)
        sums = cuda.local.array(cells, np.float32)
        a = cuda.local.array(in_a, fragment)
        b = cuda.local.array(in_b, fragment)
        coming_a = cuda.local.array(next_a, np.float32)
        coming_b = cuda.local.array(next_b, np.float32)
        pixels = cuda.local.array(numbered, np.int32)
        seen = cuda.local.array(4, mask)
        me, top = cuda.threadIdx.x, cuda.blockIdx.x * high
        across = (shape[7] + columns - 1) // columns
        group, left = cuda.blockIdx.y // across, cuda.blockIdx.y % across * columns
        image, taps, right, pitch = shape[3:6], shape[9:11], shape[7], shape[8]
        from_x, from_b, terms = group * shape[6], group * shape[7], shape[9] * shape[10] * shape[6]
        sizes = shape[10], shape[6]
        tap = split(me % per_line * a_width, sizes)
        row, column = place(me)
        write_down(me, top, shape[0:3], shape[11:13], shape[13:15], pixels)
        for i in range(cells):
            sums[i] = ZERO
        fetch_a(x, kept, image, taps, tap, from_x, pixels, seen, coming_a)
        fetch_b(me, weights, 0, terms, left, right, pitch, from_b, coming_b)
        at, k = 0, depth
        while k < terms + depth:  # a range would count besides, in two more registers
            put_a(me, coming_a, shared, at)
            put_b(me, coming_b, shared, at + b_begins)
            cuda.syncthreads()
            if k < terms:
                tap = advance(tap, depth, sizes)
                fetch_a(x, kept, image, taps, tap, from_x, pixels, seen, coming_a)
                fetch_b(me, weights, k, terms, left, right, pitch, from_b, coming_b)
            add_products(shared, at, me, row, column, a, b, sums)
            at = stage - at
            k += depth
        write(sums, biases, y, bits, top + row, left + column, shape, group)

    signature = SIGNATURE.format(kept="u1" if mask is np.uint8 else "f4")
    return Tiled(kernel, signature, tile, str(variant))
