"""The kernels of the card against the definition, at sizes that are no multiples of anything."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

from nst.kernels import cuda, reference
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import pool
from nst.kernels.cuda_later import SLOTS, Later, ledger
from nst.layers.window import window_count

RNG = np.random.default_rng(3)
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
WINDOWS = (
    ((2, 2), (2, 2), ((0, 0), (0, 0))),
    ((3, 3), (2, 2), ((1, 1), (1, 1))),
    ((3, 2), (1, 2), ((1, 0), (0, 1))),
    ((2, 3), (3, 1), ((0, 1), (1, 1))),
)
PADDINGS = (((1, 1), (1, 1)), ((2, 0), (1, 3)), ((0, 0), (0, 2)))


def random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def on_card(argument: object) -> object:
    return put(argument) if isinstance(argument, np.ndarray) else argument


def agree(name: str, *arguments: object, host: tuple[int, ...] = (), **close: float) -> None:
    """Compare a function of the card with the definition's, in float64; arguments in `host` stay with the host."""
    wide = [
        a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype == np.float32 else a for a in arguments
    ]
    expected = getattr(reference, name)(*wide)
    given = [a if i in host else on_card(a) for i, a in enumerate(arguments)]
    before = [to_host(a) if isinstance(a, DeviceArray) else a for a in given]
    found = getattr(cuda, name)(*given)
    several = isinstance(expected, tuple)
    for one, other in zip(found if several else (found,), expected if several else (expected,), strict=True):
        if isinstance(one, DeviceArray):
            assert one.shape == other.shape
            one = to_host(one)
        elif isinstance(one, Later):
            one = float(one)
        np.testing.assert_allclose(one, other, **(close or CLOSE))
    for one, other in zip(given, before, strict=True):
        if isinstance(one, DeviceArray):
            assert np.array_equal(to_host(one), other), "an argument was changed"


@pytest.mark.parametrize("shape", [(1, 5, 7, 3), (1, 1, 1, 3), (2, 4, 3, 5), (1, 1, 4, 1)])
def test_losses_of_numbers(shape):
    """Squared error, overshoot and total variation, value and gradient."""
    x = 3 * random(*shape)
    agree("squared_error", x, random(*shape), 0.25)
    agree("squared_overshoot", x, -1.0, 2.0, 0.5)
    agree("total_variation", x, 0.75)


@pytest.mark.parametrize("name", ["squared_overshoot", "total_variation"])
def test_losses_of_pixels_add_to_a_gradient(name):
    """With `into` the gradient is added there, and that array is returned."""
    x, into = 3 * random(1, 4, 5, 3), random(1, 4, 5, 3)
    arguments = (-1.0, 2.0, 0.5) if name == "squared_overshoot" else (0.5,)
    given = put(into)
    value, gradient = getattr(cuda, name)(put(x), *arguments, given)
    expected, pull = getattr(reference, name)(x.astype(np.float64), *arguments)
    assert gradient is given and float(value) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(to_host(gradient), into + pull, **CLOSE)


def test_sums_are_as_exact_as_in_float64():
    """An inner product whose terms cancel to a millionth keeps its digits, and is the same each time."""
    a, b = random(4097), random(4097)
    b[-1] = -np.dot(a[:-1].astype(np.float64), b[:-1]) / a[-1]
    exact = math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    size = np.abs(a * b).sum()
    found = [float(cuda.dot(put(a), put(b))) for _ in range(2)]
    assert found[0] == found[1]
    assert abs(found[0] - exact) < 1e-8 * size  # the simulator's fma rounds its product; the card's does not
    assert cuda.dot(put(a[:0]), put(b[:0])) == 0


def test_combine_updates_in_place():
    """x becomes scale x + factor other, and its product with a third array is returned."""
    x, other, against = random(1, 3, 7, 3), random(1, 3, 7, 3), random(1, 3, 7, 3)
    moved = put(x)
    product = cuda.combine(moved, 0.5, put(other), -2.0, put(against))
    expected = 0.5 * x - 2 * other
    np.testing.assert_allclose(to_host(moved), expected, **CLOSE)
    assert float(product) == pytest.approx(reference.dot(expected, against), rel=1e-5)


def test_sums_wait_for_one_another():
    """Formulas of sums that nobody has seen mean what they mean to floats; the first that is wanted brings all."""
    a, b = random(1, 3, 7, 3), random(1, 3, 7, 3)
    first, second = cuda.dot(put(a), put(b)), cuda.dot(put(b), put(b))
    one, other = reference.dot(a, b), reference.dot(b, b)
    formula = sum([np.float64(0.5) * first, -second / 3, first - second, 0 + second - 1])
    assert len(ledger().open) == 2
    assert float(formula) == pytest.approx(0.5 * one - other / 3 + one - 1, rel=1e-6)
    assert not ledger().open
    assert float(second + first * 2) == pytest.approx(other + 2 * one, rel=1e-6)
    with pytest.raises(TypeError):
        first * second


def test_more_sums_than_there_is_room_for():
    """A full ledger is fetched, and what was in it keeps its values."""
    a = random(5)
    found = [cuda.dot(put(a), put(number * a)) for number in range(SLOTS + 3)]
    size = reference.dot(a, a)
    assert list(map(float, found)) == pytest.approx([number * size for number in range(SLOTS + 3)], rel=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_combine_with_factors_that_are_only_on_the_card(full):
    """Of up to two sums that nobody has seen the factor is made there; the last place of the ledger is no trap."""
    x, other = random(1, 3, 7, 3), random(1, 3, 7, 3)
    float(cuda.dot(put(x), put(x)))  # so that the ledger is empty
    if full:
        open_sums = [cuda.dot(put(x), put(x)) for _ in range(SLOTS - 2)]
    first, second = cuda.dot(put(x), put(other)), cuda.dot(put(other), put(other))
    moved = put(x)
    product = cuda.combine(moved, 0.5, put(other), 0.25 * first - second / 8 + 1, put(other))
    assert len(ledger().open) == (1 if full else 3)
    factor = 0.25 * reference.dot(x, other) - reference.dot(other, other) / 8 + 1
    expected = 0.5 * x + factor * other
    np.testing.assert_allclose(to_host(moved), expected, rtol=2e-5, atol=1e-5)
    assert float(product) == pytest.approx(reference.dot(expected, other), rel=1e-5)
    assert not full or float(open_sums[0]) == pytest.approx(reference.dot(x, x), rel=1e-6)


def test_adam():
    """One pass moves the picture and both running means."""
    x, gradient, m, v = random(1, 3, 5, 3), random(1, 3, 5, 3), random(1, 3, 5, 3), random(1, 3, 5, 3) ** 2
    how = 10.0, (0.9, 0.999), (0.1, 0.001), 1e-8
    on_m, on_v = put(m), put(v)
    found = cuda.adam_step(put(x), put(gradient), on_m, on_v, *how)
    expected = reference.adam_step(x, gradient, m, v, *how)  # which moves m and v
    for one, other in ((found, expected), (on_m, m), (on_v, v)):
        np.testing.assert_allclose(to_host(one), other, **CLOSE)


@pytest.mark.parametrize("reverse", [False, True])
def test_preprocessing(reverse):
    """Channels are shifted, scaled and put in order, and back."""
    mean, scale = np.array([100.0, 110.0, 120.0]), np.array([1.0, 0.5, 0.25])
    agree("preprocess_forward", 128 + 50 * random(1, 3, 5, 3), mean, scale, reverse, host=(1, 2))
    agree("preprocess_backward", random(1, 3, 5, 3), scale, reverse, host=(1,))


def test_relu():
    """max(x, 0) and its mask; a NaN stays one."""
    x = random(3, 5)
    x[0, 0], x[1, 1] = 0, np.nan
    y, mask = cuda.relu_forward(put(x))
    expected, on = reference.relu_forward(x)
    assert np.array_equal(to_host(y), expected, equal_nan=True) and np.array_equal(to_host(mask), on)
    dy = random(3, 5)
    assert np.array_equal(to_host(cuda.relu_backward(put(dy), mask)), reference.relu_backward(dy, on))


@pytest.mark.parametrize("size, stride, padding", WINDOWS)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling(size, stride, padding, ceil_mode):
    """Maxima and means, overlapping, padded, hanging over the far edge, and their gradients."""
    x = random(2, 5, 6, 3)
    x[0, :2, :2, 0] = 1  # ties
    out = window_count(x.shape, size, stride, padding, ceil_mode=ceil_mode)
    windows = size, stride, padding
    agree("max_pool_forward", x, *windows, out)
    dy, (_, argmax) = random(2, *out, 3), reference.max_pool_forward(x, *windows, out)
    agree("max_pool_backward", dy, argmax.astype(np.uint8), x.shape, *windows)
    for include in (False, True):
        agree("avg_pool_forward", x, *windows, out, include)
        agree("avg_pool_backward", dy, x.shape, *windows, include)


def test_a_maximum_of_what_is_no_number():
    """A NaN is its window's maximum; where all numbers are -inf, the first wins."""
    x = np.full((1, 2, 4, 1), -np.inf, np.float32)
    x[0, 1, 1, 0] = np.nan
    how = (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 2)
    y, argmax = cuda.max_pool_forward(put(x), *how)
    assert np.isnan(to_host(y)[0, 0, 0, 0]) and to_host(y)[0, 0, 1, 0] == -np.inf
    assert to_host(argmax).ravel().tolist() == [3, 0]


@pytest.mark.parametrize("shape", [(1, 77, 5), (3, 4, 2), (2, 1, 3)])
def test_normalisation(shape):
    """Moments, normalising and its gradient, for groups of places and for places far from zero."""
    gc.collect()
    pool.release()  # so that memory which is given back too early is at once another's
    x, dy = 50 + 3 * random(*shape), random(*shape)
    gamma, beta = random(shape[2]), random(shape[2])
    agree("moments", x, rtol=1e-5, atol=1e-5)
    mu, variance = reference.moments(x)
    inv_sigma = (1 / np.sqrt(variance + 1e-3)).astype(np.float32)
    agree("normalise", x, mu, inv_sigma, gamma, beta, host=(1, 2, 3, 4), rtol=1e-4, atol=1e-4)
    agree("normalise", x, mu, inv_sigma, host=(1, 2), rtol=1e-4, atol=1e-4)
    agree("normalise_sums", dy, x, mu, inv_sigma, host=(2, 3), rtol=1e-4, atol=1e-4)
    sums = reference.normalise_sums(dy, x, mu, inv_sigma)
    agree("normalise_backward", dy, x, mu, inv_sigma, gamma, sums, host=(2, 3, 4, 5), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mode", ["zero", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", PADDINGS)
def test_borders(mode, padding):
    """Each mode draws what the definition draws, and its gradient folds back."""
    agree("pad_forward", random(2, 4, 5, 3), padding, mode)
    agree("pad_backward", random(2, 4 + sum(padding[0]), 5 + sum(padding[1]), 3), padding, mode)


def test_ranks():
    """Values get the quantiles of their ranks."""
    agree("by_rank", random(12, 3), np.sort(random(3, 7), axis=1), host=(1,))
