"""The answers to the exercises of lesson 02."""

from __future__ import annotations

import numpy as np

from nst.checks import check_layer
from nst.layers import Conv2d, Dropout, LRNAcross, Softmax


def test_the_complex_step_has_no_valley() -> None:
    """At h = 1e-200 the derivatives of a convolution and of a power are exact: nothing is subtracted."""
    rng = np.random.default_rng(0)
    x, v, dy = rng.standard_normal((3, 1, 5, 6, 3))
    for layer in (Conv2d(rng.standard_normal((3, 3, 3, 3)), padding=1), LRNAcross(alpha=0.5)):
        _, saved = layer.forward(x)
        exact = np.vdot(layer.backward(dy, saved), v)
        for h in (1e-8, 1e-50, 1e-200):
            moved, _ = layer.forward(x + 1j * h * v)
            assert abs(np.sum(dy * moved.imag) / h / exact - 1) < 1e-13


def test_ones_accept_a_softmax_that_returns_nothing() -> None:
    """Probabilities sum to 1, so the gradient of their sum is zero, and so is that of a lazy layer."""

    class Lazy(Softmax):
        def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
            return np.zeros_like(dy)

    z = np.random.default_rng(0).standard_normal((4, 5))
    assert check_layer(Lazy(), z, draw=lambda rng, shape: np.ones(shape)).passed()
    assert not check_layer(Lazy(), z).passed()


def test_a_symmetric_kernel_hides_the_missing_flip() -> None:
    """Random cotangents notice it unless the kernel equals itself turned by 180 degrees."""

    class Unflipped(Conv2d):
        def backward(self, dy: np.ndarray, saved: tuple) -> np.ndarray:
            return Conv2d(self.weight.transpose(0, 1, 3, 2), padding=2).forward(dy)[0]

    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 5, 6, 2)), rng.standard_normal((3, 3, 2, 2))
    assert not check_layer(Unflipped(weight), x).passed()
    assert check_layer(Unflipped(weight + weight[::-1, ::-1]), x).passed()


def test_a_new_mask_each_time_cannot_be_checked() -> None:
    """With a mask of its own, each evaluation is another function, and differences divide the jump by h."""
    x, v, dy = np.random.default_rng(0).standard_normal((3, 1, 500))
    layer = Dropout(0.5)
    assert check_layer(
        layer, x, training=np.random.default_rng(1)
    ).passed()  # which copies the generator for each evaluation
    jumps = []
    for h in (1e-2, 1e-4):
        rng = np.random.default_rng(1)
        ahead, behind = (layer.forward(x + t * v, training=rng)[0] for t in (h, -h))
        jumps.append(abs(np.vdot(dy, ahead - behind)) / (2 * h))
    assert 90 < jumps[1] / jumps[0] < 110
