"""A product of matrices on a card, cut into tiles: what one block and each of its threads do with numbers at hand.

A block of threads computes one tile of the product C = A B. It goes along the sums in steps: its threads bring the next
few columns of A and rows of B from the card's memory into shared memory, each number once, wait for one another, and
then each adds up its own share of C in registers. So a number from memory serves `columns` or `rows` products, and one
from shared memory `wide` or `high` of them. There is room for two steps: while one is used, the next is under way.

Both operands lie in shared memory with the terms of the sums as rows: A transposed. Four neighbours are read at once.
Shared memory has 32 banks, a word wide each, and threads of a warp that want different words of one bank wait for one
another. So rows are longer than they need be (`Tile.pad`), and a convolution has its terms in another order: that of a
sum is free (`nst.kernels.cuda_steps.put_across`).

On the tensor cores (TF32 and bfloat16) only the innermost part differs: see `products`. There a word of shared memory
holds one TF32 number, or two terms of a sum in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from nst.kernels.cuda_device import SIMULATED, TENSOR_CORES, Kernel
from nst.kernels.cuda_intrinsics import device, load4, multiply_bf16, multiply_tf32, pack_bf16, round_tf32

PRECISIONS = ("float32", "tf32", "bf16")
WARP = 32
WARP_ROWS, WARP_COLUMNS = 64, 32  # of the product, that a warp computes on the tensor cores
BANKS = 32


class Tile(NamedTuple):
    """How a product is cut.

    Attributes
    ----------
    rows, columns : int
        Of the product, that a block computes.
    depth : int
        Terms of the sums for which there is room in shared memory, twice; a multiple of 4, and of 16 for bfloat16.
    high, wide : int
        Rows and columns that a thread computes, multiples of 4; on the tensor cores 8 and 8.
    precision : str
        Of the factors: "float32", "tf32" (10 binary places, where float32 has 23) or "bf16" (7). Sums are float32.
    """

    rows: int
    columns: int
    depth: int
    high: int = 8
    wide: int = 8
    precision: str = "float32"

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns} {self.precision}"

    @property
    def threads(self) -> int:
        """The threads of a block."""
        return self.rows // self.high * (self.columns // self.wide)

    @property
    def terms(self) -> int:
        """How many terms a word of shared memory holds."""
        return 2 if self.precision == "bf16" else 1

    @property
    def words(self) -> int:
        """How many words deep the tile of an operand is."""
        return self.depth // self.terms

    @property
    def pad(self) -> int:
        """The words behind each row of an operand: so many banks apart are the words of a column."""
        return 4 * BANKS // self.words

    @property
    def stage(self) -> int:
        """The words of one step: both operands."""
        return self.words * (self.rows + self.columns + 2 * self.pad)

    @property
    def word(self) -> type:
        """The dtype of shared memory."""
        return np.float32 if self.precision == "float32" else np.uint32

    @property
    def row_gap(self) -> int:
        """How far a thread's second four rows lie from its first."""
        return WARP_ROWS // 2 if self.precision != "float32" else self.rows // (self.high // 4)

    @property
    def column_gap(self) -> int:
        """How far a thread's second four columns lie from its first."""
        return 4 if self.precision != "float32" else self.columns // (self.wide // 4)


class Tiled(Kernel):
    """A kernel that computes a product by tiles, on a card that can multiply in their precision.

    Raises
    ------
    ValueError
        When it is to be compiled for an earlier one.
    """

    def __init__(self, function: Callable, signature: str, tile: Tile, name: str) -> None:
        super().__init__(function, signature)
        self.tile, self.name = tile, name

    @cached_property
    def compiled(self) -> Any:
        """What numba makes of it for this card."""
        if not SIMULATED:
            self._check(cuda.get_current_device().compute_capability)
        return super().compiled

    def ptx(self, capability: tuple[int, int]) -> str:
        """Return the assembly for cards of a compute capability; see `nst.kernels.cuda_device.Kernel.ptx`."""
        self._check(capability)
        return super().ptx(capability)

    def _check(self, capability: tuple[int, int]) -> None:
        if self.tile.precision != "float32" and tuple(capability) < TENSOR_CORES:
            (major, minor), (least, _) = capability, TENSOR_CORES
            raise ValueError(
                f"no {self.tile.precision} on a card of compute capability {major}.{minor}: its tensor cores "
                f"came with {least}.0; take float32"
            )


@cache
def places(tile: Tile) -> Callable:
    """Return a function that says where in the tile a thread's first row and column are."""
    across = tile.columns // tile.wide
    warps_across = max(1, tile.columns // WARP_COLUMNS)

    @device
    def by_thread(me):
        return me // across * 4, me % across * 4

    @device
    def by_warp(me):
        warp, lane = me // WARP, me % WARP
        row = warp // warps_across * WARP_ROWS + lane // 4 * 4
        return row, warp % warps_across * WARP_COLUMNS + lane % 4 * 8

    return by_thread if tile.precision == "float32" else by_warp


@cache
def convert(tile: Tile) -> Callable:
    """Return a function that makes a word of shared memory of one term, or of two."""

    @device
    def same(term, _):
        return term

    @device
    def tf32(term, _):
        return round_tf32(term)

    @device
    def bf16(term, following):
        return pack_bf16(term, following)

    return {"float32": same, "tf32": tf32, "bf16": bf16}[tile.precision]


def products(tile: Tile) -> Callable:
    """Return a function that adds the products of one step, from `at` on in shared memory, to a thread's sums."""
    return _by_threads(tile) if tile.precision == "float32" else _by_warps(tile)


@cache
def _by_threads(tile: Tile) -> Callable:
    high, wide, depth, row_gap, column_gap = tile.high, tile.wide, tile.depth, tile.row_gap, tile.column_gap
    a_pitch, b_pitch = tile.rows + tile.pad, tile.columns + tile.pad
    b_begins = depth * a_pitch

    @device
    def add_one(shared, a_at, b_at, a, b, sums):
        for i in range(0, high, 4):
            a[i], a[i + 1], a[i + 2], a[i + 3] = load4(shared, a_at + i // 4 * row_gap)
        for j in range(0, wide, 4):
            b[j], b[j + 1], b[j + 2], b[j + 3] = load4(shared, b_at + j // 4 * column_gap)
        for i in range(high):
            for j in range(wide):
                sums[i * wide + j] += a[i] * b[j]

    @device
    def add(shared, at, me, row, column, a, b, sums):
        for k in range(0, depth, 4):  # by fours: the compiler leaves a loop of so much as it is
            a_at, b_at = at + k * a_pitch + row, at + b_begins + k * b_pitch + column
            add_one(shared, a_at, b_at, a, b, sums)
            add_one(shared, a_at + a_pitch, b_at + b_pitch, a, b, sums)
            add_one(shared, a_at + 2 * a_pitch, b_at + 2 * b_pitch, a, b, sums)
            add_one(shared, a_at + 3 * a_pitch, b_at + 3 * b_pitch, a, b, sums)

    return add


@cache
def _by_warps(tile: Tile) -> Callable:
    """Return the same on the tensor cores: a warp adds 4 by 4 products of 16x8, for 8 words of terms at once.

    Which row of the tile is row g of which product is ours to choose, as long as the same is meant in A and in C. It is
    chosen so that a thread reads fours from shared memory, and so that its sums are of two times four rows and of eight
    neighbouring columns: whole windows of a pooling, and whole vectors to write.
    """
    a_pitch, b_pitch, words = tile.rows + tile.pad, tile.columns + tile.pad, tile.words
    b_begins, row_gap = words * a_pitch, tile.row_gap
    multiply = multiply_tf32 if tile.precision == "tf32" else multiply_bf16

    @device
    def add(shared, at, me, row, column, a, b, sums):
        g, t = me % WARP // 4, me % 4
        b_column = column - 8 * t + 4 * g
        for k in range(0, words, 8):
            for i in range(4):  # of A: rows 0 to 3 and 4 to 7, of the words t and t + 4
                here = at + (k + t + i // 2 * 4) * a_pitch + row + i % 2 * row_gap
                a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3] = load4(shared, here)
            for i in range(2):
                here = at + b_begins + (k + t + 4 * i) * b_pitch + b_column
                b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3] = load4(shared, here)
            for i in range(4):
                multiply((a[2 * i], a[2 * i + 1], a[8 + 2 * i], a[8 + 2 * i + 1]), b, sums, 16 * i)

    return add


def registers(tile: Tile) -> tuple[int, int, Any]:
    """Return how many numbers of A and of B a thread has at hand in `products`, and their dtype."""
    return (tile.high, tile.wide, np.float32) if tile.precision == "float32" else (16, 8, np.uint32)
