"""The reference kernels against the definition, written as loops over single outputs, and against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import reference

CASES = [  # image (H, W), kernel (kh, kw), stride, padding ((t, b), (l, r)), groups
    ((5, 6), (3, 3), (1, 1), ((1, 1), (1, 1)), 1),
    ((5, 6), (3, 2), (2, 1), ((0, 0), (0, 0)), 1),
    ((8, 7), (3, 3), (2, 2), ((0, 1), (0, 1)), 1),
    ((8, 7), (2, 3), (3, 2), ((1, 0), (2, 1)), 2),
    ((4, 4), (1, 1), (2, 3), ((0, 0), (0, 0)), 2),
    ((4, 5), (4, 5), (1, 1), ((0, 0), (0, 0)), 1),
    ((1, 9), (1, 7), (1, 1), ((0, 0), (3, 3)), 4),
]


def arrays(case, dtype=np.float64):
    """Return x, weight, bias and a cotangent dy of a case: two images, four channels in, eight out."""
    (h, w), (kh, kw), stride, padding, groups = case
    rng = np.random.default_rng(7)
    x, weight, bias = (
        rng.standard_normal(shape).astype(dtype) for shape in [(2, h, w, 4), (kh, kw, 4 // groups, 8), (8,)]
    )
    y = reference.conv2d_forward(x, weight, bias, stride, padding, groups)
    return x, weight, bias, rng.standard_normal(y.shape).astype(dtype)


def loops(x, weight, bias, stride, padding, groups):
    """Convolution as its formula says, one output number at a time."""
    (kh, kw, depth, cout), (top, bottom), (left, right) = weight.shape, *padding
    padded = np.zeros((len(x), x.shape[1] + top + bottom, x.shape[2] + left + right, x.shape[3]))
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    rows, columns = (padded.shape[1] - kh) // stride[0] + 1, (padded.shape[2] - kw) // stride[1] + 1
    y = np.empty((len(x), rows, columns, cout))
    for n, a, b, o in np.ndindex(y.shape):
        c = o // (cout // groups) * depth
        u, v = a * stride[0], b * stride[1]
        y[n, a, b, o] = bias[o] + np.sum(padded[n, u : u + kh, v : v + kw, c : c + depth] * weight[..., o])
    return y


@pytest.mark.parametrize("case", CASES)
def test_convolution_is_its_formula(case):
    """Tap by tap gives what output by output gives, with strides, borders of four widths, and groups."""
    x, weight, bias, _ = arrays(case)
    y = reference.conv2d_forward(x, weight, bias, *case[2:])
    np.testing.assert_allclose(y, loops(x, weight, bias, *case[2:]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_convolution_backward_passes_are_adjoint(case):
    """<conv(x, w), dy> = <x, dx> = <w, dw>: convolution is linear in the image and in the weights."""
    x, weight, _, dy = arrays(case)
    value = np.vdot(reference.conv2d_forward(x, weight, None, *case[2:]), dy)
    dx = reference.conv2d_backward_input(dy, weight, x.shape, *case[2:])
    dweight = reference.conv2d_backward_weights(dy, x, weight.shape, *case[2:])
    assert dx.shape == x.shape and dweight.shape == weight.shape
    assert np.vdot(x, dx) == pytest.approx(value, rel=1e-12)
    assert np.vdot(weight, dweight) == pytest.approx(value, rel=1e-12)


def test_places_that_no_window_covers_get_no_gradient():
    """A stride that leaves two columns over gives them exactly 0, and the others something."""
    dy = np.ones((1, 2, 2, 1))
    dx = reference.conv2d_backward_input(dy, np.ones((2, 2, 1, 1)), (1, 4, 6, 1), (2, 2))
    np.testing.assert_array_equal(dx[0, :, :, 0], np.repeat([[1, 1, 1, 1, 0, 0]], 4, axis=0))


def test_backward_input_turns_the_kernel():
    """A single gradient spreads as the kernel itself, unmirrored: forward correlates, backward convolves."""
    weight = np.arange(9.0).reshape(3, 3, 1, 1)
    dy = np.zeros((1, 3, 3, 1))
    dy[0, 1, 1, 0] = 1
    dx = reference.conv2d_backward_input(dy, weight, (1, 5, 5, 1))
    np.testing.assert_array_equal(dx[0, 1:4, 1:4, 0], weight[..., 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_results_have_the_dtype_of_the_input(dtype):
    """No kernel changes the dtype, not even for a bias or a divisor of another kind."""
    x, weight, bias, dy = arrays(CASES[0], dtype)
    case = CASES[0][2:]
    results = [
        reference.conv2d_forward(x, weight, bias, *case),
        reference.conv2d_backward_input(dy, weight, x.shape, *case),
        reference.conv2d_backward_weights(dy, x, weight.shape, *case),
        reference.avg_pool_forward(x, (2, 2), (2, 2), ((0, 0), (0, 0)), (3, 3)),
        reference.avg_pool_backward(dy, (2, 5, 6, 8), (1, 1), (1, 1), ((0, 0), (0, 0))),
        reference.max_pool_forward(x, (2, 2), (2, 2), ((0, 0), (0, 0)), (3, 3))[0],
    ]
    assert {one.dtype for one in results} == {np.dtype(dtype)}


def test_max_pool_numbers_the_first_of_equal_maxima():
    """The number counts along the window's rows, also from a clipped window's own corner."""
    x = np.array([[1, 3, 3], [3, 0, 0], [0, 0, 0]], np.float64).reshape(1, 3, 3, 1)
    y, argmax = reference.max_pool_forward(x, (2, 2), (2, 2), ((1, 0), (1, 0)), (2, 2))
    assert y[0, ..., 0].tolist() == [[1, 3], [3, 0]]
    assert argmax[0, ..., 0].tolist() == [[3, 2], [1, 0]]


def test_overlapping_maxima_accumulate():
    """A pixel that wins all nine windows that cover it receives the sum of their nine gradients."""
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 2, 0] = 1
    no_padding = ((0, 0), (0, 0))
    _, argmax = reference.max_pool_forward(x, (3, 3), (1, 1), no_padding, (3, 3))
    dy = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    dx = reference.max_pool_backward(dy, argmax, x.shape, (3, 3), (1, 1), no_padding)
    np.testing.assert_array_equal(dx, x * 45)


def test_average_divides_by_the_places_that_count():
    """Inside nine; at a padded corner four without the padding; a part that hangs over both never counts."""
    arguments = ((1, 4, 4, 1), (3, 3), (2, 2), ((1, 1), (1, 1)), (3, 3))
    assert reference.window_counts(*arguments, False)[..., 0].tolist() == [[4, 6, 2], [6, 9, 3], [2, 3, 1]]
    assert reference.window_counts(*arguments, True)[..., 0].tolist() == [[9, 9, 6], [9, 9, 6], [6, 6, 4]]


@pytest.mark.parametrize("case", [case for case in CASES if all(a == b for a, b in case[3])])
def test_convolution_agrees_with_pytorch(case):
    """Forward and both backward passes are those of torch.nn.functional.conv2d and its autograd."""
    torch = pytest.importorskip("torch")
    x, weight, bias, dy = arrays(case)
    _, _, stride, padding, groups = case
    tx, tw, tb = (torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in (x, weight, bias))
    ty = torch.nn.functional.conv2d(
        tx.permute(0, 3, 1, 2),
        tw.permute(3, 2, 0, 1),
        tb,
        stride=stride,
        padding=(padding[0][0], padding[1][0]),
        groups=groups,
    ).permute(0, 2, 3, 1)
    ty.backward(torch.tensor(dy))
    close = {"rtol": 1e-11, "atol": 1e-12}
    y = reference.conv2d_forward(x, weight, bias, stride, padding, groups)
    np.testing.assert_allclose(y, ty.detach().numpy(), **close)
    dx = reference.conv2d_backward_input(dy, weight, x.shape, stride, padding, groups)
    np.testing.assert_allclose(dx, tx.grad.numpy(), **close)
    dweight = reference.conv2d_backward_weights(dy, x, weight.shape, stride, padding, groups)
    np.testing.assert_allclose(dweight, tw.grad.numpy(), **close)
