"""What is particular to the fully connected layer, and to flattening before it."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import Flatten, Linear

RNG = np.random.default_rng(13)


def test_cs231n_values():
    """The values that CS231n publishes for `affine_forward`, to their eight places."""
    x = np.linspace(-0.1, 0.5, num=240).reshape(2, 4, 5, 6)
    layer = Linear(np.linspace(-0.2, 0.3, num=360).reshape(120, 3), np.linspace(-0.3, 0.1, num=3))
    rows, _ = Flatten().forward(x)
    y, _ = layer.forward(rows)
    published = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    np.testing.assert_allclose(y, published, rtol=0, atol=6e-9)


def test_agrees_with_pytorch():
    """y, dx, dweight and dbias are those of torch.nn.functional.linear."""
    torch = pytest.importorskip("torch")
    x, weight, bias, dy = (RNG.standard_normal(s) for s in [(4, 6), (6, 3), (3,), (4, 3)])
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    ty = torch.nn.functional.linear(tx, tw.T, tb)
    ty.backward(torch.tensor(dy))
    layer = Linear(weight, bias)
    y, saved = layer.forward(x)
    gradients = layer.gradients(dy, saved)
    for ours, theirs in [
        (y, ty.detach()),
        (layer.backward(dy, saved), tx.grad),
        (gradients["weight"], tw.grad),
        (gradients["bias"], tb.grad),
    ]:
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-13)


def test_gradients_are_sums_over_the_batch():
    """A batch that holds each row twice has twice the parameter gradients: a mean belongs to the loss."""
    layer = Linear(RNG.standard_normal((5, 2)), RNG.standard_normal(2))
    x, dy = RNG.standard_normal((3, 5)), RNG.standard_normal((3, 2))
    once = layer.gradients(dy, layer.forward(x)[1])
    twice = layer.gradients(np.concatenate([dy, dy]), layer.forward(np.concatenate([x, x]))[1])
    for name in ("weight", "bias"):
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=1e-12)


def test_bias_gradient_of_a_large_batch_keeps_its_digits():
    """In float32 the sum over a million rows is right to single precision."""
    layer = Linear(np.ones((1, 4), np.float32), np.zeros(4, np.float32))
    dy = np.full((2**20, 4), 0.1, np.float32)
    dbias = layer.gradients(dy, np.ones((2**20, 1), np.float32))["bias"]
    assert dbias.dtype == np.float32
    np.testing.assert_allclose(dbias, np.float32(0.1) * 2.0**20, rtol=1e-7)


def test_frozen_keeps_nothing():
    """A frozen layer saves None, still returns dx, and has no parameter gradients."""
    layer = Linear(RNG.standard_normal((5, 2)))
    x, dy = RNG.standard_normal((3, 5)), RNG.standard_normal((3, 2))
    assert list(layer.gradients(dy, layer.forward(x)[1])) == ["weight"]
    layer.frozen = True
    _, saved = layer.forward(x)
    assert saved is None and layer.gradients(dy, saved) == {}
    np.testing.assert_allclose(layer.backward(dy, saved), dy @ layer.weight.T, rtol=1e-15)


@pytest.mark.parametrize("shape", [(3, 4), (5,), (1, 1, 1, 5)])
def test_a_wrong_input_is_refused(shape):
    """Only (N, in) is accepted: images must be flattened first."""
    with pytest.raises(ValueError, match=r"expects \(N, 5\)"):
        Linear(np.ones((5, 2))).forward(np.ones(shape))


@pytest.mark.parametrize(("weight", "bias"), [((5,), None), ((5, 2), (5,)), ((5, 2), (1, 2))])
def test_impossible_parameters_are_refused(weight, bias):
    """Weights are a matrix and the bias has one number per output."""
    with pytest.raises(ValueError):
        Linear(np.ones(weight), None if bias is None else np.ones(bias))


def test_flatten_orders_channels_fastest():
    """Element (u, v, c) lands at (u W + v) C + c and comes back; an empty batch has a width too."""
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    y, saved = Flatten().forward(x)
    assert y.shape == (2, 60) and y[1, (2 * 4 + 1) * 5 + 3] == x[1, 2, 1, 3]
    np.testing.assert_array_equal(Flatten().backward(y, saved), x)
    assert Flatten().forward(x[:0])[0].shape == (0, 60)


def test_flatten_follows_the_index_not_the_memory():
    """A transposed view is laid out by its own axes, whatever the order of its bytes."""
    x = RNG.standard_normal((2, 5, 4, 3)).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(Flatten().forward(x)[0], Flatten().forward(x.copy())[0])
