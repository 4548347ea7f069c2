"""Convolution, ReLU and pooling as one function: the definition against its parts, the fast kernels against it."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cpu, reference
from nst.layers import AvgPool2d, MaxPool2d, ReLU
from tests.tolerances import assert_close

NONE = ((0, 0), (0, 0))
ONE = ((1, 1), (1, 1))

CASES = [  # batch, image (H, W), channels in -> out, kernel, stride, padding, groups
    (1, (8, 10), 3, 64, (3, 3), (1, 1), ONE, 1),
    (1, (7, 9), 64, 70, (3, 3), (1, 1), ONE, 1),  # odd sizes: pooling leaves a row and a column out
    (2, (13, 6), 20, 33, (3, 3), (1, 1), NONE, 1),
    (2, (4, 5), 40, 24, (1, 1), (1, 1), NONE, 1),
    (1, (11, 12), 8, 12, (5, 5), (1, 1), ((2, 2), (2, 2)), 2),
    (1, (13, 14), 3, 5, (7, 7), (2, 2), ((3, 3), (3, 3)), 1),
    (1, (2, 3), 30, 30, (3, 3), (1, 1), ONE, 1),
    (0, (4, 4), 3, 8, (3, 3), (1, 1), ONE, 1),
]
WAYS = [("max", True), ("avg", True), (None, True), (None, False)]


def arrays(case, dtype=np.float64):
    """Return x, weight, bias and the arguments of `prepare` that follow the weight."""
    batch, hw, c_in, c_out, kernel, stride, padding, groups = case
    rng = np.random.default_rng(3)
    x = rng.standard_normal((batch, *hw, c_in)).astype(dtype)
    weight = rng.standard_normal((*kernel, c_in // groups, c_out)).astype(dtype)
    return x, weight, rng.standard_normal(c_out).astype(dtype), (stride, padding, groups)


@pytest.mark.parametrize("pool, relu", WAYS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_fused_definition_is_its_parts(case, pool, relu):
    """Forward and backward are those of the convolution, the ReLU layer and the pooling layer in a row, exactly."""
    x, weight, bias, how = arrays(case)
    y = reference.conv2d_forward(x, weight, bias, *how)
    layers = [ReLU()] * relu + ([{"max": MaxPool2d, "avg": AvgPool2d}[pool](2)] if pool else [])
    saved = []
    expected = y
    for layer in layers:
        expected, kept = layer.forward(expected)
        saved.append(kept)
    dy = np.random.default_rng(8).standard_normal(expected.shape)
    gradient = dy
    for layer, kept in zip(reversed(layers), reversed(saved), strict=True):
        gradient = layer.backward(gradient, kept)
    dx = reference.conv2d_backward_input(gradient, weight, x.shape, *how)

    filters = reference.prepare(weight, *how)
    found, kept = reference.conv2d_relu_forward(x, filters, bias, pool, relu)
    np.testing.assert_array_equal(found, expected)
    assert kept is None if not relu else kept.dtype == np.uint8 if pool else kept is found
    found = reference.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool, relu)
    np.testing.assert_array_equal(found, dx)
    into = np.ones_like(x)
    assert reference.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool, relu, into=into) is into
    np.testing.assert_array_equal(into, 1 + dx)


@pytest.mark.parametrize("pool, relu", WAYS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_fast_fused_kernels_are_the_definition(case, pool, relu):
    """Given the same mask, both passes agree with float64 to float32's precision, and `into` is added to."""
    x, weight, bias, how = arrays(case, np.float32)
    x64, weight64, bias64, _ = arrays(case)
    inputs, outputs = weight[..., 0].size, weight[:, :, 0].size // how[2]
    filters, filters64 = cpu.prepare(weight, *how), reference.prepare(weight64, *how)

    y, kept = cpu.conv2d_relu_forward(x, filters, bias, pool, relu)
    expected, _ = reference.conv2d_relu_forward(x64, filters64, bias64, pool, relu)
    assert_close(y, expected, length=inputs)
    assert kept is None if not relu else kept.dtype == np.uint8 if pool else kept is y

    dy = np.random.default_rng(8).standard_normal(y.shape, np.float32)
    dx = cpu.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool, relu)
    expected = reference.conv2d_relu_backward_input(
        dy.astype(np.float64), kept, filters64, x.shape, pool, relu
    )
    assert_close(dx, expected, length=outputs)
    into = np.full_like(x, 3)
    assert cpu.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool, relu, into=into) is into
    assert_close(into, 3 + expected, length=outputs)
    assert y.dtype == dx.dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pool", [None, "max", "avg"])
@pytest.mark.parametrize("channels", [3, 16])  # directly and by Winograd's method
def test_what_is_no_number_is_not_hidden(channels, pool, bad):
    """Where the definition has a NaN or an infinity, the fast kernels have no finite number, pooled or not."""
    x, weight, bias, how = arrays((1, (14, 13), channels, 16, (3, 3), (1, 1), ONE, 1), np.float32)
    x[0, 6, 5, 1] = bad
    with np.errstate(invalid="ignore"):
        expected, _ = reference.conv2d_relu_forward(x, reference.prepare(weight, *how), bias, pool)
    y, _ = cpu.conv2d_relu_forward(x, cpu.prepare(weight, *how), bias, pool)
    assert not np.isfinite(expected).all() and not np.isfinite(y[~np.isfinite(expected)]).any()
    assert np.isfinite(y[0, -1]).all()


@pytest.mark.parametrize("channels", [3, 16])
def test_weights_of_another_precision_are_read_as_numbers(channels):
    """Weights in float64 give a float32 picture the results that their float32 copies give."""
    x, weight, bias, how = arrays((1, (9, 9), channels, 64, (3, 3), (1, 1), ONE, 1), np.float32)
    y = cpu.conv2d_forward(x, weight, bias, *how)
    np.testing.assert_array_equal(cpu.conv2d_forward(x, weight.astype(np.float64), bias, *how), y)
    dx = cpu.conv2d_backward_input(y, weight, x.shape, *how)
    np.testing.assert_array_equal(cpu.conv2d_backward_input(y, weight.astype(np.float64), x.shape, *how), dx)


@pytest.mark.parametrize("channels", [3, 16])
def test_arrays_that_do_not_fit_are_refused(channels):
    """Kernels that work on addresses never see an array that is smaller than they believe."""
    x, weight, bias, how = arrays((2, (9, 8), channels, 16, (3, 3), (1, 1), ONE, 1), np.float32)
    filters, bits = cpu.prepare(weight, *how), np.zeros((2, 4, 4, 16), np.uint8)
    dy = bits.astype(np.float32)
    with pytest.raises(ValueError, match="x has the shape"):
        cpu.conv2d_forward(x[..., :2], weight, bias, *how)
    with pytest.raises(ValueError, match="dy has the shape"):
        cpu.conv2d_relu_backward_input(dy[:1], bits, filters, x.shape, "max")
    with pytest.raises(ValueError, match="what was kept has the shape"):
        cpu.conv2d_relu_backward_input(dy, bits[:1], filters, x.shape, "max")
    with pytest.raises(ValueError, match="into has the shape"):
        cpu.conv2d_relu_backward_input(dy, bits, filters, x.shape, "max", into=np.empty_like(x[:1]))
    with pytest.raises(ValueError, match="dy has the shape"):
        cpu.conv2d_backward_weights(dy, x, weight.shape, *how)


@pytest.mark.parametrize("channels", [3, 16])
def test_a_gradient_is_added_to_an_array_of_any_kind_that_can_be_written(channels):
    """float64 and strided arrays are added to in their own way, and what is read-only stays as it is."""
    x, weight, _, how = arrays((1, (9, 8), channels, 16, (3, 3), (1, 1), ONE, 1), np.float32)
    dy, filters = np.ones((1, 9, 8, 16), np.float32), cpu.prepare(weight, *how)
    dx = cpu.conv2d_relu_backward_input(dy, None, filters, x.shape, relu=False)
    for into in (np.ones(x.shape), np.ones((1, 9, 16, channels), np.float32)[:, :, ::2]):
        found = cpu.conv2d_relu_backward_input(dy, None, filters, x.shape, relu=False, into=into)
        assert found is into
        np.testing.assert_allclose(into, 1 + dx, rtol=1e-5, atol=1e-5)
    sealed = np.ones_like(x)
    sealed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        cpu.conv2d_relu_backward_input(dy, None, filters, x.shape, relu=False, into=sealed)
    assert (sealed == 1).all()


def test_what_pooling_keeps_is_the_first_maximum_or_all_that_is_alive():
    """The bits 1, 2, 4, 8 are a window's pixels in reading order; what is not above 0 gets no gradient."""
    y = np.array([[1, 3, 0, -1], [3, 2, 0, 0], [5, 5, 5, 5]], np.float64).reshape(1, 3, 4, 1)
    pooled, kept = reference.rectify(y, "max")
    assert (pooled.ravel().tolist(), kept.ravel().tolist()) == ([3, 0], [2, 0])
    pooled, kept = reference.rectify(y, "avg")
    assert (pooled.ravel().tolist(), kept.ravel().tolist()) == ([2.25, 0], [15, 0])
    dy = np.array([8.0, 8.0]).reshape(1, 1, 2, 1)
    back = reference.unrectify(dy, kept, y.shape, "avg")
    assert back[0, :, :, 0].tolist() == [[2, 2, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0]]
