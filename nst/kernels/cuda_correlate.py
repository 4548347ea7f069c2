"""Sums over all places on a card, C = A transposed times B: the gradient of a convolution's weights, Gram matrices.

Rows of A and of B are places: what a window sees of the input, and the gradient at its output. There are many places
and few weights, hence few tiles of C, and long sums. So the places are cut into parts, each block adds up one tile
over one part, and a second kernel adds up the parts. Where they are cut depends on the sizes alone, and the parts are
added in their order: no thread adds to what another one writes, and a sum is the same to the last bit whenever it is
made.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from nst.kernels.cuda_device import kernel
from nst.kernels.cuda_steps import begin, count, put_along, rows, seen_rows, split
from nst.kernels.cuda_tiles import Tile, Tiled, places, products, registers
from nst.kernels.cuda_writers import writer

ZERO = np.float32(0)
SIGNATURE = "void(f4[::1], f4[::1], f4[::1], UniTuple(i8, 21), i8)"


@cache
def correlate(tile: Tile, a_width: int, b_width: int) -> Tiled:
    """Return the kernel `(x, dy, parts, shape.numbers, span)`, for a `nst.kernels.cuda_convolve.Shape`.

    Parameters
    ----------
    tile : Tile
    a_width, b_width : int
        How many channels of x and of dy are read at once: 4, if a group's number of them is a multiple of 4, or 1.

    It is launched with a block for each `tile.rows` of taps and channels (x), for each `tile.columns` of a group's
    output channels, one group after the other (y), and for each `span` places (z). `parts` has the shape
    (z, kh kw Cin, Cout).
    """
    high, columns, depth, stage, word = tile.rows, tile.columns, tile.depth, tile.stage, tile.word
    in_a, in_b, fragment = registers(tile)
    cells, b_begins, a_lines = tile.high * tile.wide, tile.words * (high + tile.pad), high // a_width
    next_a = count(tile, high, a_width) * a_width * tile.terms
    next_b = count(tile, columns, b_width) * b_width * tile.terms
    numbered, room = 3 * next_a // a_width, 2 * stage  # numba wants names of sizes
    place, add_products = places(tile), products(tile)
    write = writer(tile, b_width, "plain", False, False, False)
    write_down = begin(tile, high, a_width)
    fetch_a, put_a = seen_rows(tile, high, a_width), put_along(tile, high, a_width)
    fetch_b, put_b = rows(tile, columns, b_width), put_along(tile, columns, b_width)

    def kernel(x, dy, parts, shape, span):
        shared = cuda.shared.array(room, word)
        sums = cuda.local.array(cells, np.float32)
        a = cuda.local.array(in_a, fragment)
        b = cuda.local.array(in_b, fragment)
        coming_a = cuda.local.array(next_a, np.float32)
        coming_b = cuda.local.array(next_b, np.float32)
        positions = cuda.local.array(numbered, np.int32)
        me, top = cuda.threadIdx.x, cuda.blockIdx.x * high
        across = (shape[7] + columns - 1) // columns
        group, left = cuda.blockIdx.y // across, cuda.blockIdx.y % across * columns
        sizes, image, right, pitch = shape[1:3], shape[3:6], shape[7], shape[8]
        step, origin, from_x, from_b = shape[11:13], shape[13:15], group * shape[6], group * shape[7]
        terms = shape[9] * shape[10] * shape[6]
        first = cuda.blockIdx.z * span
        end = min(first + span, shape[0])
        line = top + me % a_lines * a_width
        a_end = end if line < terms else first
        tap = split(line, (shape[10], shape[6]))
        row, column = place(me)
        write_down(me, first, sizes, positions)
        for i in range(cells):
            sums[i] = ZERO
        fetch_a(me, x, first, a_end, sizes, image, tap, step, origin, from_x, positions, coming_a)
        fetch_b(me, dy, first, end, left, right, pitch, from_b, coming_b)
        at, k = 0, first + depth
        while k < end + depth:  # a range would count besides, in two more registers
            put_a(me, coming_a, shared, at)
            put_b(me, coming_b, shared, at + b_begins)
            cuda.syncthreads()
            if k < end:
                fetch_a(me, x, k, a_end, sizes, image, tap, step, origin, from_x, positions, coming_a)
                fetch_b(me, dy, k, end, left, right, pitch, from_b, coming_b)
            add_products(shared, at, me, row, column, a, b, sums)
            at = stage - at
            k += depth
        part = parts[cuda.blockIdx.z * terms * pitch :]
        bounds = (terms, shape[1], shape[2], shape[3], shape[4], shape[5], shape[6], right, pitch)
        write(sums, part, part, part, top + row, left + column, bounds, group)

    return Tiled(kernel, SIGNATURE, tile, f"correlate {tile}, channels by {a_width} and {b_width}")


@kernel("void(f4[::1], i8, i8, f4[::1])")
def join(parts: Any, count: int, number: int, sums: Any) -> None:
    """Add up `number` parts of `count` numbers each: sums[i] = Σ parts[p, i], with what each addition rounds away."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        total, lost = parts[i], ZERO
        for p in range(1, number):
            term = parts[p * count + i] - lost
            longer = total + term
            lost = (longer - total) - term
            total = longer
        sums[i] = total


@kernel("void(f4[::1], f4[::1], UniTuple(i8, 11), i8)")
def turn(weights: Any, turned: Any, shape: tuple, count: int) -> None:
    """Turn some of a convolution's taps by half a circle, and exchange input and output channels.

    That is: turned[v, w, o, g I + i] = weights[first - v step, second - w step', i, g O + o], for group g of I input
    and O output channels; shape is (v's number, w's, O, I, groups), (kh, kw), (first, second), (step, step').
    """
    for at in range(cuda.grid(1), count, cuda.gridsize(1)):
        wide = shape[3] * shape[4]
        channel, rest = at % wide, at // wide
        out, tap = rest % shape[2], rest // shape[2]
        row = shape[7] - tap // shape[1] * shape[9]
        column = shape[8] - tap % shape[1] * shape[10]
        group, inner = channel // shape[3], channel % shape[3]
        source = (
            ((row * shape[6] + column) * shape[3] + inner) * (shape[2] * shape[4]) + group * shape[2] + out
        )
        turned[at] = weights[source]
