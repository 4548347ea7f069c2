"""The figures of lesson 02."""

from __future__ import annotations

import numpy as np

from lessons.figures.drawing import BLUE, FAINT, GREEN, ORANGE, RED, Curve, figure, loglog
from nst.checks import check_objective
from nst.layers import Conv2d, InstanceNorm
from nst.losses import gram, gram_loss
from nst.networks import Network, Node


@figure("checking-steps.svg")
def steps() -> str:
    """How the error of three difference formulas depends on the step, for one layer and one direction."""
    rng = np.random.default_rng(0)
    layer = InstanceNorm(np.array([1.5, -0.5]), np.array([0.3, 0.2]))
    x, v = rng.standard_normal((2, 1, 4, 5, 2))
    y, saved = layer.forward(x)
    dy = rng.standard_normal(y.shape)
    exact = np.vdot(layer.backward(dy, saved), v)

    def loss(t: float, dtype: type = np.float64) -> float:
        return np.vdot(dy.astype(dtype), layer.forward((x + t * v).astype(dtype))[0])

    def central(h: float, dtype: type = np.float64) -> float:
        return (loss(h, dtype) - loss(-h, dtype)) / (2 * h)

    hs = 10.0 ** np.arange(-12, -0.4, 0.5)
    formulas = {
        "f(h) - f(0)": (lambda h: (loss(h) - loss(0)) / h, ORANGE, (1e-8, 3e-5), ""),
        "f(h) - f(-h)": (central, BLUE, (1e-4, 7e-10), ""),
        "fourth order": (lambda h: (4 * central(h) - central(2 * h)) / 3, GREEN, (1.5e-3, 3e-14), ""),
        "f(h) - f(-h) in float32": (lambda h: central(h, np.float32), RED, (1.7e-7, 0.12), "6 4"),
    }
    curves = []
    for name, (formula, colour, at, dash) in formulas.items():
        chosen = hs[hs >= 1e-7] if dash else hs
        errors = [abs(formula(h) / exact - 1) for h in chosen]
        curves.append(Curve(name, chosen, errors, colour, at, dash))
    return loglog(curves, (-12, 0), (-14, 0), labels=("step h", "relative error"))


@figure("checking-slope.svg")
def slope() -> str:
    """The error of the directional derivative against the step, for one right and two wrong gradients."""
    rng = np.random.default_rng(0)
    shapes = {"conv1": (3, 3, 3, 8), "conv2": (3, 3, 8, 6)}
    nodes = [Node(name, Conv2d(rng.standard_normal(shape) / 6, padding=1)) for name, shape in shapes.items()]
    network = Network(nodes)
    image, painting = rng.standard_normal((2, 1, 8, 9, 3))
    image /= np.sqrt(np.mean(image**2))  # so that the steps are round numbers
    style = network.forward(painting, ["conv2"])[0]["conv2"]

    def right(image: np.ndarray) -> tuple[float, np.ndarray]:
        features, tape = network.forward(image, ["conv2"])
        value, dfeatures = gram_loss(features["conv2"], gram(style))
        return value, network.backward({"conv2": dfeatures}, tape)

    def longer(image: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = right(image)
        return value, 1.001 * gradient

    def other_features(image: np.ndarray) -> tuple[float, np.ndarray]:
        features, tape = network.forward(image, ["conv2"])
        value, _ = gram_loss(features["conv2"], gram(style))
        difference = gram(features["conv2"]) - gram(style)
        scale = 4 / (style.shape[-1] ** 2 * style.size)
        return value, network.backward({"conv2": scale * style @ difference}, tape)

    curves = []
    for name, objective, colour, at in (
        ("right: falls as h squared", right, GREEN, (1.2e-3, 1e-7)),
        ("0.1 % too long", longer, ORANGE, (1.2e-5, 2e-3)),
        ("features of the wrong picture", other_features, RED, (1.2e-5, 2.5)),
    ):
        report = check_objective(objective, image)
        curves.append(Curve(name, report.steps, np.median(report.errors, axis=0), colour, at))
    limit = Curve("a tolerance of 1 %", (1e-6, 1e-1), (1e-2, 1e-2), FAINT, (1.2e-5, 1.4e-2), "3 4")
    return loglog([*curves, limit], (-6, -1), (-11, 1), labels=("step h", "relative error"))
