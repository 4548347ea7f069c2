"""Convolutions on a card, or in numba's simulator, where tiles are tiny: every size is cut somewhere within them."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import reference
from nst.kernels.cuda_array import put, to_host
from nst.kernels.cuda_choice import set_precision
from nst.kernels.cuda_convolution import (
    conv2d_backward_input,
    conv2d_backward_weights,
    conv2d_forward,
    conv2d_relu_backward_input,
    conv2d_relu_forward,
    prepare,
)
from tests.cuda.precisions import ROUNDED, on_this_card
from tests.tolerances import assert_close

ONE = ((1, 1), (1, 1))
NONE = ((0, 0), (0, 0))

LAYERS = [  # image (N, H, W), channels in -> out, kernel, stride, padding, groups
    ((1, 5, 7), 3, 20, 3, 1, ONE, 1),  # VGG's first: channels one by one
    ((2, 5, 4), 4, 6, 3, 1, ONE, 1),  # windows of two pictures in a tile
    ((1, 7, 6), 8, 36, 3, 2, ONE, 1),  # several tiles, and a gradient in four parts
    ((1, 9, 10), 3, 5, 5, 3, ((1, 2), (0, 1)), 1),
    ((1, 6, 7), 6, 10, 2, 3, NONE, 2),  # pixels that no window sees
    ((1, 5, 4), 8, 8, 1, 1, NONE, 2),
]


def layer(case):
    """Return x, weight, bias, dy and the arguments that follow the weight."""
    shape, c_in, c_out, k, stride, padding, groups = case
    rng = np.random.default_rng(5)
    x = rng.standard_normal((*shape, c_in)).astype(np.float32)
    weight = rng.standard_normal((k, k, c_in // groups, c_out)).astype(np.float32)
    bias = rng.standard_normal(c_out).astype(np.float32)
    how = (stride, stride), padding, groups
    dy = rng.standard_normal(reference.Filters(weight, *how).output_shape(x.shape)).astype(np.float32)
    return x, weight, bias, dy, how


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_plain_convolution_is_the_reference(case):
    """Forward, and backward to the input and to the weights, whatever is cut where."""
    x, weight, bias, dy, how = layer(case)
    y = conv2d_forward(put(x), put(weight), put(bias), *how)
    terms = weight[..., 0].size
    assert_close(to_host(y), reference.conv2d_forward(x, weight, bias, *how), length=terms)
    dx = conv2d_backward_input(put(dy), put(weight), x.shape, *how)
    expected = reference.conv2d_backward_input(dy, weight, x.shape, *how)
    assert_close(to_host(dx), expected, length=weight[:, :, 0].size)
    dw = conv2d_backward_weights(put(dy), put(x), weight.shape, *how)
    expected = reference.conv2d_backward_weights(dy, x, weight.shape, *how)
    assert_close(to_host(dw), expected, length=dy[..., 0].size)


@pytest.mark.parametrize("pool", [None, "max", "avg"])
@pytest.mark.parametrize("case", LAYERS[:3], ids=str)
def test_relu_and_pooling_within_the_convolution(case, pool):
    """The same results, and gradients that pass where they do in the definition, added to those of others."""
    x, weight, bias, _, how = layer(case)
    ours, theirs = prepare(weight, *how), reference.prepare(weight, *how)
    y, kept = conv2d_relu_forward(put(x), ours, put(bias), pool)
    expected, expected_kept = reference.conv2d_relu_forward(x, theirs, bias, pool)
    assert_close(to_host(y), expected, length=weight[..., 0].size)
    if pool:
        np.testing.assert_array_equal(to_host(kept), expected_kept)
    rng = np.random.default_rng(6)
    dy, before = rng.standard_normal(expected.shape, np.float32), rng.standard_normal(x.shape, np.float32)
    into = put(before)
    found = conv2d_relu_backward_input(put(dy), kept, ours, x.shape, pool, into=into)
    assert found is into
    expected = before + reference.conv2d_relu_backward_input(dy, expected_kept, theirs, x.shape, pool)
    assert_close(to_host(into), expected, length=weight[:, :, 0].size)


@pytest.mark.parametrize("pool", [None, "max"])
def test_what_is_no_number_stays_so(pool):
    """A NaN in the picture is one wherever a window sees it, after ReLU and the maximum as well."""
    x, weight, bias, _, how = layer(LAYERS[1])
    x[0, 1, 2, 0] = np.nan
    y, kept = conv2d_relu_forward(put(x), prepare(weight, *how), put(bias), pool)
    expected, expected_kept = reference.conv2d_relu_forward(x, reference.prepare(weight, *how), bias, pool)
    np.testing.assert_array_equal(np.isnan(to_host(y)), np.isnan(expected))
    if pool:
        np.testing.assert_array_equal(to_host(kept), expected_kept)


@pytest.fixture(params=["tf32", "bf16"])
def precision(request):
    """Tensor cores, as long as the test runs."""
    on_this_card(request.param)
    set_precision(request.param)
    return request.param


TENSOR = [((1, 5, 6), 4, 20, 3, 1, ONE, 1), ((2, 3, 4), 16, 24, 1, 1, NONE, 1)]


@pytest.mark.parametrize("case", TENSOR, ids=str)
def test_tensor_cores_round_factors_and_nothing_else(precision, case):
    """The result is that of the rounded picture and weights, summed in float32; so each number goes where it belongs.

    The stated error of the precision follows: a factor is off by at most half a unit in its last place.
    """
    x, weight, bias, dy, how = layer(case)
    rounded = ROUNDED[precision]
    y, _ = conv2d_relu_forward(put(x), prepare(weight, *how), put(bias), "max")
    exact, _ = reference.conv2d_relu_forward(
        rounded(x), reference.prepare(rounded(weight), *how), bias, "max"
    )
    terms = weight[..., 0].size
    assert_close(to_host(y), exact, length=terms)
    dw = conv2d_backward_weights(put(dy), put(x), weight.shape, *how)
    expected = reference.conv2d_backward_weights(rounded(dy), rounded(x), weight.shape, *how)
    assert_close(to_host(dw), expected, length=dy[..., 0].size)


def test_rounding_is_to_the_nearest():
    """TF32 keeps 10 binary places and rounds halves away from 0; bfloat16 keeps 7, and rounds them to even."""
    one, tf, bf = np.float32(1), np.float32(2**-10), np.float32(2**-7)
    numbers = np.array([one + tf / 2, -one - tf / 2, one + tf * 0.49, 3, np.inf], np.float32)
    np.testing.assert_array_equal(ROUNDED["tf32"](numbers), [one + tf, -one - tf, 1, 3, np.inf])
    numbers = np.array([one + bf / 2, one + bf * 1.5, -one - bf * 0.51, 3, -np.inf], np.float32)
    np.testing.assert_array_equal(ROUNDED["bf16"](numbers), [1, one + 2 * bf, -one - bf, 3, -np.inf])
    assert np.isnan(ROUNDED["bf16"](np.float32(np.nan))) and np.isnan(ROUNDED["tf32"](np.float32(np.nan)))


def test_shapes_are_checked():
    """An array of another shape is refused: a kernel would read beyond its end."""
    x, weight, bias, dy, how = layer(LAYERS[1])
    filters = prepare(weight, *how)
    with pytest.raises(ValueError, match="x has the shape"):
        conv2d_relu_forward(put(x[..., :3]), filters, put(bias))
    with pytest.raises(ValueError, match="bias has the shape"):
        conv2d_relu_forward(put(x), filters, put(bias[1:]))
    with pytest.raises(ValueError, match="dy has the shape"):
        conv2d_relu_backward_input(put(dy[:, 1:]), None, filters, x.shape, relu=False)
    with pytest.raises(ValueError, match="kept has the shape"):
        conv2d_relu_backward_input(put(dy), put(dy[:, 1:]), filters, x.shape)


def test_no_pictures_and_no_windows():
    """Of no pictures the result is empty; a picture of one row has no windows to pool."""
    _, weight, bias, _, how = layer(LAYERS[1])
    filters = prepare(weight, *how)
    assert conv2d_relu_forward(put(np.zeros((0, 5, 4, 4), np.float32)), filters, put(bias))[0].shape == (
        0,
        5,
        4,
        6,
    )
    y, kept = conv2d_relu_forward(put(np.zeros((1, 1, 4, 4), np.float32)), filters, put(bias), "max")
    assert y.shape == kept.shape == (1, 0, 2, 6)
