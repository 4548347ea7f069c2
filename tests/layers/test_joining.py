"""What is particular to upsampling, concatenation and preprocessing."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import Concat, Preprocess, UpsampleNearest

RNG = np.random.default_rng(17)


def test_upsampling_repeats_and_sums():
    """Each pixel becomes a block; the block's gradients come back as their sum, not their mean."""
    layer = UpsampleNearest(2)
    y, saved = layer.forward(np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1))
    assert y[0, ..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    dx = layer.backward(np.arange(8.0).reshape(1, 2, 4, 1), saved)
    assert dx.ravel().tolist() == [0 + 1 + 4 + 5, 2 + 3 + 6 + 7]


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_upsampling_agrees_with_pytorch(factor):
    """y and dx are those of torch.nn.Upsample in nearest mode, on sides that differ."""
    torch = pytest.importorskip("torch")
    layer, x = UpsampleNearest(factor), RNG.standard_normal((2, 3, 5, 4))
    tx = torch.tensor(x, requires_grad=True)
    ty = torch.nn.Upsample(scale_factor=factor)(tx.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y, saved = layer.forward(x)
    assert y.shape == layer.output_shape(x.shape)
    np.testing.assert_array_equal(y, ty.detach().numpy())
    dy = RNG.standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad.numpy(), rtol=1e-12)


def test_upsampling_by_nothing_is_refused():
    """A factor below 1 has no meaning."""
    with pytest.raises(ValueError, match="factor"):
        UpsampleNearest(0)


def test_concatenation_gives_each_input_its_own_run():
    """Channels stand in the order of the list, and each input gets back exactly its run of dy."""
    inputs = [RNG.standard_normal((2, 3, 4, c)) for c in (1, 5, 2)]
    y, saved = Concat().forward(inputs)
    assert y.shape == Concat().output_shape([x.shape for x in inputs]) == (2, 3, 4, 8)
    np.testing.assert_array_equal(y[..., 1:6], inputs[1])
    for back, x in zip(Concat().backward(y, saved), inputs, strict=True):
        np.testing.assert_array_equal(back, x)


def test_concatenation_refuses_what_does_not_fit():
    """Another size, another dtype (which would silently widen the others), or nothing at all is an error."""
    x = np.ones((1, 3, 4, 2))
    for others in ([], [x, x[:, :2]], [x, x.astype(np.float32)]):
        with pytest.raises(ValueError, match="cannot join"):
            Concat().forward(others)


def test_preprocessing_of_keras_and_caffe():
    """BGR with the mean in BGR order: a pixel equal to the mean, read as RGB, becomes 0; channels swap."""
    layer = Preprocess((103.939, 116.779, 123.68), channel_order="BGR")
    y, saved = layer.forward(np.array([123.68, 116.779, 103.939]).reshape(1, 1, 1, 3))
    np.testing.assert_array_equal(y, np.zeros((1, 1, 1, 3)))
    y, saved = layer.forward(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3))
    np.testing.assert_allclose(y.ravel(), [3 - 103.939, 2 - 116.779, 1 - 123.68], rtol=1e-15)
    assert layer.backward(np.array([[[[7.0, 8.0, 9.0]]]]), saved).ravel().tolist() == [9, 8, 7]


def test_preprocessing_of_torchvision():
    """RGB in 0..255 gives what ToTensor and Normalize give, and dx carries each channel's own scale."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    layer = Preprocess(255 * mean, 1 / (255 * deviation), "RGB")
    x = RNG.uniform(0, 255, (1, 4, 5, 3))
    y, saved = layer.forward(x)
    np.testing.assert_allclose(y, (x / 255 - mean) / deviation, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        layer.backward(np.ones_like(x), saved), 1 / (255 * deviation) * np.ones_like(x)
    )


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_preprocessing_scales_in_the_order_of_the_network(order):
    """With a scale of its own per channel, <y(x) - y(0), dy> = <x, dx> in both orders."""
    layer = Preprocess((1, 2, 3), (10, 100, 1000), order)
    x, dy = RNG.standard_normal((2, 1, 3, 4, 3))
    y, saved = layer.forward(x)
    linear = y - layer.forward(np.zeros_like(x))[0]
    assert np.vdot(linear, dy) == pytest.approx(np.vdot(x, layer.backward(dy, saved)), rel=1e-12)


def test_preprocessing_keeps_float32_and_refuses_integers():
    """float32 stays float32; bytes are refused, since 10 - 100 would wrap around to 166."""
    layer = Preprocess((103.939, 116.779, 123.68), 0.5, "BGR")
    assert layer.forward(np.zeros((1, 2, 2, 3), np.float32))[0].dtype == np.float32
    for x in (np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2, 2, 4))):
        with pytest.raises(ValueError, match="floating-point RGB"):
            layer.forward(x)


def test_preprocessing_refuses_wrong_constants():
    """As many means as channels, one scale or as many, and an order of RGB or BGR; BGR has three channels."""
    for arguments in [(1,), ((),), ((1, 2), 1.0, "BGR"), ((1, 2, 3), (1, 2)), ((1, 2, 3), 1.0, "GRB")]:
        with pytest.raises(ValueError):
            Preprocess(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_preprocessing_of_grey_pictures(dtype):
    """One channel, one mean, one scale; three channels are refused there."""
    layer = Preprocess((30.0,), 0.5)
    x = RNG.uniform(0, 255, (2, 4, 5, 1)).astype(dtype)
    y, saved = layer.forward(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, (x - 30) / 2, rtol=1e-6)
    np.testing.assert_array_equal(layer.backward(x, saved), x / 2)
    with pytest.raises(ValueError, match=r"\(N, H, W, 1\)"):
        layer.forward(x.repeat(3, axis=3))
