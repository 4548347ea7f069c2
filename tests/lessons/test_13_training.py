"""The answers to the exercises of lesson 13."""

from __future__ import annotations

import math

import numpy as np

from nst.layers import BatchNorm, Conv2d, Linear, MaxPool2d, ReLU
from nst.networks import Network, Node
from nst.optimizers import SGD
from nst.training.average import Average


def test_kernels_under_a_normalisation_only_grow() -> None:
    """<w, dw> is 0, since a longer kernel gives the same output; so by Pythagoras any step makes it longer."""
    rng = np.random.default_rng(0)
    kernel, x = rng.standard_normal((3, 3, 2, 4)), rng.standard_normal((3, 6, 6, 2))
    conv, norm = Conv2d(kernel, padding=1), BatchNorm(np.ones(4), np.zeros(4), np.zeros(4), np.ones(4), eps=0)
    y, saved = conv.forward(x)
    _, saved_norm = norm.forward(y, training=True)
    dy = norm.backward(rng.standard_normal(y.shape), saved_norm)
    gradient = conv.gradients(dy, saved)["weight"]
    assert abs(np.vdot(kernel, gradient)) < 1e-10 * np.linalg.norm(kernel) * np.linalg.norm(gradient)
    moved = kernel - 0.1 * gradient
    longer = np.square(kernel).sum() + 0.01 * np.square(gradient).sum()
    assert math.isclose(np.square(moved).sum(), longer, rel_tol=1e-10)


def test_a_falling_function_has_its_maximum_elsewhere() -> None:
    """With gamma = -1 the largest input becomes the least output; with gamma = 1 the order does not matter."""
    x = np.random.default_rng(0).standard_normal((1, 4, 4, 1))
    pool, relu = MaxPool2d(2), ReLU()

    def run(gamma: float, *order: str) -> np.ndarray:
        norm = BatchNorm(np.array([gamma]), np.zeros(1), np.zeros(1), np.ones(1))
        layers, y = {"norm": norm, "relu": relu, "pool": pool}, x
        for name in order:
            y = layers[name].forward(y)[0]
        return y

    first, last = ("pool", "norm", "relu"), ("norm", "relu", "pool")
    assert np.array_equal(run(1.0, *first), run(1.0, *last))
    assert not np.allclose(run(-1.0, *first), run(-1.0, *last))


def test_the_average_forgets_its_beginning() -> None:
    """The share of the first weights is the product of (1 + t) / (10 + t), less than 1e-6 after 20 steps; 0.98 else."""
    network = Network([Node("fc", Linear(np.ones((1, 1))))])
    average = Average(network, 0.999)
    network.nodes["fc"].layer.weight = np.zeros((1, 1))
    for _ in range(20):
        average.update()
    left = float(average.network.nodes["fc"].layer.weight[0, 0])
    assert math.isclose(left, math.prod((1 + t) / (10 + t) for t in range(1, 21)), rel_tol=1e-6)
    assert left < 1e-6
    assert 0.98 < 0.999**20 < 0.981


def _steps(momentum: float, rate: float, nesterov: bool) -> int:
    """Return how many steps lead from (1, 1) to the bottom of the lesson's valley."""
    w, slopes, optimizer = np.array([1.0, 1.0]), np.array([1.0, 100.0]), SGD(momentum, nesterov)
    for step in range(1, 1000):
        optimizer.update({"l": {"w": w}}, {"l": {"w": slopes * w}}, rate)
        if np.abs(w).max() < 1e-6:
            return step
        if np.abs(w).max() > 1e6:
            break
    return 1000


def test_the_best_momentum_is_known() -> None:
    """(9/11)^2 with the rate 4/11^2 takes 95 steps, a seventh of those without; other momenta take more."""
    best = _steps((9 / 11) ** 2, 4 / 11**2, nesterov=False)
    assert best == 95
    for momentum in (0.4, 0.9):
        assert min(_steps(momentum, rate, False) for rate in np.geomspace(0.005, 0.04, 12)) > best
