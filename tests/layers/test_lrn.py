"""Local response normalisation against its sums written as loops, PyTorch and its corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers.lrn import LRNAcross, LRNWithin

OPTIONS = dict(alpha=0.3, beta=0.6, k=1.5)


def _across_by_loops(a, n, alpha, beta, k):
    b = np.empty_like(a)
    for i in range(a.shape[-1]):
        window = a[..., max(0, i - n // 2) : i + (n - 1) // 2 + 1]
        b[..., i] = a[..., i] / (k + alpha * (window**2).sum(-1)) ** beta
    return b


def _within_by_loops(a, n, alpha, beta, k):
    b = np.empty_like(a)
    for y in range(a.shape[1]):
        for x in range(a.shape[2]):
            rows = slice(max(0, y - n // 2), y + (n - 1) // 2 + 1)
            columns = slice(max(0, x - n // 2), x + (n - 1) // 2 + 1)
            total = (a[:, rows, columns] ** 2).sum((1, 2))
            b[:, y, x] = a[:, y, x] / (k + alpha * total) ** beta
    return b


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("divide", [True, False])
def test_forward_is_the_formula(size, divide):
    """Both kinds equal their sums written as loops: odd, even and oversized windows, both alphas."""
    a = np.random.default_rng(0).normal(size=(2, 5, 6, 7))
    alpha, rest = OPTIONS["alpha"], dict(beta=OPTIONS["beta"], k=OPTIONS["k"])
    across, _ = LRNAcross(size, divide=divide, **OPTIONS).forward(a)
    within, _ = LRNWithin(size, divide=divide, **OPTIONS).forward(a)
    np.testing.assert_allclose(
        across, _across_by_loops(a, size, alpha / size if divide else alpha, **rest), rtol=1e-12
    )
    np.testing.assert_allclose(
        within, _within_by_loops(a, size, alpha / size**2 if divide else alpha, **rest), rtol=1e-12
    )


@pytest.mark.parametrize("kind", [LRNAcross, LRNWithin])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 12])
def test_backward_is_the_derivative_to_machine_precision(kind, size):
    """Along a random direction <dy, db> by a complex step of 1e-20 equals <dx, da>, even windows included."""
    a, da, dy = np.random.default_rng(1).normal(size=(3, 2, 5, 6, 7))
    layer = kind(size, **OPTIONS)
    moved, _ = layer.forward(a + 1e-20j * da)
    dx = layer.backward(dy, layer.forward(a)[1])
    np.testing.assert_allclose((dx * da).sum(), (dy * moved.imag / 1e-20).sum(), rtol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_across_is_that_of_torch(size):
    """Output and gradient agree with PyTorch's LocalResponseNorm, which divides alpha by n too."""
    torch = pytest.importorskip("torch")
    a, dy = np.random.default_rng(2).normal(size=(2, 2, 3, 4, 7))
    ta = torch.tensor(a, requires_grad=True)
    tb = torch.nn.functional.local_response_norm(ta.movedim(-1, 1), size, 0.3, 0.6, 1.5).movedim(1, -1)
    tb.backward(torch.tensor(dy))
    layer = LRNAcross(size, **OPTIONS)
    b, saved = layer.forward(a)
    np.testing.assert_allclose(b, tb.detach(), atol=1e-13)
    np.testing.assert_allclose(layer.backward(dy, saved), ta.grad, atol=1e-13)


@pytest.mark.parametrize("kind, full", [(LRNAcross, 5), (LRNWithin, 25)])
def test_dividing_is_a_matter_of_alpha(kind, full):
    """Alpha divided by the window's size, times that size, is the plain sum: 1e-4 summed is 5e-4 divided."""
    a = np.random.default_rng(3).normal(0, 50, size=(1, 6, 6, 8))
    divided, _ = kind(5, 1e-4 * full, divide=True).forward(a)
    plain, _ = kind(5, 1e-4, divide=False).forward(a)
    np.testing.assert_allclose(divided, plain, rtol=1e-14)


@pytest.mark.parametrize("kind", [LRNAcross, LRNWithin])
def test_any_memory_float32_and_empty_batches(kind):
    """Strided read-only float32 input gives the packed answer in float32; no pictures give none."""
    a = np.random.default_rng(4).normal(size=(2, 10, 6, 7)).astype(np.float32)[:, ::-2]
    a.flags.writeable = False
    before = a.copy()
    layer = kind(4)
    b, saved = layer.forward(a)
    dx = layer.backward(b, saved)
    assert b.dtype == dx.dtype == np.float32
    np.testing.assert_array_equal(b, layer.forward(before)[0])
    np.testing.assert_array_equal(a, before)
    empty, saved = layer.forward(a[:0])
    assert layer.backward(empty, saved).shape == empty.shape == (0, 5, 6, 7)


@pytest.mark.parametrize("options", [dict(size=0), dict(k=0), dict(alpha=-1)])
def test_a_bracket_that_could_vanish_is_refused(options):
    """Options under which the bracket could reach zero raise before anything is divided by it."""
    with pytest.raises(NstError, match="must stay positive"):
        LRNAcross(**options)
