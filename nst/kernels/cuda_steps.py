"""How the threads of a block bring the next step of a product: from memory to registers, from there to shared memory.

The way over registers lets a thread ask for its numbers of the next step, multiply those of this one, and only then
wait for what it asked for.

An operand is read along its terms ("across": a thread's four numbers are terms of one row of A), or along its rows or
columns ("along": they are of four columns of B). Which one is a question of what are neighbours in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from nst.kernels.cuda_intrinsics import device, store1, store4
from nst.kernels.cuda_readers import loader, reader
from nst.kernels.cuda_tiles import Tile, convert

ZERO = np.float32(0)
NOWHERE = -(1 << 30)  # the row of a window that there is not: none of its taps is inside the picture


def count(tile: Tile, lines: int, width: int) -> int:
    """Return how often each thread reads `width` numbers, of each of the terms in a word, for one step."""
    return -(-lines * tile.words // (width * tile.threads))


@device
def advance(position: tuple, by: int, sizes: tuple) -> tuple:
    """Return a position (outer, middle, inner) after `by` steps of the inner one, of which there are sizes[1]."""
    outer, middle, inner = position
    inner += by
    while inner >= sizes[1]:
        inner -= sizes[1]
        middle += 1
        if middle == sizes[0]:
            middle = 0
            outer += 1
    return outer, middle, inner


@device
def split(index: int, sizes: tuple) -> tuple:
    """Return the (outer, middle, inner) of a number that counts all of them."""
    whole = index // sizes[1]
    return whole // sizes[0], whole % sizes[0], index % sizes[1]


@cache
def locate(tile: Tile, width: int, pooled: bool) -> Callable:
    """Return a function that writes down the windows whose numbers a thread reads: image, first row, first column.

    With `pooled`, four windows in a row are those of a pooling's window, in reading order.
    """
    per_line, rounds = tile.depth // width, tile.rows * tile.depth // (width * tile.threads)
    stride = tile.threads // per_line

    @device
    def one_by_one(window, grid):
        return split(window, grid[1:])

    @device
    def four_by_four(window, grid):
        image, row, column = split(window >> 2, (grid[1] >> 1, grid[2] >> 1))
        return image, 2 * row + (window >> 1 & 1), 2 * column + (window & 1)

    place = four_by_four if pooled else one_by_one

    @device
    def write_down(me, first, grid, step, origin, pixels):
        for i in range(rounds):
            window = first + me // per_line + i * stride
            image, row, column = place(window, grid)
            inside = window < grid[0]
            pixels[3 * i] = image
            pixels[3 * i + 1] = row * step[0] + origin[0] if inside else NOWHERE
            pixels[3 * i + 2] = column * step[1] + origin[1]

    return write_down


@cache
def windows(tile: Tile, width: int, reads: str) -> Callable:
    """Return a function that reads one tap's channels, `width` of them, of each of a thread's windows."""
    rounds = tile.rows * tile.depth // (width * tile.threads)
    read = reader(reads, width)

    @device
    def fetch(x, kept, image, taps, tap, base, pixels, mask, into):
        for i in range(rounds):
            row, column = pixels[3 * i + 1] + tap[0], pixels[3 * i + 2] + tap[1]
            if tap[0] < taps[0] and 0 <= row < image[0] and 0 <= column < image[1]:
                pixel = pixels[3 * i], row, column
                read(x, kept, image, pixel, base + tap[2], into, i * width, mask)
            else:
                for j in range(width):
                    into[i * width + j] = ZERO

    return fetch


@cache
def put_across(tile: Tile, width: int) -> Callable:
    """Return a function that puts what `windows` has read into shared memory, as columns.

    A thread has the words of `width` neighbouring terms. First come those that are the first of a thread's, then those
    that are the second, and so on: so what the threads of a window write at once lies in neighbouring rows, and not in
    rows so far apart that their banks are the same again.
    """
    per_line, rounds = tile.depth // width, tile.rows * tile.depth // (width * tile.threads)
    stride, pitch, terms, word = tile.threads // per_line, tile.rows + tile.pad, tile.terms, convert(tile)

    @device
    def put(me, numbers, shared, at):
        line, first = me // per_line, me % per_line
        for i in range(rounds):
            for j in range(0, width, terms):
                here = i * width + j
                to = at + (j // terms * per_line + first) * pitch + line + i * stride
                store1(shared, to, word(numbers[here], numbers[here + terms - 1]))

    return put


@cache
def rows(tile: Tile, lines: int, width: int) -> Callable:
    """Return a function that reads rows of a matrix: one for each term of a step, and of each `lines` numbers."""
    per_row, terms = lines // width, tile.terms
    rounds, units = count(tile, lines, width), lines // width * tile.words
    stride, load = tile.threads // per_row * terms, loader(width)

    @device
    def fetch(me, matrix, first, end, left, right, pitch, base, into):
        column = left + me % per_row * width
        for i in range(rounds):
            for j in range(terms):
                row, to = first + me // per_row * terms + i * stride + j, (i * terms + j) * width
                if row < end and column < right and me < units:
                    load(matrix, row * pitch + base + column, into, to)
                else:
                    for n in range(width):
                        into[to + n] = ZERO

    return fetch


@cache
def put_along(tile: Tile, lines: int, width: int, across: int = 1) -> Callable:
    """Return a function that puts what `rows` has read into shared memory, as rows.

    They are in the order in which `put_across` leaves those of the other operand, which it reads `across` at once.
    """
    per_row, terms, pitch, word = lines // width, tile.terms, lines + tile.pad, convert(tile)
    together = max(1, across // terms)
    apart = tile.words // together
    rounds, units, stride = count(tile, lines, width), lines // width * tile.words, tile.threads // per_row

    @device
    def one(numbers, here, second, shared, to):
        store1(shared, to, word(numbers[here], numbers[second]))

    @device
    def four(numbers, here, second, shared, to):
        words = (
            word(numbers[here], numbers[second]),
            word(numbers[here + 1], numbers[second + 1]),
            word(numbers[here + 2], numbers[second + 2]),
            word(numbers[here + 3], numbers[second + 3]),
        )
        store4(shared, to, words)

    write = one if width == 1 else four

    @device
    def put(me, numbers, shared, at):
        if me < units:
            for i in range(rounds):
                here = i * terms * width
                term = me // per_row + i * stride
                to = at + (term % together * apart + term // together) * pitch + me % per_row * width
                write(numbers, here, here + (terms - 1) * width, shared, to)

    return put


@cache
def begin(tile: Tile, lines: int, width: int) -> Callable:
    """Return a function that writes down the places that a thread reads with `seen_rows` in the first step."""
    per_row, terms, rounds = lines // width, tile.terms, count(tile, lines, width)
    stride = tile.threads // per_row * terms

    @device
    def write_down(me, first, sizes, positions):
        for i in range(rounds):
            for j in range(terms):
                at = 3 * (i * terms + j)
                place = split(first + me // per_row * terms + i * stride + j, sizes)
                positions[at], positions[at + 1], positions[at + 2] = place

    return write_down


@cache
def seen_rows(tile: Tile, lines: int, width: int) -> Callable:
    """Return what `rows` does, for a matrix whose rows are windows: `width` channels of one tap of each.

    It leaves the places of the next step behind.
    """
    per_row, terms, depth = lines // width, tile.terms, tile.depth
    rounds, units, read = count(tile, lines, width), lines // width * tile.words, reader("plain", width)
    stride = tile.threads // per_row * terms

    @device
    def fetch(me, x, first, end, sizes, image, tap, step, origin, base, positions, into):
        for i in range(rounds):
            for j in range(terms):
                at, to = 3 * (i * terms + j), (i * terms + j) * width
                picture, row, column = positions[at], positions[at + 1], positions[at + 2]
                above, beside = row * step[0] + origin[0] + tap[0], column * step[1] + origin[1] + tap[1]
                place = first + me // per_row * terms + i * stride + j
                if place < end and me < units and 0 <= above < image[0] and 0 <= beside < image[1]:
                    read(x, x, image, (picture, above, beside), base + tap[2], into, to, into)
                else:
                    for n in range(width):
                        into[to + n] = ZERO
                following = advance((picture, row, column), depth, sizes)
                positions[at], positions[at + 1], positions[at + 2] = following

    return fetch
