"""The answers to the exercises of lesson 03."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nst.images import load
from nst.images.bundled import landscape_path
from nst.layers import AvgPool2d, Conv2d, MaxPool2d, ReLU
from tests.tolerances import assert_close


def test_global_pooling_spreads_or_picks() -> None:
    """The mean gives every pixel dy / HW; the maximum gives all of dy to one pixel of each channel."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((2, 1, 1, 3))
    mean, maximum = AvgPool2d((5, 6)), MaxPool2d((5, 6))
    assert_close(mean.backward(dy, mean.forward(x)[1]), np.broadcast_to(dy / 30, x.shape), length=30)
    dx = maximum.backward(dy, maximum.forward(x)[1])
    assert np.all((dx != 0) == (x == x.max(axis=(1, 2), keepdims=True)))
    assert_close(dx.sum(axis=(1, 2), keepdims=True), dy)


def test_a_maximum_made_of_relus() -> None:
    """a + relu(b - a) is max(a, b), and at a tie gives all to a: the first, as the library does."""
    x = np.random.default_rng(0).integers(0, 4, (1, 6, 8, 2)).astype(float)  # many ties

    def larger(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step, on = ReLU().forward(b - a)
        return a + step, on

    def split(dy: np.ndarray, on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        db = ReLU().backward(dy, on)
        return dy - db, db

    corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    top, on_top = larger(corners[0], corners[1])
    bottom, on_bottom = larger(corners[2], corners[3])
    y, on = larger(top, bottom)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    dtop, dbottom = split(dy, on)
    dx = np.empty_like(x)
    dx[:, ::2, ::2], dx[:, ::2, 1::2] = split(dtop, on_top)
    dx[:, 1::2, ::2], dx[:, 1::2, 1::2] = split(dbottom, on_bottom)

    pool = MaxPool2d(2)
    pooled, saved = pool.forward(x)
    assert np.array_equal(y, pooled)
    assert np.array_equal(dx, pool.backward(dy, saved))


def test_average_pooling_is_a_grouped_convolution() -> None:
    """A group for each channel, every weight 1/9: the same values and the same gradient."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 7, 9, 4))
    pool, conv = AvgPool2d(3, 2), Conv2d(np.full((3, 3, 1, 4), 1 / 9), stride=2, groups=4)
    (y, saved), (expected, saved_conv) = pool.forward(x), conv.forward(x)
    dy = rng.standard_normal(y.shape)
    assert_close(y, expected, length=9)
    assert_close(pool.backward(dy, saved), conv.backward(dy, saved_conv), length=9)


def test_pooling_forgives_small_shifts() -> None:
    """A shift by one pixel changes every-second-pixel most, a maximum less, an average least."""
    picture = load(landscape_path()).pixels[None].astype(np.float64)

    def change(pooled: Callable[[np.ndarray], np.ndarray]) -> float:
        here, there = pooled(picture[:, :, :-2]), pooled(picture[:, :, 1:-1])
        return float(np.sqrt(np.mean((here - there) ** 2)))

    skipped = change(lambda x: x[:, ::2, ::2])
    maximum = change(lambda x: MaxPool2d(2).forward(x)[0])
    average = change(lambda x: AvgPool2d(2).forward(x)[0])
    assert skipped > 1.2 * maximum > 1.2 * 1.2 * average
