"""The layers of generators and critics against PyTorch, their published numbers and their corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import (
    TLU,
    Add,
    BatchNorm,
    Channels,
    ConditionalInstanceNorm,
    Conv2d,
    FilterResponseNorm,
    InstanceNorm,
    LeakyReLU,
    Sigmoid,
    Tanh,
    TransposedConv2d,
)
from nst.networks import Network, Node
from nst.networks.blocks import ibn, residual, upsampled

CLOSE = {"rtol": 0, "atol": 1e-9}


def against_torch(layer, x, theirs, parameters):
    """Compare output, dx and every parameter's gradient with what `theirs(x, **parameters)` has in float64.

    `theirs` takes and returns (N, C, H, W), as PyTorch does.
    """
    torch = pytest.importorskip("torch")
    tx = torch.tensor(x, requires_grad=True)
    held = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
    expected = theirs(tx.movedim(-1, 1), **held).movedim(1, -1)
    y, saved = layer.forward(x)
    dy = np.random.default_rng(9).standard_normal(y.shape)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad, **CLOSE)
    dx, both = layer.both(dy, saved)
    np.testing.assert_allclose(dx, tx.grad, **CLOSE)
    for name, value in held.items():
        np.testing.assert_allclose(layer.gradients(dy, saved)[name], value.grad, **CLOSE)
        np.testing.assert_allclose(both[name], value.grad, **CLOSE)


@pytest.mark.parametrize(
    "padding, kernel, stride", [("valid", 3, 2), ("valid", 5, 3), ("same", 4, 2), ("same", 3, 1)]
)
def test_transposed_convolution_is_torchs(padding, kernel, stride):
    """VALID is PyTorch's without padding; SAME is its padding of (k - s) / 2, where that is whole."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((kernel, kernel, 2, 3)), rng.standard_normal(2)
    layer = TransposedConv2d(weight, bias, stride=stride, padding=padding)
    cut = (kernel - stride) // 2 if padding == "same" else 0

    def theirs(x, weight, bias):
        weight = weight.permute(3, 2, 0, 1)
        return torch.nn.functional.conv_transpose2d(x, weight, bias, stride=stride, padding=cut)

    against_torch(layer, rng.standard_normal((2, 4, 5, 3)), theirs, {"weight": weight, "bias": bias})


def test_under_same_the_odd_place_is_cut_off_after():
    """TensorFlow's rule for 3 taps at stride 2: of one place too many, none is cut off before and one after."""
    weight = np.arange(1.0, 4.0).reshape(3, 1, 1, 1) * np.ones((1, 1, 1, 1))
    layer = TransposedConv2d(weight, stride=(2, 1), padding="same")
    y, _ = layer.forward(np.array([1.0, 10.0]).reshape(1, 2, 1, 1))
    np.testing.assert_array_equal(y.ravel(), [1, 2, 3 + 10, 20])


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel, stride", [(3, 2), (2, 3), (5, 1), (4, 2)])
def test_a_transposed_convolution_looks_where_its_window_says(padding, kernel, stride):
    """What is outside `window` has no influence on an output, and its first and last places have."""
    layer = TransposedConv2d(np.ones((kernel, kernel, 1, 1)), stride=stride, padding=padding)
    window, x = layer.window(), np.ones((1, 12, 12, 1))
    y, saved = layer.forward(x)
    seen = set()
    for u in range(4 * stride, 7 * stride):
        dy = np.zeros_like(y)
        dy[0, u, 5 * stride] = 1
        rows = np.flatnonzero(layer.backward(dy, saved).any(axis=(0, 2, 3)))
        start = u // stride - window.padding[0][0]
        assert all(start <= row < start + window.size[0] for row in rows)
        seen |= {int(row) - start for row in rows}
    assert seen == set(range(window.size[0]))


def test_conditional_instance_normalisation_is_torchs():
    """With a mixture for each picture: PyTorch's instance normalisation, scaled and shifted by the mixtures."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    gamma, beta = rng.standard_normal((2, 4, 3))
    mix = rng.random((2, 4))
    layer = ConditionalInstanceNorm(gamma, beta, mix)

    def theirs(x, gamma, beta):
        scale, shift = ((torch.tensor(mix) @ one)[:, :, None, None] for one in (gamma, beta))
        return torch.nn.functional.instance_norm(x) * scale + shift

    against_torch(layer, rng.standard_normal((2, 5, 4, 3)), theirs, {"gamma": gamma, "beta": beta})


def test_one_style_is_instance_normalisation():
    """A mixture of one style alone is `InstanceNorm` with that style's scale and shift, and shares its arrays."""
    rng = np.random.default_rng(2)
    gamma, beta = rng.standard_normal((2, 3, 4))
    x = rng.standard_normal((2, 5, 6, 4))
    styles = ConditionalInstanceNorm(gamma, beta)
    second = styles.mixed(np.array([0, 1, 0]))
    assert second.gamma is styles.gamma
    np.testing.assert_allclose(
        second.forward(x)[0], InstanceNorm(gamma[1], beta[1]).forward(x)[0], atol=1e-12
    )
    np.testing.assert_allclose(
        styles.forward(x)[0], InstanceNorm(gamma[0], beta[0]).forward(x)[0], atol=1e-12
    )


def test_filter_response_normalisation_is_torchs():
    """The paper's formula in PyTorch, with the thresholded unit behind it."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    gamma, beta, tau = rng.standard_normal((3, 3))
    x = 2 + rng.standard_normal((2, 5, 4, 3))

    def normalised(x, gamma, beta):
        nu2 = x.square().mean(dim=(2, 3), keepdim=True)
        return gamma[:, None, None] * x * torch.rsqrt(nu2 + 1e-6) + beta[:, None, None]

    against_torch(FilterResponseNorm(gamma, beta), x, normalised, {"gamma": gamma, "beta": beta})
    against_torch(TLU(tau), x, lambda x, tau: torch.maximum(x, tau[:, None, None]), {"tau": tau})


def test_filter_response_normalisation_of_one_pixel_is_its_sign():
    """One pixel is not refused as in instance normalisation: it becomes 1 or -1."""
    x = np.array([3.0, -0.5]).reshape(1, 1, 1, 2)
    y, _ = FilterResponseNorm(np.ones(2), np.zeros(2), eps=0.0).forward(x)
    np.testing.assert_allclose(y.ravel(), [1, -1])


@pytest.mark.parametrize(
    "layer, name",
    [(Tanh(), "tanh"), (Sigmoid(), "sigmoid"), (LeakyReLU(), "leaky_relu"), (LeakyReLU(1.0), "clone")],
)
def test_activations_are_torchs(layer, name):
    """Tanh, the sigmoid and the leaky ReLU, and that a slope of 1 is the identity."""
    torch = pytest.importorskip("torch")
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    against_torch(layer, 3 * np.random.default_rng(4).standard_normal((2, 5, 4, 3)), function, {})


def test_tanh_far_out_is_flat():
    """Far from 0 the output is at its bounds, the gradient 0, and nothing overflows."""
    y, saved = Tanh(150, 127.5).forward(np.array([-1e30, 1e30], np.float32))
    np.testing.assert_array_equal(y, [-22.5, 277.5])
    np.testing.assert_array_equal(Tanh(150, 127.5).backward(np.ones(2, np.float32), saved), [0, 0])


@pytest.mark.parametrize(
    "layer, shape",
    [
        (TransposedConv2d(np.ones((3, 3, 2, 4))), (1, 5, 5, 3)),
        (TransposedConv2d(np.ones((3, 3, 2, 4))), (1, 0, 5, 4)),
        (ConditionalInstanceNorm(np.ones((2, 3)), np.ones((2, 3))), (1, 5, 5, 4)),
        (ConditionalInstanceNorm(np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 2))), (2, 5, 5, 3)),
        (ConditionalInstanceNorm(np.ones((2, 3)), np.ones((2, 3))), (1, 1, 1, 3)),
        (FilterResponseNorm(np.ones(3), np.ones(3)), (2, 5, 5, 4)),
        (FilterResponseNorm(np.ones(3), np.ones(3)), (2, 0, 5, 3)),
        (TLU(np.ones(3)), (2, 5, 5, 4)),
        (Channels(1, 4), (2, 5, 5, 3)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else str(value),
)
def test_a_shape_that_does_not_suit_is_an_error_of_one_line(layer, shape):
    """A wrong number of channels, of rows of styles, or no pixel at all is an NstError."""
    with pytest.raises(NstError, match=r"^[^\n]+$"):
        layer.forward(np.ones(shape))


def test_unequal_shapes_are_not_added():
    """Nothing is broadcast: a block that changes the shape is a mistake."""
    with pytest.raises(NstError, match="must be equal"):
        Add().forward([np.ones((1, 4, 4, 2)), np.ones((1, 4, 4, 1))])


@pytest.mark.parametrize("mix", [np.ones(3), np.ones((2, 2, 2)), np.array([np.nan, 1])])
def test_a_mixture_that_does_not_suit_is_refused(mix):
    """As many weights as styles, all of them numbers."""
    with pytest.raises(NstError, match="2 styles"):
        ConditionalInstanceNorm(np.ones((2, 3)), np.ones((2, 3)), mix)


def conv(rng, c_in, c_out):
    return Conv2d(rng.standard_normal((3, 3, c_in, c_out)), rng.standard_normal(c_out), padding=1)


def test_blocks_are_torchs():
    """A convolution, a residual block, an IBN block in training and an upsampled convolution, one behind another:
    the same output and gradient of the image as PyTorch's autograd."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(5)
    first, inner, last = conv(rng, 3, 4), conv(rng, 4, 4), conv(rng, 4, 2)
    gamma, beta = rng.standard_normal((2, 4))
    instance = InstanceNorm(gamma[:2], beta[:2])
    batch = BatchNorm(gamma[2:], beta[2:], np.zeros(2), np.ones(2))
    nodes = [Node("first", first), *residual("block", "first", [("conv", inner), ("tanh", Tanh())])]
    network = Network([*nodes, *ibn("ibn", "block", instance, batch), *upsampled("last", last)])
    x = rng.standard_normal((2, 5, 6, 3))
    features, tape = network.forward(x, ["last"], training=True)
    dy = rng.standard_normal(features["last"].shape)

    def torch_conv(x, layer):
        weight = torch.tensor(layer.weight).permute(3, 2, 0, 1)
        return functional.conv2d(x, weight, torch.tensor(layer.bias), padding=1)

    tx = torch.tensor(x, requires_grad=True)
    h = torch_conv(tx.movedim(-1, 1), first)
    h = h + torch.tanh(torch_conv(h, inner))
    scale, shift = torch.tensor(gamma), torch.tensor(beta)
    one = functional.instance_norm(h[:, :2], weight=scale[:2], bias=shift[:2])
    two = functional.batch_norm(h[:, 2:], None, None, scale[2:], shift[2:], training=True)
    h = functional.interpolate(torch.cat([one, two], dim=1), scale_factor=2, mode="nearest")
    expected = torch_conv(h, last).movedim(1, -1)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(features["last"], expected.detach(), **CLOSE)
    np.testing.assert_allclose(network.backward({"last": dy}, tape), tx.grad, **CLOSE)


def test_features_without_a_tape_are_the_same():
    """`Network.features` gives the bytes that `forward` gives, where nodes branch too."""
    rng = np.random.default_rng(6)
    network = Network(
        [Node("first", conv(rng, 3, 4)), *residual("block", "first", [("conv", conv(rng, 4, 4))])]
    )
    x = rng.standard_normal((1, 6, 5, 3))
    expected, _ = network.forward(x, ["block", "first"])
    for name, found in network.features(x, ["block", "first"]).items():
        np.testing.assert_array_equal(found, expected[name])
