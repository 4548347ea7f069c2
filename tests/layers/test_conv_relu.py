"""Convolution, ReLU and pooling as one layer: the same numbers as the layers one by one."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import AvgPool2d, Conv2d, ConvReLU, MaxPool2d, ReLU
from tests.tolerances import assert_close

RNG = np.random.default_rng(7)
WEIGHT, BIAS = RNG.standard_normal((3, 3, 16, 24)), RNG.standard_normal(24)
X = RNG.standard_normal((2, 13, 10, 16))
POOLS = {None: None, "max": MaxPool2d(), "avg": AvgPool2d()}

every_pool = pytest.mark.parametrize("pool", POOLS)
every_padding = pytest.mark.parametrize("mode", ["zero", "reflect", "replicate"])


def one_by_one(layers, x, dy=None):
    """Return the output of layers in a row and the gradient of the input; `dy` is random unless given."""
    tape = []
    for layer in layers:
        x, saved = layer.forward(x)
        tape.append((layer, saved))
    dx = np.random.default_rng(1).standard_normal(x.shape).astype(x.dtype) if dy is None else dy
    for layer, saved in reversed(tape):
        dx = layer.backward(dx, saved)
    return x, dx


def both(mode="zero", pool=None, **options):
    """Return the fused layer, and the layers that it consists of."""
    conv = Conv2d(WEIGHT, BIAS, padding=1, padding_mode=mode, **options)
    return ConvReLU(conv, pool=pool), [conv, ReLU()] + ([POOLS[pool]] if pool else [])


@every_pool
@every_padding
def test_the_same_numbers_as_one_by_one(mode, pool):
    """In float64, outputs and gradients are equal to the last bit; a last odd row is left out alike."""
    layer, alone = both(mode, pool)
    for found, expected in zip(one_by_one([layer], X), one_by_one(alone, X), strict=True):
        np.testing.assert_array_equal(found, expected)


@every_pool
@every_padding
def test_float32_is_as_close_as_rounding_allows(mode, pool):
    """The fast kernels agree with the layers one by one in float64, at the places where both have the same kinks."""
    layer, alone = both(mode, pool)
    y, _ = one_by_one([layer.astype(np.float32)], X.astype(np.float32))
    assert_close(y, one_by_one(alone, X)[0], length=9 * 16, dtype=np.float32)


@every_padding
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_pool
def test_the_gradient_is_added_where_it_is_asked_to(mode, pool, dtype):
    """With `into`, that very array comes back, holding what it held plus the gradient."""
    layer = both(mode, pool)[0].astype(dtype)
    x = X.astype(dtype)
    y, saved = layer.forward(x)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    held = np.random.default_rng(3).standard_normal(x.shape).astype(dtype)
    into = held.copy()
    dx = layer.backward(dy, saved)
    assert layer.backward(dy, saved, into=into) is into
    assert_close(into, held + dx, length=2)


def test_one_bit_of_information_for_each_number():
    """Pooled, one byte is kept for each window of four; unpooled, nothing but the output itself."""
    y, (shape, kept) = both(pool="max")[0].forward(X)
    assert shape == X.shape and kept.dtype == np.uint8 and kept.shape == y.shape
    y, (_, kept) = both()[0].forward(X)
    assert kept is y


def test_without_relu_it_is_the_convolution():
    """Alone it keeps no array and gives what the convolution gives, both ways."""
    conv = Conv2d(WEIGHT, BIAS, stride=2, padding=1)
    layer = ConvReLU(conv, relu=False)
    assert layer.forward(X)[1] == (X.shape, None)
    for found, expected in zip(one_by_one([layer], X), one_by_one([conv], X), strict=True):
        np.testing.assert_array_equal(found, expected)


@every_pool
def test_a_tie_goes_to_the_first_and_the_kink_to_nobody(pool):
    """On a picture of equal pixels the first of each window wins; where the convolution gives 0 nothing passes."""
    conv = Conv2d(np.ones((1, 1, 1, 2)), np.array([1.0, -1.0]))
    layers = [ConvReLU(conv, pool=pool)], [conv, ReLU()] + ([POOLS[pool]] if pool else [])
    x = np.ones((1, 4, 4, 1))
    dx = [one_by_one(group, x)[1] for group in layers]
    np.testing.assert_array_equal(*dx)
    assert (dx[0] != 0).sum() == (4 if pool == "max" else 16)


def test_a_pool_without_relu_is_refused():
    """The kernels have no such thing, nor a pooling of another name."""
    conv = Conv2d(WEIGHT, BIAS)
    for wrong in ({"relu": False, "pool": "max"}, {"pool": "min"}):
        with pytest.raises(ValueError, match="after a ReLU"):
            ConvReLU(conv, **wrong)


def test_a_picture_too_small_to_pool_is_an_error():
    """As the pooling alone would say it."""
    with pytest.raises(NstError, match="2x2 does not fit into an input of 1x5"):
        both(pool="max")[0].forward(X[:, :1, :5])


@every_pool
def test_its_window_is_that_of_its_layers(pool):
    """What one output looks at through the convolution and the pooling."""
    layer, alone = both(pool=pool)
    expected = alone[0].window()
    for following in alone[2:]:
        expected = expected.then(following.window())
    assert layer.window() == expected


def test_prepared_weights_are_made_once_and_not_shared_with_another_dtype():
    """The second call finds what the first has made; a layer of another dtype makes its own."""
    layer = both()[0].astype(np.float32)
    layer.forward(X.astype(np.float32))
    (made,) = layer._filters.values()
    layer.forward(X.astype(np.float32))
    assert next(iter(layer._filters.values())) is made
    assert layer.astype(np.float64)._filters == {}
    assert copy.deepcopy(layer).forward(X)[0].dtype == np.float64
