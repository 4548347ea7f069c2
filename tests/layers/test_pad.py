"""What is particular to padding: what it draws, and how its backward pass folds the borders back."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import Pad2d
from nst.layers.pad import MODES

RNG = np.random.default_rng(11)
PADDINGS = [1, (2, 0), ((0, 3), (1, 2)), ((4, 4), (3, 3)), 0]


def test_modes_on_one_row():
    """Each mode draws what its name says; `reflect` does not repeat the border pixel."""
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
    drawn = {m: Pad2d((0, 2), m).forward(x)[0].ravel().tolist() for m in MODES}
    assert drawn == {
        "zero": [0, 0, 1, 2, 3, 4, 0, 0],
        "replicate": [1, 1, 1, 2, 3, 4, 4, 4],
        "reflect": [3, 2, 1, 2, 3, 4, 3, 2],
        "circular": [3, 4, 1, 2, 3, 4, 1, 2],
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", PADDINGS)
def test_adjoint(mode, padding):
    """<pad(x), dy> = <x, dx> for each mode and for four different border widths."""
    layer, x = Pad2d(padding, mode), RNG.standard_normal((2, 5, 6, 3))
    y, saved = layer.forward(x)
    dy = RNG.standard_normal(y.shape)
    dx = layer.backward(dy, saved)
    assert y.shape == layer.output_shape(x.shape) and dx.shape == x.shape
    assert np.vdot(y, dy) == pytest.approx(np.vdot(x, dx), rel=1e-12)


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular"])
@pytest.mark.parametrize("padding", PADDINGS[1:4])
def test_backward_counts_how_often_a_pixel_is_shown(mode, padding):
    """Under a gradient of ones each pixel gets the number of places that show it, counted by looking."""
    x = np.arange(30.0).reshape(1, 5, 6, 1)
    y, saved = Pad2d(padding, mode).forward(x)
    shown = np.bincount(y.ravel().astype(int), minlength=30).reshape(x.shape)
    np.testing.assert_array_equal(Pad2d(padding, mode).backward(np.ones_like(y), saved), shown)


def test_corners_count_four_times():
    """Next to a corner, reflection shows a pixel four times; replication gives the corner its whole block."""
    dy = np.ones((1, 7, 7, 1))
    reflected = Pad2d(1, "reflect").backward(dy, None)[0, :, :, 0]
    replicated = Pad2d(1, "replicate").backward(dy, None)[0, :, :, 0]
    assert reflected.tolist() == np.outer([1, 2, 1, 2, 1], [1, 2, 1, 2, 1]).tolist()
    assert replicated.tolist() == np.outer([2, 1, 1, 1, 2], [2, 1, 1, 1, 2]).tolist()


@pytest.mark.parametrize(
    ("mode", "name"),
    [("zero", "Zero"), ("replicate", "Replication"), ("reflect", "Reflection"), ("circular", "Circular")],
)
def test_agrees_with_pytorch(mode, name):
    """y and dx are those of torch.nn's padding layers, also with four different widths."""
    torch = pytest.importorskip("torch")
    x = RNG.standard_normal((2, 5, 6, 3))
    tx = torch.tensor(x, requires_grad=True)
    ty = getattr(torch.nn, name + "Pad2d")((1, 2, 3, 4))(tx.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    layer = Pad2d(((3, 4), (1, 2)), mode)
    y, saved = layer.forward(x)
    np.testing.assert_array_equal(y, ty.detach().numpy())
    dy = RNG.standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    np.testing.assert_allclose(layer.backward(dy, saved), tx.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_dy_is_left_alone():
    """Folding adds strips to a copy: the caller's gradient keeps its values."""
    dy = RNG.standard_normal((1, 6, 6, 2))
    before = dy.copy()
    Pad2d(1, "reflect").backward(dy, None)
    np.testing.assert_array_equal(dy, before)


def test_a_reflection_wider_than_the_image_is_refused():
    """A mirror image has at most one pixel less than the image: the error names both sizes."""
    assert Pad2d(3).forward(np.ones((1, 4, 4, 1)))[0].shape == (1, 10, 10, 1)
    with pytest.raises(NstError, match=r"reflect padding of 4 needs 5 .* the image is 4x9"):
        Pad2d(4).forward(np.ones((1, 4, 9, 1)))
    assert Pad2d(4, "circular").forward(np.ones((1, 4, 4, 1)))[0].shape == (1, 12, 12, 1)
    with pytest.raises(NstError, match=r"circular padding of 5 needs 5 .* the image is 4x9"):
        Pad2d(5, "circular").forward(np.ones((1, 4, 9, 1)))


@pytest.mark.parametrize(("padding", "mode"), [(-1, "zero"), (1, "wrap")])
def test_impossible_options_are_refused(padding, mode):
    """A negative width and an unknown mode are refused when the layer is made."""
    with pytest.raises(ValueError):
        Pad2d(padding, mode)
