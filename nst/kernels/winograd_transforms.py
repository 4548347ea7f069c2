"""The transforms of Winograd's convolution, written out for one vector of channels of one tile.

Pixels are (H, W, C): at each of the n x n places of a tile lies a run of channels, and all channels undergo the same
transform. So a transform works on n x n vectors at once, one for each place, and is nothing but additions of vectors
and multiplications by the constants of a matrix. It is emitted here without any loop, from the matrices themselves,
what is 0 left out. Addresses and distances are in bytes, as in `nst.kernels.vectors`.

Reading a tile may undo a ReLU or a pooling on the way, and writing one may do it, for a pass over an array in memory
takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nst.kernels.vectors import (
    F32,
    FLOATS,
    WIDTH,
    at,
    constant,
    fma,
    load,
    number,
    spread,
    store,
)
from nst.kernels.winograd_points import F2, F4, Matrices

Vectors = list[ir.Value]
I8 = ir.IntType(8)
BITS = ir.VectorType(I8, WIDTH)
ZERO = constant(0)
PLAIN, MASKED, UNPOOLED = "plain", "masked", "unpooled"
STORED, ADDED, MAX_POOLED, AVG_POOLED = "stored", "added", "max", "avg"


def combine(b: ir.IRBuilder, factors: np.ndarray, vectors: Vectors) -> ir.Value:
    """Emit the sum of factor times vector."""
    terms = sorted(
        ((f, v) for f, v in zip(factors, vectors, strict=True) if f), key=lambda term: abs(term[0]) != 1
    )
    total = None
    for factor, vector in terms:
        if total is None:
            total = vector if factor == 1 else b.fmul(constant(factor), vector)
        elif abs(factor) == 1:
            total = b.fadd(total, vector) if factor > 0 else b.fsub(total, vector)
        else:
            total = fma(b)(constant(factor), vector, total)
    return total


def rows_in_pairs(b: ir.IRBuilder, matrix: np.ndarray, vectors: Vectors) -> Vectors:
    """Emit matrix times vectors, where the rows of points p and -p follow each other: B^T and G.

    They are ``e + o`` and ``e - o`` of the same even and odd part.
    """
    new: Vectors = []
    while len(new) < len(matrix):
        row, opposite = matrix[len(new) : len(new) + 2] if len(new) + 1 < len(matrix) else (matrix[-1],) * 2
        even, odd = (row + opposite) / 2, (row - opposite) / 2
        if np.array_equal(np.abs(row), np.abs(opposite)) and even.any() and odd.any():
            lead = odd[np.flatnonzero(odd)[-1]]
            e, o = combine(b, even, vectors), combine(b, odd / lead, vectors)
            new += [combine(b, [1, lead], [e, o]), combine(b, [1, -lead], [e, o])]
        else:
            new.append(combine(b, row, vectors))
    return new


def columns_in_pairs(b: ir.IRBuilder, matrix: np.ndarray, vectors: Vectors) -> Vectors:
    """Emit matrix times vectors, where the columns of points p and -p follow each other: A^T.

    Even rows want the sum of the two vectors, odd rows their difference.
    """
    columns, inputs, j = [], [], 0
    odd = np.arange(len(matrix)) % 2 == 1
    while j < len(vectors):
        column = matrix[:, j]
        if j + 1 < len(vectors) and np.array_equal(column * np.where(odd, -1, 1), matrix[:, j + 1]):
            inputs += [b.fadd(vectors[j], vectors[j + 1]), b.fsub(vectors[j], vectors[j + 1])]
            columns += [np.where(odd, 0, column), np.where(odd, column, 0)]
            j += 2
        else:
            inputs.append(vectors[j])
            columns.append(column)
            j += 1
    return [combine(b, row, inputs) for row in np.array(columns).T]


def both_ways(b: ir.IRBuilder, apply: Callable, matrix: np.ndarray, grid: list[Vectors]) -> list[Vectors]:
    """Emit matrix times grid times matrix^T for a grid of vectors."""
    columns = [apply(b, matrix, list(column)) for column in zip(*grid, strict=True)]
    return [apply(b, matrix, list(row)) for row in zip(*columns, strict=True)]


def positive(b: ir.IRBuilder, mask: ir.Value, value: ir.Value) -> ir.Value:
    """Emit `value` where mask > 0, else 0."""
    return b.select(b.fcmp_ordered(">", mask, ZERO), value, ZERO)


def place(b: ir.IRBuilder, base: ir.Value, row: ir.Value, i: int, column: ir.Value, j: int) -> ir.Value:
    """Emit the address of pixel (i, j)."""
    return at(b, base, (row, i), (column, j))


def in_bytes(b: ir.IRBuilder, distance: ir.Value) -> ir.Value:
    """Emit the distance in an array of bytes that is `distance` in one of float32 of the same shape."""
    return b.ashr(distance, number(2))


def _read(b: ir.IRBuilder, n: int, how: str, args: list[ir.Value]) -> list[Vectors]:
    """Emit the loads of a tile of n x n pixels.

    Of a map that has been pooled, the cells are read, and what their bits say: the tile begins with the last row and
    the last column of its first cell, as tiles do in the common case of one pixel of padding.
    """
    x, kept, row, column, scale = args
    every = [(i, j) for i in range(n) for j in range(n)]
    if how == PLAIN:
        read = [load(b, place(b, x, row, i, column, j)) for i, j in every]
    elif how == MASKED:
        read = [
            positive(b, load(b, place(b, kept, row, i, column, j)), load(b, place(b, x, row, i, column, j)))
            for i, j in every
        ]
    else:
        byte_row, byte_column, scale = in_bytes(b, row), in_bytes(b, column), spread(b, scale)
        cells = range(n // 2 + 1)
        dy = [[b.fmul(load(b, place(b, x, row, i, column, j)), scale) for j in cells] for i in cells]
        bits = [[load(b, place(b, kept, byte_row, i, byte_column, j), BITS) for j in cells] for i in cells]
        read = []
        for i, j in every:
            bit = ir.Constant(BITS, [1 << (2 * ((i + 1) % 2) + (j + 1) % 2)] * WIDTH)
            chosen = b.icmp_unsigned(
                "!=", b.and_(bits[(i + 1) // 2][(j + 1) // 2], bit), ir.Constant(BITS, [0] * WIDTH)
            )
            read.append(b.select(chosen, dy[(i + 1) // 2][(j + 1) // 2], ZERO))
    return [read[i * n : i * n + n] for i in range(n)]


def input_transform(matrices: Matrices, how: str) -> Callable:
    """Return the intrinsic ``(x, kept, row, column, scale, v, step)``: B^T d B of the tile at `x`.

    Value number e of the n x n goes to ``v + e step``. `how` says what d is: PLAIN, the pixels at `x` (`kept` and
    `scale` mean nothing); MASKED, those whose pixel at `kept` is positive; UNPOOLED, the cells at `x` times `scale`
    at those of their four pixels that their bits at `kept` name.
    """

    @intrinsic
    def transform(typing_context, x, kept, row, column, scale, v, step):
        integer = types.int64
        return types.void(integer, integer, integer, integer, types.float32, integer, integer), emit

    def emit(context, b, signature, args):
        *where, v, step = args
        tile = _read(b, matrices.size, how, where)
        for i, row in enumerate(both_ways(b, rows_in_pairs, matrices.input, tile)):
            for j, value in enumerate(row):
                store(b, value, at(b, v, (step, i * matrices.size + j)))
        return context.get_dummy_value()

    return transform


def output_transform(matrices: Matrices, how: str) -> Callable:
    """Return the intrinsic ``(m, step, y, row, column, bias, least, bits)``: A^T m A, written to the tile at `y`.

    Value number e of the n x n is read at ``m + e step``. What is written at `y`: STORED, max(result + bias, least);
    ADDED, the result is added to what is there; MAX_POOLED and AVG_POOLED, max(result + bias, 0) pooled by 2 x 2, and
    at `bits` which of the four pixels have a part in it: 1, 2, 4, 8 in reading order.
    """

    @intrinsic
    def transform(typing_context, m, step, y, row, column, bias, least, bits):
        integer = types.int64
        return types.void(*[integer] * 6, types.float32, integer), emit

    def emit(context, b, signature, args):
        m, step, y, row, column, bias, least, bits = args
        n = matrices.size
        values = [[load(b, at(b, m, (step, i * n + j))) for j in range(n)] for i in range(n)]
        tile = both_ways(b, columns_in_pairs, matrices.output, values)
        if how != ADDED:
            offset = load(b, bias)
            tile = [[b.fadd(value, offset) for value in values] for values in tile]
        if how in (MAX_POOLED, AVG_POOLED):
            _write_pooled(b, tile, how, y, row, column, bits)
        else:
            least = spread(b, least)
            for i, j in np.ndindex(matrices.tile, matrices.tile):
                to, value = place(b, y, row, i, column, j), tile[i][j]
                # so that NaN stays NaN
                kept = b.select(b.fcmp_ordered("<", value, least), least, value)
                store(b, b.fadd(value, load(b, to)) if how == ADDED else kept, to)
        return context.get_dummy_value()

    return transform


def _write_pooled(b, tile, how, y, row, column, bits):
    """Emit the pooling of a tile of results, before their ReLU, by 2 x 2."""
    byte_row, byte_column = in_bytes(b, row), in_bytes(b, column)
    pool = _max_of_four if how == MAX_POOLED else _avg_of_four
    for i, j in np.ndindex(len(tile) // 2, len(tile) // 2):
        upper, lower = tile[2 * i], tile[2 * i + 1]
        value, chosen = pool(b, [*upper[2 * j : 2 * j + 2], *lower[2 * j : 2 * j + 2]])
        store(b, value, place(b, y, row, i, column, j))
        store(b, chosen, place(b, bits, byte_row, i, byte_column, j))


def _flag(value: int) -> ir.Constant:
    return ir.Constant(BITS, [value] * WIDTH)


def _clip(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Emit max(value, 0), in which a NaN stays one."""
    return b.select(b.fcmp_ordered("<=", value, ZERO), ZERO, value)


def _max_of_four(b: ir.IRBuilder, four: Vectors) -> tuple[ir.Value, ir.Value]:
    """Emit the maximum of four pixels and 0, and the bit of the first that has it, or 0 where none is positive.

    A NaN is the maximum, so that it is not lost, and not positive.
    """

    def larger(first, second):
        """(value, bit) of the larger, of the first where they are equal."""
        later = b.fcmp_ordered(">", second[0], first[0])
        later = b.or_(later, b.fcmp_unordered("uno", second[0], second[0]))
        return tuple(b.select(later, *pair) for pair in zip(second, first, strict=True))

    pixels = [(value, _flag(1 << k)) for k, value in enumerate(four)]
    value, bit = larger(larger(pixels[0], pixels[1]), larger(pixels[2], pixels[3]))
    some = b.fcmp_ordered(">", value, ZERO)
    return _clip(b, value), b.select(some, bit, _flag(0))


def _avg_of_four(b: ir.IRBuilder, four: Vectors) -> tuple[ir.Value, ir.Value]:
    """Emit the mean of the positive parts of four pixels, and the bits of those that are positive."""
    first, second, third, fourth = (_clip(b, value) for value in four)
    bits = _flag(0)
    for k, value in enumerate(four):
        bits = b.or_(bits, b.select(b.fcmp_ordered(">", value, ZERO), _flag(1 << k), _flag(0)))
    return b.fmul(constant(0.25), b.fadd(b.fadd(first, second), b.fadd(third, fourth))), bits


def weight_transform(matrices: Matrices, rows: int) -> Callable:
    """Return the intrinsic ``(g, taps, row, column, u, step)``: one row of G g G^T for one vector of weights.

    `g` is the address of the row of G in float32, tap (i, j) is read at ``taps + i row + j column``, value j of the
    row goes to ``u + j step``. With `rows` = 1 only the first factor at `g` and the first row of taps are read: all
    that the first and the last row of G need, which have one factor each.
    """

    @intrinsic
    def transform(typing_context, g, taps, row, column, u, step):
        return types.void(*[types.int64] * 6), emit

    def emit(context, b, signature, args):
        g, taps, row, column, u, step = args
        factors = [spread(b, load(b, b.add(g, number(FLOATS * i)), F32)) for i in range(rows)]
        columns = []
        for j in range(3):
            values = [load(b, place(b, taps, row, i, column, j)) for i in range(rows)]
            total = b.fmul(factors[0], values[0])
            for factor, value in zip(factors[1:], values[1:], strict=True):
                total = fma(b)(factor, value, total)
            columns.append(total)
        for j, value in enumerate(rows_in_pairs(b, matrices.weights, columns)):
            store(b, value, at(b, u, (step, j)))
        return context.get_dummy_value()

    return transform


# An intrinsic has to be a global of its module, or numba cannot cache what calls it.
read4, read4_masked, read4_unpooled = (input_transform(F4, how) for how in (PLAIN, MASKED, UNPOOLED))
read2, read2_masked, read2_unpooled = (input_transform(F2, how) for how in (PLAIN, MASKED, UNPOOLED))
write4, write4_added, write4_max, write4_avg = (
    output_transform(F4, how) for how in (STORED, ADDED, MAX_POOLED, AVG_POOLED)
)
write2, write2_added, write2_max, write2_avg = (
    output_transform(F2, how) for how in (STORED, ADDED, MAX_POOLED, AVG_POOLED)
)
weights4, weights4_edge = weight_transform(F4, 3), weight_transform(F4, 1)
weights2, weights2_edge = weight_transform(F2, 3), weight_transform(F2, 1)
