"""The table of layers, continued: what generators and critics are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nst.checks.case import Built, Random, apart, cases_of, plain
from nst.layers import (
    TLU,
    Add,
    Channels,
    ConditionalInstanceNorm,
    FilterResponseNorm,
    LeakyReLU,
    Tanh,
    TransposedConv2d,
)

Make = Callable[[Random], Built]


def _transposed(
    shape: tuple[int, ...], kernel: tuple[int, int], out: int, bias: bool = True, **options: Any
) -> Make:
    def make(rng: Random) -> Built:
        weight = rng.standard_normal((*kernel, out, shape[3]))
        layer = TransposedConv2d(weight, rng.standard_normal(out) if bias else None, **options)
        return layer, apart(rng, *shape)

    return make


def _styles(*shape: int, mix: list[Any] | None = None, **options: Any) -> Make:
    def make(rng: Random) -> Built:
        gamma, beta = rng.standard_normal((2, 3, shape[-1]))
        chosen = None if mix is None else np.array(mix)
        return ConditionalInstanceNorm(gamma, beta, chosen, **options), 3.0 + 2.0 * rng.standard_normal(shape)

    return make


def _response(*shape: int, **options: Any) -> Make:
    def make(rng: Random) -> Built:
        gamma, beta = rng.standard_normal((2, shape[-1]))
        return FilterResponseNorm(gamma, beta, **options), 3.0 + 2.0 * rng.standard_normal(shape)

    return make


def _thresholded(*shape: int) -> Make:
    """Return thresholds of which no input is within 0.3 % of its root mean square."""

    def make(rng: Random) -> Built:
        x, n = apart(rng, *shape), int(np.prod(shape))
        return TLU((rng.integers(-n // 2, n // 2, shape[-1]) + 0.5) / n), x

    return make


def _sum(count: int) -> Make:
    return lambda rng: (Add(), list(rng.standard_normal((count, 2, 3, 4, 2))))


GENERATOR_CASES = [
    *cases_of(
        TransposedConv2d,
        {
            "3x3, stride 2, same": _transposed((2, 3, 4, 3), (3, 3), 2),
            "3x3, stride 2, valid": _transposed((2, 3, 4, 3), (3, 3), 2, padding="valid"),
            "4x4, stride 2, same, no bias": _transposed((1, 3, 4, 2), (4, 4), 3, bias=False),
            "3x2, uneven stride, same": _transposed((2, 3, 3, 2), (3, 2), 2, stride=(3, 1)),
            "5x4, stride 1, same": _transposed((1, 4, 5, 2), (5, 4), 2, stride=1),
            "2x2, stride 3, valid leaves gaps": _transposed(
                (1, 3, 4, 2), (2, 2), 2, stride=3, padding="valid"
            ),
        },
        linear=True,
    ),
    *cases_of(
        ConditionalInstanceNorm,
        {
            "the first of three styles": _styles(2, 4, 5, 3),
            "between two": _styles(2, 4, 5, 3, mix=[0.3, 0.0, 0.7]),
            "a style for each picture": _styles(2, 4, 5, 3, mix=[[0, 1, 0], [0.5, 0.2, 0.3]]),
            "large eps": _styles(2, 4, 5, 3, mix=[1.0, 1.0, -1.0], eps=0.5),
        },
    ),
    *cases_of(
        FilterResponseNorm,
        {
            "2 pictures": _response(2, 4, 5, 3),
            "one column": _response(2, 4, 2, 2),
            "large eps": _response(2, 4, 5, 3, eps=3.0),
        },
    ),
    *cases_of(TLU, {"4 axes": _thresholded(2, 4, 5, 3), "2 axes": _thresholded(3, 7)}),
    *cases_of(
        Tanh, {"-1 to 1": plain(Tanh(), 2, 3, 4, 3, scale=2.0), "colours": plain(Tanh(150, 127.5), 3, 7)}
    ),
    *cases_of(LeakyReLU, {"0.01": plain(LeakyReLU(), 2, 5, 6, 3), "0.2": plain(LeakyReLU(0.2), 3, 7)}),
    *cases_of(Add, {"two branches": _sum(2), "three branches": _sum(3), "one branch": _sum(1)}, linear=True),
    *cases_of(
        Channels,
        {"the middle": plain(Channels(1, 4), 2, 3, 4, 5), "the last": plain(Channels(2, 3), 4, 3)},
        linear=True,
    ),
]
