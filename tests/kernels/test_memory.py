"""Recycled memory: arrays never overlap while they live, and their pages are used again when they do not."""

from __future__ import annotations

import gc
import os
import threading

import numpy as np
import pytest

from nst.kernels import memory
from nst.kernels.memory import PAGE, SMALL, Arena

F32 = np.dtype(np.float32)


@pytest.fixture
def arena():
    """A range of its own, of 64 MiB."""
    try:
        return Arena(64 << 20)
    except OSError:
        pytest.skip("this system reserves no range of addresses")


def test_arrays_never_overlap_and_all_memory_comes_back(arena):
    """In a random sequence of births and deaths every array keeps what was written; at the end one gap is left."""
    rng = np.random.default_rng(0)
    alive = {}
    for turn in range(2000):
        if alive and rng.random() < 0.5:
            number, array = alive.popitem() if rng.random() < 0.5 else _any(alive, rng)
            assert (array == number).all()
            del array
        found = arena.empty((int(rng.integers(1, 1 << 18)),), F32)
        if found is None:
            alive.clear()
            continue
        assert found.ctypes.data % PAGE == 0 and found.flags.writeable and found.flags.c_contiguous
        found[:] = turn
        alive[turn] = found
    assert all((array == number).all() for number, array in alive.items())
    del found
    alive.clear()
    assert arena.used() == 0 and arena.gaps == [(0, 64 << 20)]


def _any(alive, rng):
    number = int(rng.choice(list(alive)))
    return number, alive.pop(number)


def test_the_lowest_gap_is_taken(arena):
    """First fit by address: what dies below is filled before the range grows."""
    a, b, c = (arena.empty((5000,), F32) for _ in range(3))
    places = [array.ctypes.data - arena.address for array in (a, b, c)]
    assert places == [0, 5 * PAGE, 10 * PAGE]
    del a
    assert arena.empty((6000,), F32).ctypes.data - arena.address == 15 * PAGE
    assert arena.empty((5000,), F32).ctypes.data - arena.address == 0
    del b
    assert arena.empty((10000,), F32).ctypes.data == arena.address  # the gaps of a and b have become one
    assert arena.used() == 15 * PAGE and arena.peak == 21 * PAGE


def test_a_view_keeps_the_memory(arena):
    """Not the array but the last view of it gives the pages back."""
    array = arena.empty((4, 50000), F32)
    view = array[2].reshape(5, -1).T
    place = array.ctypes.data
    del array
    assert arena.empty((4, 50000), F32).ctypes.data != place
    del view
    assert arena.empty((4, 50000), F32).ctypes.data == place


def test_a_cycle_gives_back_when_it_is_collected(arena):
    """An array in a cycle of references returns its pages with the cycle, at whatever moment that is."""
    cycle = [arena.empty((50000,), F32)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert arena.used() == 0


def test_a_full_range_gives_none(arena):
    """What does not fit is refused, and what fits exactly is not."""
    assert arena.empty(((64 << 20) // 4 + 1,), F32) is None
    whole = arena.empty(((64 << 20) // 4,), F32)
    assert arena.empty((1,), F32) is None and arena.used() == 64 << 20 and not arena.gaps
    del whole
    assert arena.empty((1,), F32) is not None


def test_released_pages_are_given_back_and_zeroed(arena):
    """After a release what is alive is as it was, and the gaps are fresh pages."""
    kept, lost = arena.empty((100000,), F32), arena.empty((100000,), F32)
    kept[:], lost[:] = 1, 2
    del lost
    arena.release()
    assert (kept == 1).all()
    assert not arena.empty((100000,), F32).any()


def test_threads_share_a_range(arena):
    """Four threads that make, fill and drop arrays never write into each other's."""
    wrong = []

    def work(number):
        rng = np.random.default_rng(number)
        for _ in range(200):
            array = arena.empty((int(rng.integers(1, 1 << 16)),), F32)
            array[:] = number
            copy = array[::-1]
            del array
            wrong.extend([number] if (copy != number).any() else [])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and arena.used() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_process_has_its_own_copy():
    """After a fork, even in the middle of a request, parent and child do not see each other's writing."""
    array = memory.zeros((100000,))
    if memory._arena is not None:
        memory._arena.lock.acquire()
    try:
        child = os.fork()
        if child == 0:
            array[:] = 5
            other = memory.empty((100000,))
            other[:] = 6
            os._exit(0 if (array == 5).all() else 1)
    finally:
        if memory._arena is not None:
            memory._arena.lock.release()
    assert os.waitpid(child, 0)[1] == 0
    assert not array.any()


@pytest.mark.parametrize(
    "shape", [(), 0, 7, (2, 3), (300, 300), (0, 1 << 20), (1, 64, 64, 32), np.int64(99999)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.float64, bool])
def test_arrays_are_what_numpy_would_give(shape, dtype):
    """Any shape and dtype: the array is C-contiguous, aligned, writeable and, from `zeros`, zero."""
    found, expected = memory.zeros(shape, dtype), np.zeros(shape, dtype)
    np.testing.assert_array_equal(found, expected, strict=True)
    assert found.flags.c_contiguous and found.flags.aligned and found.flags.writeable


def test_objects_are_left_to_numpy():
    """References must be initialised: an array of objects is full of None."""
    assert memory.empty((SMALL,), object)[-1] is None


def test_without_a_range_numpy_serves(monkeypatch):
    """Where no range can be reserved everything works, with nothing to recycle."""
    monkeypatch.setattr(memory, "_arena", None)
    monkeypatch.setattr(memory, "_scratch", [])
    assert memory.empty((100000,)).flags.owndata
    assert memory.scratch(100000).ctypes.data % PAGE == 0
    memory.reset_peak()
    memory.release()
    assert memory.peak() == 0


def test_no_range_where_addresses_are_rationed(monkeypatch):
    """With a limit on addresses a large reservation would take them from everyone else."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (1 << 34, 1 << 34))
    assert memory._reserve() is None


def test_no_range_where_the_system_refuses(monkeypatch):
    """A system that promises no more than it has refuses the reservation: that is no error."""

    def refuse(size):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(memory, "Arena", refuse)
    assert memory._reserve() is None


def test_the_peak_counts_from_its_reset():
    """The peak is the furthest that arrays have reached, and starts again from those that are alive."""
    if memory._arena is None:
        pytest.skip("no range here")
    memory.reset_peak()
    before = memory.peak()
    held = [memory.empty((1 << 22,)) for _ in range(3)]
    assert memory.peak() >= 3 << 24
    high = memory.peak()
    del held[1:]
    assert memory.peak() == high
    memory.reset_peak()
    assert before <= memory.peak() < high


def test_scratch_is_kept_and_grows():
    """It is the same memory until more is asked for, float32, and aligned."""
    parts = [memory.scratch(count) for count in (1000, 70000, 1000)]
    assert [part.size for part in parts] == [1000, 70000, 1000]
    assert all(part.ctypes.data % PAGE == 0 and part.dtype == np.float32 for part in parts)
    grown = memory.scratch(1 << 20)
    grown[:] = 3
    assert memory.scratch(500).ctypes.data == memory.scratch(1 << 20).ctypes.data == grown.ctypes.data
