"""What is particular to pooling: published values, overlap, ties, clipped windows, ceil mode."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import AvgPool2d, MaxPool2d

RNG = np.random.default_rng(5)
WINDOWS = [  # size, stride, padding
    (2, 2, 0),
    (3, 2, 0),
    (3, 2, 1),
    (3, 1, 1),
    ((2, 3), (3, 1), (1, 0)),
    (2, 3, 1),
    ((4, 5), (2, 3), (2, 1)),
]


def distinct(shape):
    """Return an array whose numbers all differ, so that every maximum is unique."""
    return RNG.permutation(int(np.prod(shape))).reshape(shape) / 7.0 - 5.0


def test_cs231n_values():
    """The values that CS231n publishes for `max_pool_forward_naive`, to their eight places."""
    x = np.linspace(-0.3, 0.4, num=96).reshape(2, 3, 4, 4).transpose(0, 2, 3, 1)
    published = [
        [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
        [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
        [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
        [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
        [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
        [[0.32631579, 0.34105263], [0.38526316, 0.4]],
    ]
    y, _ = MaxPool2d(2).forward(x)
    np.testing.assert_allclose(y.transpose(0, 3, 1, 2).reshape(6, 2, 2), published, rtol=0, atol=6e-9)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("hw", [(7, 8), (6, 5), (5, 9)])
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("kind", ["max", "average", "average with padding"])
def test_agrees_with_pytorch(kind, size, stride, padding, hw, ceil_mode):
    """Shape, y and dx are those of PyTorch's eager CPU pooling on odd and even sizes, floor and ceil."""
    torch = pytest.importorskip("torch")
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    if kind == "max":
        layer, twin = MaxPool2d(size, **options), torch.nn.MaxPool2d(size, **options)
    else:
        options["count_include_pad"] = kind != "average"
        layer, twin = AvgPool2d(size, **options), torch.nn.AvgPool2d(size, **options)
    x = distinct((2, *hw, 3))
    tx = torch.tensor(x, requires_grad=True)
    ty = twin(tx.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y, saved = layer.forward(x)
    assert y.shape == layer.output_shape(x.shape) == tuple(ty.shape)
    np.testing.assert_allclose(y, ty.detach().numpy(), rtol=1e-12, atol=1e-12)
    dy = RNG.standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
def test_average_is_adjoint(size, stride, padding, ceil_mode):
    """<pool(x), dy> = <x, dx>, with clipped windows and overlaps."""
    layer = AvgPool2d(size, stride, padding, ceil_mode)
    x = RNG.standard_normal((2, 7, 6, 3))
    y, saved = layer.forward(x)
    dy = RNG.standard_normal(y.shape)
    assert np.vdot(y, dy) == pytest.approx(np.vdot(x, layer.backward(dy, saved)), rel=1e-12)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
def test_max_hands_on_all_of_the_gradient(size, stride, padding, ceil_mode):
    """Each window gives its whole gradient to one pixel of the image, so the sums agree despite overlaps."""
    layer = MaxPool2d(size, stride, padding, ceil_mode)
    y, saved = layer.forward(np.round(RNG.standard_normal((2, 7, 6, 3))))
    dy = RNG.standard_normal(y.shape)
    assert layer.backward(dy, saved).sum() == pytest.approx(dy.sum(), rel=1e-12)


def test_overlapping_windows_accumulate():
    """With 3x3 windows at every second place (AlexNet), the winner of four windows gets four gradients."""
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 2, 0] = 1
    layer = MaxPool2d(3, 2)
    y, saved = layer.forward(x)
    dx = layer.backward(np.array([1.0, 2.0, 4.0, 8.0]).reshape(y.shape), saved)
    np.testing.assert_array_equal(dx, 15 * x)


def test_a_tie_goes_to_the_first():
    """On a constant image each window's upper left pixel gets everything."""
    layer = MaxPool2d(2)
    y, saved = layer.forward(np.full((1, 4, 4, 1), 2.0))
    dx = layer.backward(np.ones_like(y), saved)
    np.testing.assert_array_equal(dx[0, :, :, 0], np.tile([[1, 0], [0, 0]], (2, 2)))


def test_padding_never_wins():
    """Where all pixels are negative the maximum is one of them, not the padding's zero."""
    y, _ = MaxPool2d(3, 2, padding=1).forward(np.full((1, 4, 4, 1), -3.0))
    np.testing.assert_array_equal(y, np.full((1, 2, 2, 1), -3.0))


def test_a_constant_image_stays_constant_under_averages():
    """Without counting the padding, borders are as bright as the middle; counting it, they are darker."""
    x = np.full((1, 5, 5, 1), 6.0)
    plain, _ = AvgPool2d(3, 2, padding=1, ceil_mode=True).forward(x)
    counted, _ = AvgPool2d(3, 2, padding=1, count_include_pad=True).forward(x)
    np.testing.assert_allclose(plain, 6.0, rtol=1e-15)
    assert counted[0, 0, 0, 0] == pytest.approx(6 * 4 / 9) and counted[0, 1, 1, 0] == pytest.approx(6)


def test_nan_shows():
    """A NaN anywhere in a window is its maximum and its mean, wherever in the window it stands."""
    for place in np.ndindex(2, 2):
        x = np.ones((1, 2, 4, 1))
        x[(0, *place)] = np.nan
        for layer in (MaxPool2d(2), AvgPool2d(2)):
            y, _ = layer.forward(x)
            assert np.isnan(y[0, 0, 0, 0]) and y[0, 0, 1, 0] == 1


def test_leftover_rows_and_columns():
    """Floor mode leaves the odd edge out and gives it no gradient; ceil mode sees it."""
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    floor, ceil = MaxPool2d(2), MaxPool2d(2, ceil_mode=True)
    (y, saved), (y_ceil, saved_ceil) = floor.forward(x), ceil.forward(x)
    assert y[0, ..., 0].tolist() == [[6, 8], [16, 18]]
    assert y_ceil[0, ..., 0].tolist() == [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
    assert not floor.backward(np.ones_like(y), saved)[0, 4].any()
    assert ceil.backward(np.ones_like(y_ceil), saved_ceil)[0, 4].any()


def test_the_last_window_starts_inside():
    """In ceil mode a window that would start in the far padding is dropped: 2 windows, not 3."""
    assert MaxPool2d(2, 2, padding=1, ceil_mode=True).output_shape((1, 3, 3, 1)) == (1, 2, 2, 1)
    assert MaxPool2d(2, 3, padding=1, ceil_mode=True).output_shape((1, 4, 5, 1)) == (1, 2, 2, 1)


def test_saved_is_small():
    """One byte per output for windows of up to 256 places, two beyond; never the input."""
    x = np.zeros((1, 40, 40, 2), np.float32)
    assert MaxPool2d(16).forward(x)[1][0].dtype == np.uint8
    assert MaxPool2d(17).forward(x)[1][0].dtype == np.uint16
    assert AvgPool2d(2).forward(x)[1] == x.shape


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_impossible_windows_are_refused(kind):
    """Padding over half the window, and a window larger than the image, are errors that name the sizes."""
    with pytest.raises(NstError, match="more than half of the 2x2 window"):
        kind(2, padding=(1, 2))
    with pytest.raises(NstError, match="3x3 does not fit into an input of 2x8"):
        kind(3).forward(np.ones((1, 2, 8, 1)))
    with pytest.raises(ValueError, match="at least 1"):
        kind(0)
