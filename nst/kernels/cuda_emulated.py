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
_laid_out: dict[int, tuple[list, list]] = {}  # by thread, for odd and even turns


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


def multiply_tf32(a: tuple, b: tuple, c: tuple) -> tuple:
    """Return a thread's part of A B + C, A of 16x8 and B of 8x8."""
    return _multiply(a, b, c, 1)


def multiply_bf16(a: tuple, b: tuple, c: tuple) -> tuple:
    """Return a thread's part of A B + C, A of 16x16 and B of 16x8, two numbers to a word."""
    return _multiply(a, b, c, 2)


def _numbers(word: Any, count: int) -> list[float]:
    """Return the numbers of a word: one TF32, or two bfloat16."""
    halves = [int(word)] if count == 1 else [int(word) << 16 & 0xFFFFFFFF, int(word) & 0xFFFF0000]
    return [float(np.uint32(half).view(np.float32)) for half in halves]


def _multiply(a: tuple, b: tuple, c: tuple, count: int) -> tuple:
    thread: Any = threading.current_thread()
    turn = thread.turn = getattr(thread, "turn", 0) + 1
    warp, lane = divmod(thread.thread_id, WARP)
    first = turn % 2 * MOST + warp * WARP  # two turns: none writes where a slower one still reads
    _laid_out[first + lane] = [_numbers(word, count) for word in a], [_numbers(word, count) for word in b]
    thread.syncthreads()
    g, t = divmod(lane, 4)
    found = []
    for i, (row, column) in enumerate([(g, 2 * t), (g, 2 * t + 1), (g + 8, 2 * t), (g + 8, 2 * t + 1)]):
        total = float(c[i])
        for word in range(8):  # of the sum: words 4 to 7 are the second of their threads
            of_a = _laid_out[first + row % 8 * 4 + word % 4][0][word // 4 * 2 + row // 8]
            of_b = _laid_out[first + column * 4 + word % 4][1][word // 4]
            total += sum(x * y for x, y in zip(of_a, of_b, strict=True))
        found.append(np.float32(total))
    return tuple(found)
