"""The machine's vectors, and the one product on which every fast kernel spends its time.

A processor multiplies and adds whole vectors: 16 float32 numbers at once with AVX-512, 8 with AVX2. No compiler finds
the best use of them in a loop of three matrices, so that one loop is written here by hand, in the language into which
numba compiles (LLVM's), as functions that a numba kernel calls like any other.

`multiply` keeps a block of C, `ROWS` rows by `PANEL` columns, in registers while it walks along the sum::

    for k:   C[r, :] += A[r, k] * B[k, :]        r = 0 .. ROWS - 1

Each step loads `PANEL` numbers of B once for all rows and spreads one number of A over a vector for all columns: 24
multiply-adds for 10 loads with AVX-512 (6 rows of 4 vectors), 12 for 8 with AVX2 (6 rows of 2). There are 32 and 16
registers; 24 + 4 + 1 and 12 + 2 + 1 of them are taken. So the arithmetic, not the memory, sets the pace.

All addresses and distances are in bytes, as int64: `array.ctypes.data + ...` within a kernel. Nothing checks them;
whoever calls has made sure that every number lies inside its array.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

FLOATS = 4  # bytes of a float32
LINE = 64  # bytes of a line of cache
F32, I32, I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def choose() -> str:
    """Return the instruction set to use: `avx512`, `avx2`, or `plain` where there is neither.

    The environment variable `NST_SIMD` may name a smaller one, and numba's own `NUMBA_CPU_FEATURES` is respected.

    Raises
    ------
    OSError
        When `NST_SIMD` names none of them, or one that this machine lacks. Doors report it in one line.
    """
    flags = config.CPU_FEATURES or llvmlite.binding.get_host_cpu_features().flatten()
    has = {flag.lstrip("+") for flag in flags.split(",") if flag.startswith("+")}
    there = ["plain"]
    if {"avx2", "fma"} <= has:
        there.append("avx2")
    if {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= has:
        there.append("avx512")
    wanted = os.environ.get("NST_SIMD") or there[-1]
    if wanted not in there:
        raise OSError(f"NST_SIMD={wanted}: this machine has {', '.join(there)}")
    return wanted


SIMD = choose()
WIDTH = 16 if SIMD == "avx512" else 8  # numbers in a vector
ROWS = 6  # rows of C in registers
COLUMNS = 4 if SIMD == "avx512" else 2  # vectors of C in a row
PANEL = COLUMNS * WIDTH  # columns of C in registers
VECTOR = ir.VectorType(F32, WIDTH)
BYTES = FLOATS * WIDTH  # of a vector


def round_up(count: int, multiple: int) -> int:
    """Return the least multiple that is no less than `count`."""
    return -(-count // multiple) * multiple


def number(value: int) -> ir.Constant:
    """Return a constant int64."""
    return ir.Constant(I64, value)


def constant(value: float) -> ir.Constant:
    """Return a vector of equal constants."""
    return ir.Constant(VECTOR, [float(value)] * WIDTH)


def at(b: ir.IRBuilder, base: ir.Value, *steps: tuple[ir.Value, int]) -> ir.Value:
    """Return the address `base` + the sum of distance * count over `steps`."""
    for distance, count in steps:
        if count:
            base = b.add(base, b.mul(distance, number(count)))
    return base


def load(b: ir.IRBuilder, address: ir.Value, kind: ir.Type = VECTOR) -> ir.Value:
    """Load a vector, or a number of another type, from an address aligned to 4 bytes or to nothing."""
    value = b.load(b.inttoptr(address, kind.as_pointer()))
    value.align = FLOATS if kind in (VECTOR, F32) else 1
    return value


def store(b: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    """Store a vector at an address aligned to 4 bytes or, for other types, to nothing."""
    b.store(value, b.inttoptr(address, value.type.as_pointer())).align = FLOATS if value.type == VECTOR else 1


def spread(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Return a vector that holds one number everywhere."""
    empty = ir.Constant(VECTOR, ir.Undefined)
    zeros = ir.Constant(ir.VectorType(I32, WIDTH), [0] * WIDTH)
    return b.shuffle_vector(b.insert_element(empty, value, ir.Constant(I32, 0)), empty, zeros)


def fma(b: ir.IRBuilder) -> Callable[[ir.Value, ir.Value, ir.Value], ir.Value]:
    """Return a function that emits x * y + z, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(b.module, kind, f"llvm.fma.v{WIDTH}f32")
    return lambda x, y, z: b.call(function, [x, y, z])


def expect(b: ir.IRBuilder, address: ir.Value, *, write: bool = False) -> None:
    """Ask for the cache line at an address: near, if it will be written to; to be read, in the second-level cache."""
    kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(ir.IntType(8)), I32, I32, I32])
    function = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    how = [ir.Constant(I32, value) for value in ((1, 3, 1) if write else (0, 2, 1))]
    b.call(function, [b.inttoptr(address, ir.PointerType(ir.IntType(8))), *how])


def multiplier(rows: int, columns: int, accumulate: bool) -> Callable:
    """Return the intrinsic ``multiply(a, a_row, a_k, b, b_k, c, c_row, depth, ahead)`` for `rows` by `columns` vectors.

    ::

        C[r, :] (+)= sum over k < depth of A[r, k] * B[k, :]

    with A[r, k] at ``a + r a_row + k a_k``, B[k, :] at ``b + k b_k`` and C[r, :] at ``c + r c_row``. A may so be
    read transposed as well; the rows of B and C lie together. With `accumulate`, C is added to; without, written.
    `depth` is at least 1. The memory is idle meanwhile, so each step asks for one line of LINE bytes from `ahead` on,
    where something lies that is wanted next; or `b`, where nothing is.
    An intrinsic has to be a global of its module, or numba cannot cache what calls it.
    """

    @intrinsic
    def multiply(typing_context, a, a_row, a_k, b, b_k, c, c_row, depth, ahead):
        return types.void(*[types.int64] * 9), emit

    def emit(context, b, signature, args):
        a, a_row, a_k, panel, b_k, c, c_row, depth, ahead = args
        add = fma(b)
        places = [at(b, c, (c_row, r), (number(BYTES), v)) for r in range(rows) for v in range(columns)]
        start = [load(b, place) if accumulate else constant(0) for place in places]
        row_of = [at(b, number(0), (a_row, r)) for r in range(rows)]
        before, loop, after = b.block, b.append_basic_block("k"), b.append_basic_block("done")
        b.branch(loop)
        b.position_at_end(loop)
        k, a_here, b_here, *sums = running = [b.phi(kind) for kind in (I64, I64, I64, *[VECTOR] * len(start))]
        for phi, value in zip(running, (number(0), a, panel, *start), strict=True):
            phi.add_incoming(value, before)
        expect(b, b.add(ahead, b.mul(k, number(LINE))))
        vectors = [load(b, at(b, b_here, (number(BYTES), v))) for v in range(columns)]
        new = []
        for r in range(rows):
            scalar = spread(b, load(b, b.add(a_here, row_of[r]), F32))
            new += [add(scalar, vectors[v], sums[r * columns + v]) for v in range(columns)]
        step = b.add(k, number(1)), b.add(a_here, a_k), b.add(b_here, b_k)
        for phi, value in zip(running, (*step, *new), strict=True):
            phi.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", step[0], depth), loop, after)
        b.position_at_end(after)
        for value, place in zip(new, places, strict=True):
            store(b, value, place)
        return context.get_dummy_value()

    return multiply


multiply = multiplier(ROWS, COLUMNS, accumulate=False)
multiply_add = multiplier(ROWS, COLUMNS, accumulate=True)
multiply4 = multiplier(4, COLUMNS, accumulate=False)  # for the rest of the rows
multiply_add4 = multiplier(4, COLUMNS, accumulate=True)


def correlator(rows: int, columns: int) -> Callable:
    """Return the intrinsic ``correlate(a, a_row, a_k, a_line, lines, depth, b, start, start_row, floor, c, c_row)``.

    ::

        C[r, :] = max(floor, S[r, :] + sum over l < lines, k < depth of A[l, r, k] * B[l * depth + k, :])

    with A[l, r, k] at ``a + l a_line + r a_row + k a_k``, the rows of B one after the other from `b`, S[r, :] at
    ``start + r start_row`` and C[r, :] at ``c + r c_row``. It is `multiply` with all that a convolution wants of it:
    rows of windows that lie apart, a bias (`start_row` 0) or an earlier sum (S = C) that is added at the end, where it
    costs the fewest roundings, and a ReLU (`floor` 0; minus infinity for none). A NaN is never lost. `lines` and
    `depth` are at least 1.
    """

    @intrinsic
    def correlate(typing_context, a, a_row, a_k, a_line, lines, depth, b, start, start_row, floor, c, c_row):
        return types.void(*[types.int64] * 9, types.float32, types.int64, types.int64), emit

    def emit(context, b, signature, args):
        a, a_row, a_k, a_line, lines, depth, panel, start, start_row, floor, c, c_row = args
        add, cells = fma(b), [(r, v) for r in range(rows) for v in range(columns)]
        places = [at(b, c, (c_row, r), (number(BYTES), v)) for r, v in cells]
        for place in places:
            expect(b, place, write=True)
        row_of = [at(b, number(0), (a_row, r)) for r in range(rows)]
        before, line, loop = b.block, b.append_basic_block("line"), b.append_basic_block("k")
        following, after = b.append_basic_block("next"), b.append_basic_block("done")
        kinds = (I64, I64, I64, *[VECTOR] * len(cells))
        b.branch(line)
        b.position_at_end(line)
        outer = [b.phi(kind) for kind in kinds]
        b.branch(loop)
        b.position_at_end(loop)
        k, a_here, b_here, *sums = inner = [b.phi(kind) for kind in kinds]
        vectors = [load(b, at(b, b_here, (number(BYTES), v))) for v in range(columns)]
        new = []
        for r in range(rows):
            scalar = spread(b, load(b, b.add(a_here, row_of[r]), F32))
            new += [add(scalar, vectors[v], sums[r * columns + v]) for v in range(columns)]
        step = b.add(k, number(1)), b.add(a_here, a_k), b.add(b_here, number(BYTES * columns))
        b.cbranch(b.icmp_signed("<", step[0], depth), loop, following)
        b.position_at_end(following)
        ahead = b.add(outer[0], number(1)), b.add(outer[1], a_line), step[2]
        b.cbranch(b.icmp_signed("<", ahead[0], lines), line, after)
        zeros = [constant(0)] * len(cells)
        arriving = [(outer, (number(0), a, panel, *zeros), before), (outer, (*ahead, *new), following)]
        arriving += [(inner, (number(0), *outer[1:]), line), (inner, (*step, *new), loop)]
        for phis, values, block in arriving:
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, block)
        b.position_at_end(after)
        least = spread(b, floor)
        for (r, v), place, value in zip(cells, places, new, strict=True):
            value = b.fadd(value, load(b, at(b, start, (start_row, r), (number(BYTES), v))))
            store(b, b.select(b.fcmp_ordered("<", value, least), least, value), place)
        return context.get_dummy_value()

    return correlate


NARROW_ROWS = 8
NARROW = PANEL // 2
multiply_add_narrow = multiplier(NARROW_ROWS, COLUMNS // 2, accumulate=True)  # as fast, and finer
multiply_add_vector = multiplier(NARROW_ROWS, 1, accumulate=True)
correlate = correlator(ROWS, COLUMNS)
correlate_narrow = correlator(NARROW_ROWS, COLUMNS // 2)  # where whole panels would be half empty


def taker() -> Callable:
    """Return the intrinsic ``take(counter)``: the int64 at an address, where it leaves one more.

    No two threads ever take the same number. If each takes its next task when it is done with one, all finish together,
    however fast each of them is.
    """

    @intrinsic
    def take(typing_context, counter):
        return types.int64(types.int64), emit

    def emit(context, b, signature, args):
        return b.atomic_rmw("add", b.inttoptr(args[0], I64.as_pointer()), number(1), "monotonic")

    return take


take = taker()


def copier(count: int) -> Callable:
    """Return the intrinsic ``copy(here, to)`` for so many numbers: without the questions of a loop."""

    @intrinsic
    def copy(typing_context, here, to):
        return types.void(types.int64, types.int64), emit

    def emit(context, b, signature, args):
        for v in range(count // WIDTH):
            store(b, load(b, at(b, args[0], (number(BYTES), v))), at(b, args[1], (number(BYTES), v)))
        return context.get_dummy_value()

    return copy


copy64 = copier(64)
