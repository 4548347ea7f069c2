"""What is particular to convolution: published values, borders, freezing, wrong shapes."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import Conv2d

RNG = np.random.default_rng(3)


def test_cs231n_values():
    """CS231n publishes these values for `conv_forward_naive` (stride 2, padding 1); equal to eight places."""
    x = np.linspace(-0.1, 0.5, num=96).reshape(2, 3, 4, 4).transpose(0, 2, 3, 1)
    weight = np.linspace(-0.2, 0.3, num=144).reshape(3, 3, 4, 4).transpose(2, 3, 1, 0)
    y, _ = Conv2d(weight, np.linspace(-0.1, 0.2, num=3), stride=2, padding=1).forward(x)
    published = [
        [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
        [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
        [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
        [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
        [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
        [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
    ]
    np.testing.assert_allclose(y.transpose(0, 3, 1, 2).reshape(6, 2, 2), published, rtol=0, atol=6e-9)


@pytest.mark.parametrize("mode", ["zero", "reflect", "replicate"])
@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize(("kernel", "padding"), [((3, 3), 1), ((5, 3), (2, 1)), ((2, 4), (0, 3))])
@pytest.mark.parametrize("groups", [1, 2])
def test_agrees_with_pytorch(mode, stride, kernel, padding, groups):
    """y, dx, dweight and dbias are those of torch.nn.Conv2d for each border, stride, kernel and grouping."""
    torch = pytest.importorskip("torch")
    x, weight = RNG.standard_normal((2, 7, 8, 4)), RNG.standard_normal((*kernel, 4 // groups, 6))
    layer = Conv2d(
        weight, RNG.standard_normal(6), stride=stride, padding=padding, padding_mode=mode, groups=groups
    )
    twin = torch.nn.Conv2d(
        4,
        6,
        kernel,
        stride=stride,
        padding=padding,
        padding_mode=mode + "s" * (mode == "zero"),
        groups=groups,
        dtype=torch.float64,
    )
    twin.load_state_dict(
        {"weight": torch.tensor(weight.transpose(3, 2, 0, 1).copy()), "bias": torch.tensor(layer.bias)}
    )
    tx = torch.tensor(x, requires_grad=True)
    ty = twin(tx.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y, saved = layer.forward(x)
    dy = RNG.standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    gradients = layer.gradients(dy, saved)
    close = {"rtol": 1e-11, "atol": 1e-11}
    assert y.shape == layer.output_shape(x.shape)
    np.testing.assert_allclose(y, ty.detach().numpy(), **close)
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad.numpy(), **close)
    np.testing.assert_allclose(gradients["weight"], twin.weight.grad.permute(2, 3, 1, 0).numpy(), **close)
    np.testing.assert_allclose(gradients["bias"], twin.bias.grad.numpy(), **close)


def test_a_delta_kernel_shows_each_border():
    """A kernel that looks one place to the left shows what stands beyond that border: 0, x[1] or x[0]."""
    x = np.array([10.0, 20.0, 30.0]).reshape(1, 1, 3, 1)
    look_left = np.array([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    seen = {
        mode: Conv2d(look_left, padding=(0, 1), padding_mode=mode).forward(x)[0].ravel().tolist()
        for mode in ("zero", "reflect", "replicate")
    }
    assert seen == {"zero": [0, 10, 20], "reflect": [20, 10, 20], "replicate": [10, 10, 20]}


def test_frozen_keeps_shapes_only():
    """A frozen layer gives the same y and dx, holds on to no array, and returns no parameter gradients."""
    x, weight = RNG.standard_normal((1, 5, 5, 2)), RNG.standard_normal((3, 3, 2, 3))
    free, frozen = Conv2d(weight, padding=1), Conv2d(weight, padding=1)
    frozen.frozen = True
    (y, saved), (y_frozen, saved_frozen) = free.forward(x), frozen.forward(x)
    dy = RNG.standard_normal(y.shape)
    assert saved_frozen == (x.shape, None)
    assert frozen.gradients(dy, saved_frozen) == {}
    np.testing.assert_array_equal(y, y_frozen)
    np.testing.assert_array_equal(free.backward(dy, saved), frozen.backward(dy, saved_frozen))


def test_two_forwards_then_one_backward():
    """The gradients belong to the forward pass whose `saved` is given: the layer remembers nothing."""
    layer = Conv2d(RNG.standard_normal((3, 3, 2, 3)), padding=1, padding_mode="reflect")
    x = RNG.standard_normal((1, 5, 6, 2))
    y, saved = layer.forward(x)
    dy = RNG.standard_normal(y.shape)
    dx, dweight = layer.backward(dy, saved), layer.gradients(dy, saved)["weight"]
    layer.forward(RNG.standard_normal((2, 9, 4, 2)))
    np.testing.assert_array_equal(layer.backward(dy, saved), dx)
    np.testing.assert_array_equal(layer.gradients(dy, saved)["weight"], dweight)


def test_bias_gradient_of_a_large_image_keeps_its_digits():
    """In float32 the sum over a million places is right to single precision, not to its square root."""
    layer = Conv2d(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32))
    y, saved = layer.forward(np.zeros((1, 1024, 1024, 1), np.float32))
    dbias = layer.gradients(np.full_like(y, 0.1), saved)["bias"]
    assert dbias.dtype == np.float32
    assert dbias[0] == pytest.approx(np.float32(0.1) * 1024.0**2, rel=1e-7)


def test_no_bias():
    """Without a bias, y is the plain correlation and only the weights have a gradient."""
    layer = Conv2d(np.full((1, 1, 1, 1), 2.0))
    y, saved = layer.forward(np.full((1, 2, 2, 1), 3.0))
    np.testing.assert_array_equal(y, np.full((1, 2, 2, 1), 6.0))
    assert list(layer.gradients(y, saved)) == ["weight"]


def test_a_kernel_larger_than_the_image_names_both_sizes():
    """The error says which kernel did not fit into which image, its padding included."""
    with pytest.raises(NstError, match=r"7x7 does not fit into an input of 4x9 \(6x11 with its padding\)"):
        Conv2d(np.ones((7, 7, 1, 1)), padding=1).forward(np.ones((1, 4, 9, 1)))


@pytest.mark.parametrize("shape", [(1, 4, 4, 3), (4, 4, 2)])
def test_a_wrong_input_is_refused(shape):
    """Another number of channels or of axes is an error, never a broadcast."""
    with pytest.raises(ValueError, match=r"expects \(N, H, W, 2\)"):
        Conv2d(np.ones((3, 3, 2, 1))).forward(np.ones(shape))


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 0},
        {"padding": -1},
        {"padding_mode": "same"},
        {"groups": 3},
        {"groups": 0},
        {"bias": np.zeros(3)},
        {"weight": np.ones((3, 3, 2))},
    ],
)
def test_impossible_options_are_refused(options):
    """What no convolution can mean is refused when the layer is made."""
    with pytest.raises(ValueError):
        Conv2d(**{"weight": np.ones((3, 3, 1, 4)), **options})
