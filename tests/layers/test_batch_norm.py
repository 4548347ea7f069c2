"""Batch normalisation against its definition, PyTorch and its corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers.batch_norm import BatchNorm

SHAPES = [(7, 3), (2, 5, 4, 3)]


def _layer(rng: np.random.Generator, dtype: type = np.float64) -> BatchNorm:
    gamma, beta, mean = rng.normal(size=(3, 3)).astype(dtype)
    return BatchNorm(gamma, beta, mean, rng.uniform(0.5, 2, 3).astype(dtype))


@pytest.mark.parametrize("shape", SHAPES)
def test_training_output_has_the_mean_beta_and_the_deviation_gamma(shape):
    """In training each channel leaves with mean beta and standard deviation |gamma|, up to eps."""
    rng = np.random.default_rng(0)
    layer = _layer(rng)
    y, _ = layer.forward(rng.normal(3, 50, shape), training=True)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(y.mean(axes), layer.beta, atol=1e-12)
    np.testing.assert_allclose(y.std(axes), np.abs(layer.gamma), rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_all_gradients_and_statistics_are_those_of_torch(shape, training):
    """Output, dx, dgamma, dbeta and the updated running statistics agree with PyTorch in float64."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    layer = _layer(rng)
    x, dy = rng.normal(size=(2, *shape))

    tx, gamma, beta = (torch.tensor(a, requires_grad=True) for a in (x, layer.gamma, layer.beta))
    mean, var = torch.tensor(layer.running_mean), torch.tensor(layer.running_var)
    ty = torch.nn.functional.batch_norm(tx.movedim(-1, 1), mean, var, gamma, beta, training, 0.1, 1e-5)
    ty.movedim(1, -1).backward(torch.tensor(dy))

    y, saved = layer.forward(x, training=training)
    grads = layer.gradients(dy, saved)
    np.testing.assert_allclose(y, ty.movedim(1, -1).detach(), atol=1e-13)
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad, atol=1e-13)
    np.testing.assert_allclose(grads["gamma"], gamma.grad, atol=1e-12)
    np.testing.assert_allclose(grads["beta"], beta.grad, atol=1e-12)
    if training:
        layer.update(saved)
    np.testing.assert_allclose(layer.running_mean, mean, atol=1e-14)
    np.testing.assert_allclose(layer.running_var, var, atol=1e-14)


def test_a_large_mean_costs_no_digits():
    """Float32 values of mean 10000 and deviation 1 keep their variance: E[x^2] - E[x]^2 would lose it."""
    rng = np.random.default_rng(2)
    x = (10_000 + rng.normal(size=(4, 32, 32, 2))).astype(np.float32)
    layer = BatchNorm(np.ones(2), np.zeros(2), np.zeros(2), np.ones(2)).astype(np.float32)
    y, saved = layer.forward(x, training=True)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(saved.variance.ravel(), exact.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(y, (exact - exact.mean((0, 1, 2))) / exact.std((0, 1, 2)), atol=2e-3)


def test_the_gradient_ignores_shift_and_stretch():
    """In training dx has mean 0 and is orthogonal to x_hat, and an all-ones dy gives no gradient at all."""
    rng = np.random.default_rng(3)
    x, dy = rng.normal(size=(2, 6, 4, 4, 3))
    layer = BatchNorm(np.ones(3), np.zeros(3), np.zeros(3), np.ones(3), eps=0)
    _, saved = layer.forward(x, training=True)
    dx = layer.backward(dy, saved)
    np.testing.assert_allclose(dx.sum((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose((dx * saved.x_hat).sum((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(layer.backward(np.ones_like(dy), saved), 0, atol=1e-12)


def test_one_value_per_channel_is_refused_in_training_only():
    """A single value has no variance: training raises, inference scales as ever."""
    layer = _layer(np.random.default_rng(4))
    for shape in [(1, 3), (1, 1, 1, 3)]:
        with pytest.raises(NstError, match="one value per channel"):
            layer.forward(np.ones(shape), training=True)
        assert layer.forward(np.ones(shape))[0].shape == shape


def test_an_empty_batch_passes_and_moves_no_statistics():
    """Zero examples in training give zero outputs and gradients and leave the running statistics alone."""
    layer = _layer(np.random.default_rng(5))
    mean, var = layer.running_mean.copy(), layer.running_var.copy()
    y, saved = layer.forward(np.zeros((0, 4, 4, 3)), training=True)
    layer.update(saved)
    assert layer.backward(y, saved).shape == (0, 4, 4, 3)
    np.testing.assert_array_equal(layer.gradients(y, saved)["gamma"], 0)
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_var, var)


def test_update_leaves_the_given_arrays_and_refuses_an_inference_pass():
    """Running statistics are replaced, not written into; an inference pass has nothing to absorb."""
    layer = _layer(np.random.default_rng(6))
    for array in layer.state().values():
        array.flags.writeable = False
    layer.update(layer.forward(np.random.default_rng(7).normal(size=(9, 3)), training=True)[1])
    with pytest.raises(ValueError, match="training=True"):
        layer.update(layer.forward(np.ones((9, 3)))[1])


def test_frozen_saves_less_and_gives_no_gradients():
    """Frozen inference drops x_hat; frozen training keeps it for dx; neither gives parameter gradients."""
    rng = np.random.default_rng(8)
    layer = _layer(rng)
    layer.frozen = True
    x, dy = rng.normal(size=(2, 9, 3))
    inference, training = layer.forward(x)[1], layer.forward(x, training=True)[1]
    assert inference.x_hat is None and training.x_hat is not None
    assert layer.gradients(dy, inference) == layer.gradients(dy, training) == {}
    np.testing.assert_allclose(
        layer.backward(dy, inference), dy * layer.gamma / np.sqrt(layer.running_var + layer.eps)
    )


def test_the_dtype_of_the_input_rules():
    """Float32 in is float32 out, forward and backward, even when the statistics are float64."""
    layer = _layer(np.random.default_rng(9))
    x = np.random.default_rng(10).normal(size=(5, 3)).astype(np.float32)
    for training in (True, False):
        y, saved = layer.forward(x, training=training)
        grads = layer.gradients(y, saved)
        assert {y.dtype, layer.backward(y, saved).dtype, grads["gamma"].dtype} == {np.dtype(np.float32)}
