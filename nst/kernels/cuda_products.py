"""Sums over places, matrix products and Gram matrices on a card: for kernels, convolutions with windows of a pixel."""

from __future__ import annotations

from functools import cache

import numpy as np

from nst.kernels.cuda_array import DeviceArray
from nst.kernels.cuda_choice import choose, choose_parts, precision, widths
from nst.kernels.cuda_convolve import Shape, Variant, convolve
from nst.kernels.cuda_correlate import correlate, join, turn


@cache
def no_bits() -> DeviceArray:
    """Return what a kernel is given for bits that it does not write."""
    return DeviceArray((1,), np.uint8)


def sum_over_places(
    x: DeviceArray, dy: DeviceArray, shape: Shape, groups: int = 1, factors: str | None = None
) -> DeviceArray:
    """Return the sums over all windows of what each sees of x, times dy there: (kh kw Cin / groups, Cout).

    `factors` is their precision, by default that of convolutions.
    """
    (places, *_), (c_in, c_out, across), taps = shape.grid, shape.channels, shape.taps
    rows = taps[0] * taps[1] * c_in
    sums = DeviceArray((rows, across))
    if not sums.size or not places:
        sums.fill(0)
        return sums
    wanted = (factors or precision()) if c_in % 4 == 0 else "float32"
    tile, span = choose_parts(places, rows, c_out, groups, wanted)
    number = -(-places // span)
    parts = DeviceArray((number, rows, across)) if number > 1 else sums
    blocks = -(-rows // tile.rows), -(-c_out // tile.columns) * groups, number
    kernel = correlate(tile, *widths(tile, c_in, c_out))
    kernel[blocks, tile.threads](x.data, dy.data, parts.data, shape.numbers, span)
    if number > 1:
        join.over(sums.size, parts.data, sums.size, number, sums.data)
    return sums


def gram_sum(features: DeviceArray) -> DeviceArray:
    """Return F^T F for features F of shape (P, C), float32: sums of some thousand places, added up with their rounding.

    On the CPU the parts are added in float64, which most cards are slow at.
    """
    return matrix_product(features, features, transpose_a=True)


def matrix_product(
    a: DeviceArray, b: DeviceArray, *, transpose_a: bool = False, transpose_b: bool = False
) -> DeviceArray:
    """Return A B for A of shape (M, K) and B (K, N), either of them given transposed where it is said so; float32."""
    if transpose_b:
        b = _transposed(b)
    depth, rows = a.shape if transpose_a else a.shape[::-1]
    if b.shape[0] != depth:
        raise ValueError(f"no product of {(rows, depth)} and {b.shape}")
    columns = b.shape[1]
    if transpose_a:
        shape = Shape((depth, 1, depth), (1, depth, rows), (rows, columns, columns), (1, 1))
        return sum_over_places(a, b, shape, factors="float32")
    product = DeviceArray((rows, columns))
    if not product.size:
        return product
    shape = Shape((rows, 1, rows), (1, rows, depth), (depth, columns, columns), (1, 1))
    tile = choose(rows, depth, columns, precision="float32")
    kernel = convolve(Variant(tile, *widths(tile, depth, columns)))
    blocks = -(-rows // tile.rows), -(-columns // tile.columns)
    arrays = a.data, a.data, b.data, a.data, product.data, no_bits().data
    kernel[blocks, tile.threads](*arrays, shape.numbers)
    return product


def _transposed(matrix: DeviceArray) -> DeviceArray:
    """Return a matrix with its rows as columns: weights of a window of one pixel, whose channels are exchanged."""
    rows, columns = matrix.shape
    found = DeviceArray((columns, rows))
    turn.over(found.size, matrix.data, found.data, (1, 1, columns, rows, 1, 1, 1, 0, 0, 1, 1), found.size)
    return found
