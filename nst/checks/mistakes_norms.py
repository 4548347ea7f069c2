"""Deliberate mistakes where statistics are differentiated: the normalisations and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst.checks.cases import find
from nst.checks.mutations import At, Wrong, altered, mistakes, pulled_back


def three_terms(
    at: At, axes: tuple[int, ...], *, mean: float = 1.0, variance: float = 1.0, eps: float | None = None
) -> np.ndarray:
    """Return gamma/sigma (dy - mean <dy> - variance x_hat <dy x_hat>), `<>` being averages over `axes`."""
    eps = at.layer.eps if eps is None else eps
    gamma = 1.0 if at.layer.gamma is None else at.layer.gamma
    sigma = np.sqrt(at.x.var(axes, keepdims=True) + eps)
    x_hat, d = (at.x - at.x.mean(axes, keepdims=True)) / sigma, at.dy * gamma
    through_mean = d.mean(axes, keepdims=True)
    through_variance = x_hat * (d * x_hat).mean(axes, keepdims=True)
    return (d - mean * through_mean - variance * through_variance) / sigma


def normalised(axes: tuple[int, ...], m: int) -> dict[str, Wrong]:
    """Return the mistakes that batch and instance normalisation share; `m` values make each mean."""
    return {
        "the mean term is missing": lambda at: three_terms(at, axes, mean=0.0),
        "the variance term is missing": lambda at: three_terms(at, axes, variance=0.0),
        "mean and variance are taken for constants": lambda at: three_terms(at, axes, mean=0.0, variance=0.0),
        "the variance term has the wrong sign": lambda at: three_terms(at, axes, variance=-1.0),
        "the variance term is doubled": lambda at: three_terms(at, axes, variance=2.0),
        "the variance is taken to be divided by m - 1": lambda at: three_terms(
            at, axes, variance=m / (m - 1)
        ),
        "the sums are not divided by m": lambda at: three_terms(at, axes, mean=m, variance=m),
        "gamma is forgotten": lambda at: at.dx / at.layer.gamma,
        "gamma is applied twice": lambda at: at.dx * at.layer.gamma,
        "sigma is forgotten": lambda at: at.dx * np.sqrt(at.x.var(axes, keepdims=True) + at.layer.eps),
    }


def window_sum(x: np.ndarray, axes: tuple[int, ...], before: int, after: int) -> np.ndarray:
    """Return the sums over windows that reach `before` and `after` along `axes`, with zeros outside."""
    for axis in axes:
        widths = [(before, after) if axis == i else (0, 0) for i in range(x.ndim)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, widths), before + after + 1, axis)
        x = windows.sum(axis=-1)
    return x


def two_terms(at: At, *, factor: float = 1.0, mirrored: bool = True, **changed: Any) -> np.ndarray:
    """Return dy s^-beta - factor 2 strength beta a (sum of dy a s^power over windows that hold the place)."""
    layer = at.layer
    axes, size = changed.get("axes", layer.window_axes), layer.size
    before, after = size // 2, (size - 1) // 2
    s = changed.get("k", layer.k) + layer.strength * window_sum(at.x**2, layer.window_axes, before, after)
    inside = at.dy * at.x * s ** changed.get("power", -layer.beta - 1)
    if "size" in changed:
        before = after = changed["size"] // 2
    elif mirrored:
        before, after = after, before
    across = window_sum(inside, axes, before, after)
    return at.dy * s**-layer.beta - factor * 2 * layer.strength * layer.beta * at.x * across


def undivided(at: At) -> np.ndarray:
    """Pull back with alpha in the place of alpha/n, or the other way round."""
    return pulled_back(altered(at.layer, divide=not at.layer.divide), at.x, at.dy)


def local(layer: str, usual: str) -> list[Any]:
    """Return the mistakes that both local response normalisations share."""
    return [
        *mistakes(
            find(layer, usual),
            {
                "the term through the neighbours is missing": lambda at: two_terms(at, factor=0.0),
                "the term through the neighbours has the wrong sign": lambda at: two_terms(at, factor=-1.0),
                "the 2 of the square is missing": lambda at: two_terms(at, factor=0.5),
                "beta is missing": lambda at: two_terms(at, factor=1 / at.layer.beta),
                "the power is -beta, not -beta - 1": lambda at: two_terms(at, power=-at.layer.beta),
                "alpha is not divided by n": undivided,
                "each place is taken to be alone in its window": lambda at: two_terms(at, size=1),
                "the exponent is forgotten": lambda at: at.dx * (at.x / at.y) ** (1 - 1 / at.layer.beta),
            },
        ),
        *mistakes(
            find(layer, "size 4, lopsided"),
            {"the lopsided window is not mirrored": lambda at: two_terms(at, mirrored=False)},
        ),
        *mistakes(
            find(layer, "alpha not divided"),
            {
                "alpha is divided by n after all": undivided,
                "k is taken for 1": lambda at: two_terms(at, k=1.0),
            },
        ),
        *mistakes(find(layer, "values in the hundreds"), {"dy is returned as it came": lambda at: at.dy}),
    ]


BATCH, PIXELS = (0, 1, 2), (1, 2)

NORM_MISTAKES = [
    *mistakes(find("BatchNorm", "training"), normalised(BATCH, 36)),
    *mistakes(
        find("BatchNorm", "training"),
        {
            "each picture has statistics of its own": lambda at: three_terms(at, PIXELS),
            "the statistics are the running ones": lambda at: pulled_back(at.layer, at.x, at.dy),
        },
    ),
    *mistakes(
        find("BatchNorm", "training, 2 axes"),
        {"averaged over channels, not over the batch": lambda at: three_terms(at, (1,))},
    ),
    *mistakes(
        find("BatchNorm", "training, large eps"),
        {"eps is left out": lambda at: three_terms(at, BATCH, eps=0.0)},
    ),
    *mistakes(
        find("BatchNorm", "inference"),
        {
            "the running statistics are differentiated": lambda at: three_terms(at, BATCH),
            "divided by the variance, not by its root": lambda at: (
                at.dx / np.sqrt(at.layer.running_var + at.layer.eps)
            ),
            "gamma is forgotten": lambda at: at.dx / at.layer.gamma,
        },
    ),
    *mistakes(
        find("BatchNorm", "training"),
        {
            "the input stands in the place of x_hat": lambda at: (at.dy * at.x).sum(BATCH),
            "averaged over the batch": lambda at: at.grads["gamma"] / 36,
            "the first picture alone": lambda at: (at.dy * at.y)[0].sum((0, 1)),
            "the output stands in the place of x_hat": lambda at: (at.dy * at.y).sum(BATCH),
        },
        of="gamma",
    ),
    *mistakes(
        find("BatchNorm", "training"),
        {
            "averaged over the batch": lambda at: at.dy.mean(BATCH),
            "multiplied by gamma": lambda at: at.grads["beta"] * at.layer.gamma,
        },
        of="beta",
    ),
    *mistakes(find("InstanceNorm", "scale and shift"), normalised(PIXELS, 20)),
    *mistakes(
        find("InstanceNorm", "scale and shift"),
        {
            "the statistics are the whole batch's": lambda at: three_terms(at, BATCH),
            "averaged along rows only": lambda at: three_terms(at, (2,)),
        },
    ),
    *mistakes(
        find("InstanceNorm", "plain"),
        {"the variance term is missing": lambda at: three_terms(at, PIXELS, variance=0.0)},
    ),
    *mistakes(
        find("InstanceNorm", "large eps"),
        {"eps is left out": lambda at: three_terms(at, PIXELS, eps=0.0)},
    ),
    *mistakes(
        find("InstanceNorm", "scale and shift"),
        {
            "the first picture alone": lambda at: at.dx[0].sum((0, 1)),
            "averaged over pixels": lambda at: at.grads["gamma"] / 20,
            "the output stands in the place of x_hat": lambda at: (at.dy * at.y).sum(BATCH),
        },
        of="gamma",
    ),
    *mistakes(
        find("InstanceNorm", "scale and shift"),
        {
            "averaged over pixels": lambda at: at.grads["beta"] / 20,
            "the first picture alone": lambda at: at.dy[0].sum((0, 1)),
        },
        of="beta",
    ),
    *local("LRNAcross", "size 5"),
    *mistakes(
        find("LRNAcross", "size 5"),
        {"the window runs over pixels, not channels": lambda at: two_terms(at, axes=PIXELS)},
    ),
    *local("LRNWithin", "size 3"),
    *mistakes(
        find("LRNWithin", "size 3"),
        {"the window runs along one axis only": lambda at: two_terms(at, axes=(1,))},
    ),
    *mistakes(
        find("Softmax", "2 axes"),
        {
            "the sum is missing": lambda at: at.y * at.dy,
            "the sum has the wrong sign": lambda at: at.y * (at.dy + (at.dy * at.y).sum(-1, keepdims=True)),
            "the sum is over the batch": lambda at: at.y * (at.dy - (at.dy * at.y).sum(0, keepdims=True)),
            "the sum is not weighted by p": lambda at: at.y * (at.dy - at.dy.sum(-1, keepdims=True)),
            "only the diagonal of the Jacobian is kept, p (1 - p)": lambda at: at.dy * at.y * (1 - at.y),
            "p is not multiplied in": lambda at: at.dy - (at.dy * at.y).sum(-1, keepdims=True),
            "scores are taken for probabilities": lambda at: (
                at.x * (at.dy - (at.dy * at.x).sum(-1, keepdims=True))
            ),
        },
    ),
]
