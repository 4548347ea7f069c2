"""Arrays on the card: what NumPy's operators mean for them, and the memory that they lie in."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from nst import kernels
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import KERNELS, DeviceMemoryError, Kernel, pool
from nst.optimizers.dot import finite, largest
from nst.optimizers.step import sealed

SHAPES = ((1, 5, 7, 3), (3,), (2, 3), (0, 4))


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(shape):
    """What is put on the card comes back as it was, and is an array of its own there."""
    x = random(*shape)
    on_card = put(x)
    expected = x.copy()
    x += 1
    assert isinstance(on_card, DeviceArray) and (on_card.shape, on_card.dtype) == (x.shape, x.dtype)
    assert np.array_equal(to_host(on_card), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "formula",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: 2.5 * a - 1,
        lambda a, b: 1 - a / 3,
        lambda a, b: np.float64(0.5) * a + 0,
        lambda a, b: -a,
        lambda a, b: np.negative(a, order="C"),
        lambda a, b: np.add(a, b, out=a),
        lambda a, b: sum([np.float64(0.25) * a, np.float64(0.75) * b]),
        lambda a, b: np.zeros_like(a, order="C"),
        lambda a, b: a.astype(np.float32, order="C", copy=False).copy(order="C"),
        lambda a, b: a.reshape(-1),
        lambda a, b: a[None],
    ],
)
def test_formulas_mean_what_they_mean_to_numpy(shape, formula):
    """The same lines give the same numbers, in the same shape and dtype."""
    a, b = random(*shape), random(*shape, seed=1)
    found = to_host(formula(put(a), put(b)))
    expected = formula(a, b)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-7)


def test_in_place():
    """In-place operators write into the array's own numbers, which views share."""
    x = put(random(2, 3))
    view = x.reshape(6)
    x += x
    x /= 4
    x -= x
    assert not to_host(view).any()


def test_cuts_of_pixels():
    """A box of pixels is cut out, put in, and added to as in NumPy."""
    x, y = random(2, 6, 5, 3), random(2, 3, 2, 3, seed=1)
    on_card = put(x)
    box = (slice(None), slice(1, 4), slice(3, 5))
    assert np.array_equal(to_host(on_card[box]), x[box])
    assert np.array_equal(to_host(on_card[:, 2:]), x[:, 2:])
    on_card[box] += put(y)
    x[box] += y
    assert np.array_equal(to_host(on_card), x)


def test_equality_and_extremes():
    """Largest magnitude, equality and finiteness are found on the card, NaN and infinities included."""
    x = random(1, 9, 7, 3)
    on_card = put(x)
    assert largest(on_card) == largest(x) and finite(on_card)
    assert np.array_equal(on_card, on_card.copy()) and not np.array_equal(on_card, 2 * on_card)
    assert not np.array_equal(on_card, on_card.reshape(9, 7, 3))
    for bad in (np.nan, np.inf):
        x[0, 4, 2, 1] = bad
        assert not finite(put(x))
    assert np.isnan(largest(put(np.array([1, np.nan, 2], np.float32))))
    assert largest(put(np.zeros((0,), np.float32))) == 0


def test_what_would_travel_unseen_is_refused():
    """Neither NumPy's other functions nor arrays of the host take part: nothing is copied behind one's back."""
    x = put(random(2, 3))
    for refused in (
        lambda: np.asarray(x),
        lambda: x * x,
        lambda: x + random(2, 3),
        lambda: np.exp(x),
        lambda: x[0],
        lambda: put(np.zeros(3, np.uint8)).fill(1),
        lambda: np.zeros_like(put(np.zeros((1, 2, 2, 1), np.uint8))),
    ):
        with pytest.raises(TypeError):
            refused()
    with pytest.raises(ValueError, match="differ"):
        x + put(random(3, 2))


def test_what_is_sealed_is_for_reading():
    """A sealed array cannot be written into, and the one that it is a view of can."""
    x = put(random(1, 2, 2, 3))
    view = sealed(x)
    with pytest.raises(ValueError, match="reading"):
        view += 1
    with pytest.raises(ValueError, match="reading"):
        view[:, :1] += put(random(1, 1, 2, 3))
    x += 1
    assert np.array_equal(to_host(view), to_host(x))


def test_which_kernels():
    """An array on the card is computed with by the kernels of the card, others by those of the host."""
    from nst.kernels import cpu, cuda, reference

    x = random(2, 3)
    assert kernels.of(put(x)) is cuda
    assert kernels.of(x) is cpu and kernels.of(x.astype(np.float64)) is reference
    assert isinstance(kernels.beside(x, put(x)), DeviceArray) and kernels.beside(x, x) is x


def test_every_function_that_the_card_has_is_one_of_the_definition():
    """The card's kernels have the names of the definition's, but for what concerns the card itself."""
    from nst.kernels import cuda, reference

    own = {"bound", "lacks", "memory_info", "name", "pool", "put", "synchronize", "to_host"}
    assert set(cuda.__all__) - own <= set(reference.__all__) and own <= set(cuda.__all__)


def test_memory_is_lent_again():
    """What nobody knows any more serves the next of about its size; nothing else is lent twice."""
    gc.collect()
    pool.release()
    before = pool.held
    first = DeviceArray((100, 100))
    data = first.data
    del first
    second, third = DeviceArray((99, 100)), DeviceArray((100, 100))
    assert pool.held - before == 2 * 40_448  # bytes, in whole grains
    second.fill(1)
    third.fill(2)
    assert to_host(second).max() == 1 and data is not third.data
    del second, third
    pool.release()
    assert pool.held == before


def test_out_of_memory():
    """Beyond the bound there is an error with both amounts; memory that waits to be lent again is given up first."""
    gc.collect()
    pool.release()
    pool.limit = pool.held + 1_000_000
    kept = DeviceArray((100_000,))
    for size in (100_000, 120_000, 140_000):
        DeviceArray((size,))
    with pytest.raises(DeviceMemoryError, match=r"1 MB more do not fit on the card: .* of \d+ MB are in use"):
        DeviceArray((200_000,))
    assert kept.size


class Full(Exception):
    """As CUDA says it."""

    def __str__(self) -> str:
        return "CUDA_ERROR_OUT_OF_MEMORY: The API call failed because it was unable to allocate enough memory"


class Failing:
    """A compiled kernel whose first launches fail."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.done = times, error, []

    def __getitem__(self, how: tuple):
        def launch(*arguments):
            self.times -= 1
            if self.times >= 0:
                raise self.error
            self.done.append((how[:2], arguments))

        return launch


def test_a_launch_that_finds_no_room():
    """It gives back what is kept for others and tries once more; if that is not enough it says so."""
    kernel = Kernel(lambda x: None, "void(f4)")
    kernel.compiled = Failing(1, Full())
    put(random(3, 1000, 1000))
    pool.collect()
    assert pool.held > pool.used
    kernel[2, 4](1.0)
    assert kernel.compiled.done == [((2, 4), (1.0,))] and pool.held == pool.used
    kernel.compiled = Failing(2, Full())
    with pytest.raises(DeviceMemoryError, match="no room"):
        kernel[2, 4](1.0)


def test_another_error_of_a_launch_stays_what_it_is():
    """Only memory that is used up is worth a second try."""
    kernel = Kernel(lambda x: None, "void(f4)")
    kernel.compiled = Failing(1, ValueError("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"))
    with pytest.raises(ValueError):
        kernel[2, 4](1.0)


@pytest.mark.parametrize("shift, of_bytes", [("much", False), (0.0, True)])
def test_arguments_that_were_not_promised_are_noticed(shift, of_bytes):
    """A card would read the bytes of any argument as what the signature says; in these tests that fails."""
    x, bytes_ = put(random(2, 3)), DeviceArray((2, 3), np.uint8)
    source = bytes_ if of_bytes else x
    with pytest.raises(AssertionError, match="of affine"):
        KERNELS["nst.kernels.cuda_arithmetic.affine"].over(6, source.data, 1.0, shift, x.data, 6)
