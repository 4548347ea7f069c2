"""The answers to the exercises of lesson 19."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels.cuda_emulated import round_bf16, round_tf32


@pytest.mark.parametrize("count", [0, 1, 7, 64, 65, 1000])
def test_each_number_has_one_thread(count: int) -> None:
    """The strides of all threads together are all numbers, and no two threads share one."""
    threads = 64
    seen = [i for first in range(threads) for i in range(first, count, threads)]
    assert sorted(seen) == list(range(count))


def in_pairs(numbers: np.ndarray) -> np.float32:
    """Return the sum of float32 numbers, of which there are a power of two, added in pairs."""
    while len(numbers) > 1:
        numbers = numbers[: len(numbers) // 2] + numbers[len(numbers) // 2 :]
    return numbers[0]


def test_sums_in_pairs() -> None:
    """The error is at most one rounding for each halving, while that of one sum after the other is far beyond it."""
    rng = np.random.default_rng(0)
    for halvings in (4, 10, 16):
        numbers = rng.random(2**halvings).astype(np.float32)
        exact = numbers.sum(dtype=np.float64)
        assert abs(in_pairs(numbers) - exact) <= halvings * 2.0**-24 * exact
    plain = np.cumsum(numbers, dtype=np.float32)[-1]
    assert abs(plain - exact) > 4 * abs(in_pairs(numbers) - exact)


def test_what_rounding_costs() -> None:
    """Half a unit in the last place that is kept, and no number loses more; some lose nearly as much."""
    numbers = np.random.default_rng(0).uniform(-300, 300, 2000).astype(np.float32)
    rounded = {
        2.0**-11: np.array([round_tf32(number) for number in numbers], np.uint32).view(np.float32),
        2.0**-8: np.array([round_bf16(number) << 16 for number in numbers], np.uint32).view(np.float32),
    }
    for bound, found in rounded.items():
        worst = (np.abs(found - numbers) / np.abs(numbers)).max()
        assert 0.9 * bound < worst <= bound


def test_a_square_tile_reads_least() -> None:
    """Of all tiles of 4096 sums the one of 64 by 64 reads the fewest numbers for each step."""
    read = {rows: rows + 4096 // rows for rows in (2**k for k in range(13))}
    assert min(read, key=read.get) == 64
