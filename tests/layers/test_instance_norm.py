"""Instance normalisation against its definition, PyTorch and its corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers.batch_norm import BatchNorm
from nst.layers.instance_norm import InstanceNorm


def test_pictures_never_mix():
    """The output and gradient of a picture are the same alone and in a batch."""
    rng = np.random.default_rng(0)
    layer = InstanceNorm(*rng.normal(size=(2, 3)))
    x, dy = rng.normal(size=(2, 4, 5, 6, 3)) * np.arange(1, 5).reshape(4, 1, 1, 1)
    y, saved = layer.forward(x)
    dx = layer.backward(dy, saved)
    for i in range(4):
        alone, saved_alone = layer.forward(x[i : i + 1])
        np.testing.assert_allclose(y[i : i + 1], alone, rtol=1e-12)
        np.testing.assert_allclose(dx[i : i + 1], layer.backward(dy[i : i + 1], saved_alone), rtol=1e-12)


def test_for_one_picture_it_is_batch_normalisation_in_training():
    """With N = 1 instance normalisation and batch normalisation in training are the same function."""
    rng = np.random.default_rng(1)
    gamma, beta = rng.normal(size=(2, 3))
    x, dy = rng.normal(size=(2, 1, 5, 6, 3))
    instance, batch = InstanceNorm(gamma, beta), BatchNorm(gamma, beta, np.zeros(3), np.ones(3))
    y, saved = instance.forward(x)
    y_batch, saved_batch = batch.forward(x, training=True)
    np.testing.assert_array_equal(y, y_batch)
    np.testing.assert_array_equal(instance.backward(dy, saved), batch.backward(dy, saved_batch))


@pytest.mark.parametrize("affine", [True, False])
def test_forward_and_gradients_are_those_of_torch(affine):
    """Output, dx, dgamma and dbeta agree with PyTorch in float64, with gamma and beta or without."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    gamma, beta = rng.normal(size=(2, 3)) if affine else (None, None)
    layer = InstanceNorm(gamma, beta)
    x, dy = rng.normal(size=(2, 2, 5, 4, 3))

    tx = torch.tensor(x, requires_grad=True)
    parameters = [torch.tensor(p, requires_grad=True) for p in (gamma, beta)] if affine else [None, None]
    ty = torch.nn.functional.instance_norm(
        tx.movedim(-1, 1), weight=parameters[0], bias=parameters[1], eps=1e-5
    )
    ty.movedim(1, -1).backward(torch.tensor(dy))

    y, saved = layer.forward(x)
    grads = layer.gradients(dy, saved)
    np.testing.assert_allclose(y, ty.movedim(1, -1).detach(), atol=1e-13)
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad, atol=1e-13)
    assert sorted(grads) == (["beta", "gamma"] if affine else [])
    if affine:
        np.testing.assert_allclose(grads["gamma"], parameters[0].grad, atol=1e-12)
        np.testing.assert_allclose(grads["beta"], parameters[1].grad, atol=1e-12)


def test_one_pixel_is_refused_with_the_reason():
    """A lone pixel equals its mean: the layer would erase it, so it raises, and says so."""
    with pytest.raises(NstError, match=r"1 x 1 pixels.*equals its mean"):
        InstanceNorm(None, None).forward(np.ones((3, 1, 1, 2)))


def test_an_empty_batch_stays_empty():
    """Zero pictures give zero outputs and gradients without a warning."""
    layer = InstanceNorm(np.ones(3), np.zeros(3))
    y, saved = layer.forward(np.zeros((0, 4, 5, 3)))
    assert layer.backward(y, saved).shape == (0, 4, 5, 3)


def test_frozen_gives_no_parameter_gradients_but_the_same_dx():
    """Frozen, dx is unchanged and the parameters' gradients are gone."""
    rng = np.random.default_rng(3)
    layer = InstanceNorm(*rng.normal(size=(2, 3)))
    x, dy = rng.normal(size=(2, 2, 5, 4, 3))
    dx = layer.backward(dy, layer.forward(x)[1])
    layer.frozen = True
    saved = layer.forward(x)[1]
    assert layer.gradients(dy, saved) == {}
    np.testing.assert_array_equal(layer.backward(dy, saved), dx)
