"""What is done to every number by itself, and sums over all: the fast kernels against their definition."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from nst.kernels import cpu, reference
from nst.kernels.cpu_elementwise import CHUNK
from tests.tolerances import assert_close

SIZES = [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 17]
PICTURES = [
    (1, 7, 9, 3),
    (2, 4, 5, 3),
    (1, 1, 6, 3),
    (1, 5, 1, 3),
    (1, 1, 1, 1),
    (3, 40, 70, 2),
    (0, 4, 4, 3),
]
MEAN, SCALE = np.array([103.939, 116.779, 123.68]), np.array([0.5, 1 / 57, 3])


def numbers(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, *shape)).astype(np.float32)


def wide(*arrays: np.ndarray) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in arrays]


@pytest.mark.parametrize("module", [cpu, reference])
@pytest.mark.parametrize("size", SIZES)
def test_inner_products_have_float64_digits(module, size):
    """The result is the exact sum of exact products to 1e-14 of the norms, although terms cancel."""
    a, b = numbers(2, size)
    exact = math.fsum(float(p) * float(q) for p, q in zip(a, b, strict=True))
    assert module.dot(a, b) == pytest.approx(exact, abs=1e-14 * math.sqrt(a @ a) * math.sqrt(b @ b))


@pytest.mark.parametrize("module", [cpu, reference])
def test_layout_and_place_in_memory_do_not_matter(module):
    """Strided, shaped, read-only and oddly aligned copies give the same bits, as resuming from a file needs."""
    a, b = numbers(2, 1, 40, 500, 3)
    expected = module.dot(a, b)
    assert module.dot(a, np.asfortranarray(b)) == expected
    for shift in range(1, 9):
        memory = np.empty(a.size + shift, np.float32)
        memory[shift:] = a.ravel()
        memory.flags.writeable = False
        assert module.dot(memory[shift:].reshape(a.shape), b) == expected


@pytest.mark.parametrize("size", SIZES)
def test_combining_is_the_reference(size):
    """x becomes scale x + factor other, in place, and its inner product with a third array is returned."""
    x, other, against = numbers(3, size)
    x64, *rest = wide(x, other, against)
    found = cpu.combine(x, 0.3, other, -2.5, against)
    reference.combine(x64, 0.3, rest[0], -2.5, rest[1])
    assert_close(x, x64)
    assert found == pytest.approx(reference.dot(*wide(x, against)), rel=1e-12, abs=1e-12)


def test_what_is_updated_in_place_has_no_gaps():
    """Writing through a copy would go unnoticed, so a strided array is refused."""
    x, other, against = numbers(3, 2, 6)
    with pytest.raises(ValueError, match="in place"):
        cpu.combine(x[:, ::2], 1, other[:, ::2], 1, against[:, ::2])
    with pytest.raises(ValueError, match="in place"):
        cpu.squared_overshoot(numbers(1, 4, 4)[0], -1, 1, 1, numbers(1, 4, 8)[0, :, ::2])


@pytest.mark.parametrize("size", SIZES)
def test_an_adam_step_is_the_reference(size):
    """The new x and both running means, which are updated in place, agree; x and the gradient stay."""
    x, gradient, m, v = numbers(4, size)
    v = np.square(v)
    arrays = wide(x, gradient, m, v)
    before = x.tobytes(), gradient.tobytes()
    how = 10.0, (0.9, 0.999), (1 - 0.9**3, 1 - 0.999**3), 1e-8
    new = cpu.adam_step(x, gradient, m, v, *how)
    expected = reference.adam_step(*arrays, *how)
    for fast, slow in ((new, expected), (m, arrays[2]), (v, arrays[3])):
        assert_close(fast, slow)
    assert (x.tobytes(), gradient.tobytes()) == before and new.dtype == np.float32


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(1, 6, 5, 3), (2, 3, 3), (0, 4, 4, 3), (3,)])
def test_preprocessing_is_the_reference(shape, reverse):
    """Forward and backward agree with the definition, for channels in either order."""
    (x,) = 100 * numbers(1, *shape)
    y = cpu.preprocess_forward(x, MEAN, SCALE, reverse)
    assert_close(y, reference.preprocess_forward(*wide(x), MEAN, SCALE, reverse), length=2)
    dx = cpu.preprocess_backward(x, SCALE, reverse)
    assert_close(dx, reference.preprocess_backward(*wide(x), SCALE, reverse))


@pytest.mark.parametrize("shape", [(0,), (5,), (3, CHUNK - 1), (1, 6, 5, 7)])
def test_the_squared_error_is_the_reference(shape):
    """Value and gradient agree; neither argument is changed."""
    x, target = numbers(2, *shape)
    value, gradient = cpu.squared_error(x, target, 0.7)
    expected, slope = reference.squared_error(*wide(x, target), 0.7)
    assert value == pytest.approx(expected, rel=1e-7)
    assert_close(gradient, slope)


@pytest.mark.parametrize("shape", PICTURES)
@pytest.mark.parametrize("name, more", [("total_variation", ()), ("squared_overshoot", (-0.5, 1.0))])
def test_losses_of_pixels_are_the_reference(name, more, shape):
    """Value and gradient agree for pictures of any shape; with `into` the gradient is added to what is there."""
    (x,) = numbers(1, *shape)
    value, gradient = getattr(cpu, name)(x, *more, 0.3)
    expected, slope = getattr(reference, name)(*wide(x), *more, 0.3)
    assert value == pytest.approx(expected, rel=1e-6)
    assert_close(gradient, slope, length=4)
    for module in (cpu, reference):
        there = np.full_like(x, 2)
        again, into = getattr(module, name)(x, *more, 0.3, there)
        assert into is there and again == pytest.approx(value, rel=1e-6)
        assert_close(into, slope + 2, length=4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_not_hidden(bad):
    """One pixel that is NaN or infinite makes every sum so, and no gradient hides it."""
    x = numbers(1, 1, 5, 6, 3)[0]
    other = x.copy()
    x[0, 2, 2, 1] = bad
    results = [cpu.total_variation(x), cpu.squared_overshoot(x, -1, 1), cpu.squared_error(x, other)]
    for value, gradient in results:
        assert not math.isfinite(value) and not np.isfinite(gradient[0, 2, 2, 1])
    assert not math.isfinite(cpu.dot(x, x))


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine has one core")
def test_the_number_of_threads_changes_no_byte():
    """One thread and two give the same bytes."""
    x, other, third = numbers(3, 1, 50, 301, 3)
    before, results = numba.get_num_threads(), []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            m, v = x.copy(), np.square(x)
            new = cpu.adam_step(x, other, m, v, 1.0, (0.9, 0.999), (0.1, 0.001), 1e-8)
            value, gradient = cpu.squared_error(x, other)
            y = cpu.preprocess_forward(x, MEAN, SCALE, True)
            q = x.copy()
            sums = [value, cpu.dot(x, other), cpu.combine(q, 0.1, other, 2.0, third)]
            of_pixels = [cpu.total_variation(x), cpu.squared_overshoot(x, -0.5, 1.0)]
            sums += [value for value, _ in of_pixels]
            written = new, m, v, gradient, y, q, *(slope for _, slope in of_pixels)
            results.append((sums, *(array.tobytes() for array in written)))
    finally:
        numba.set_num_threads(before)
    assert results[0] == results[1]
