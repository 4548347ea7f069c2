"""What `nst.kernels.cuda_intrinsics` means, in plain Python: for numba's simulator, where a thread is one of Python's.

The 32 threads of a warp multiply together on the tensor cores: each brings its few numbers of the operands and takes
its few of the result. Here each lays its numbers out for all to see, waits for the others, and computes its own.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

WARP = 32
MOST = 1024  # threads of a block
# The operands of each warp's products, 16x8 and four of 8x8 words, for odd and even turns.
_of_a = np.zeros((2, MOST // WARP, 16, 8), np.uint32)
_of_b = np.zeros((2, MOST // WARP, 4, 8, 8), np.uint32)


def load1(array: Any, index: int) -> Any:
    """Return a number of a flat array; an index that is not in it is an IndexError."""
    if not 0 <= index < len(array):
        raise IndexError(f"number {index} of {len(array)}")
    return array[index]


def store1(array: Any, index: int, number: Any) -> None:
    """Write a number into a flat array."""
    if not 0 <= index < len(array):
        raise IndexError(f"number {index} of {len(array)}")
    array[index] = number


def load4(array: Any, index: int) -> tuple:
    """Return four neighbours in a flat array; an index that the card would fault at is an IndexError."""
    if index % 4 or not 0 <= index <= len(array) - 4:
        raise IndexError(f"four numbers from {index} on, of {len(array)}")
    return tuple(array[index + i] for i in range(4))


def store4(array: Any, index: int, numbers: tuple) -> None:
    """Write four numbers beside one another into a flat array."""
    if index % 4 or not 0 <= index <= len(array) - 4:
        raise IndexError(f"four numbers from {index} on, of {len(array)}")
    for i in range(4):
        array[index + i] = numbers[i]


def round_tf32(number: Any) -> np.uint32:
    """Return a float32 with its mantissa rounded to 10 bits, halves away from 0, as the word that it is made of."""
    bits = int(np.float32(number).view(np.uint32))
    finite = bits & 0x7F800000 != 0x7F800000
    return np.uint32((bits + 0x1000 if finite else bits) & 0xFFFFE000)


def round_bf16(number: Any) -> int:
    """Return the upper half of a float32's word, rounded to the nearest, halves to even."""
    bits = int(np.float32(number).view(np.uint32))
    if bits & 0x7FFFFFFF > 0x7F800000:
        return 0x7FFF  # not a number
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF


def pack_bf16(low: Any, high: Any) -> np.uint32:
    """Return two numbers as bfloat16 in one word."""
    return np.uint32(round_bf16(low) | round_bf16(high) << 16)


def multiply_tf32(a: tuple, b: Any, sums: Any, first: int) -> None:
    """Add a thread's part of A B_j, A of 16x8 and four B_j of 8x8, to its sums."""
    _multiply(a, b, sums, first, 1)


def multiply_bf16(a: tuple, b: Any, sums: Any, first: int) -> None:
    """Add a thread's part of A B_j, A of 16x16 and four B_j of 16x8, two numbers to a word, to its sums."""
    _multiply(a, b, sums, first, 2)


def _terms(words: np.ndarray, count: int) -> np.ndarray:
    """Return the numbers of words along a last axis: one TF32 each, or two bfloat16."""
    halves = words if count == 1 else np.concatenate([words << 16, words & 0xFFFF0000], axis=-1)
    return halves.view(np.float32).astype(np.float64)


def _multiply(a: tuple, b: Any, sums: Any, first: int, count: int) -> None:
    thread: Any = threading.current_thread()
    turn = thread.turn = getattr(thread, "turn", 0) + 1
    warp, lane = divmod(thread.thread_id, WARP)
    of_a, of_b = (
        _of_a[turn % 2, warp],
        _of_b[turn % 2, warp],
    )  # two turns: none writes where a slower one reads
    g, t = divmod(lane, 4)
    of_a[g, t], of_a[g + 8, t], of_a[g, t + 4], of_a[g + 8, t + 4] = a
    of_b[:, t, g], of_b[:, t + 4, g] = b[:4], b[4:8]
    thread.syncthreads()
    columns = np.ascontiguousarray(of_b[:, :, 2 * t : 2 * t + 2].transpose(0, 2, 1))
    found = _terms(of_a[g::8], count) @ _terms(columns, count).transpose(0, 2, 1)  # of each j: rows g, g + 8
    sums[first : first + 16] += found.transpose(1, 2, 0).ravel()
