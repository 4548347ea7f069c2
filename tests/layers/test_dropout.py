"""What is particular to dropout: its modes, its expectation, its mask."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import Dropout


def test_inference_is_the_identity():
    """Without training the very same array comes back, no generator is needed, and dx is dy."""
    x = np.ones((2, 3))
    y, saved = Dropout(0.9).forward(x)
    assert y is x and saved is None
    assert Dropout(0.9).backward(x, saved) is x


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.7])
def test_training_keeps_the_expectation(rate):
    """A share of `rate` is silent, the others are divided by 1 - rate, so that the mean stays (5 sigma)."""
    x = np.ones(100_000)
    y, mask = Dropout(rate).forward(x, training=np.random.default_rng(1))
    spread = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(np.mean(~mask) - rate) <= 5 * spread
    assert abs(y.mean() - 1) <= 5 * spread / (1 - rate)
    np.testing.assert_allclose(np.unique(y[mask]), [1 / (1 - rate)])
    assert not y[~mask].any()


def test_backward_uses_the_mask_of_its_forward():
    """The gradient passes where the number passed, with the same factor, after later forward passes too."""
    layer, rng = Dropout(0.5), np.random.default_rng(2)
    x = np.ones((4, 50))
    y, saved = layer.forward(x, training=rng)
    other, _ = layer.forward(x, training=rng)
    assert (other != y).any()
    np.testing.assert_array_equal(layer.backward(x, saved), y)


def test_the_seed_decides_whatever_the_dtype():
    """The same seed gives the same mask for float32 and float64, and the dtype is kept."""
    x = np.ones((8, 8))
    y, mask = Dropout(0.5).forward(x, training=np.random.default_rng(3))
    y32, mask32 = Dropout(0.5).forward(x.astype(np.float32), training=np.random.default_rng(3))
    np.testing.assert_array_equal(mask, mask32)
    assert y.dtype == np.float64 and y32.dtype == np.float32


def test_misuse_is_refused():
    """Training without a generator, and a rate that leaves nothing, are errors that say so."""
    with pytest.raises(ValueError, match="random generator"):
        Dropout(0.5).forward(np.ones(3), training=True)
    for rate in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="rate"):
            Dropout(rate)
