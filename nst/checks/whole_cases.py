"""Small whole objectives: terms at several taps of networks, down to the gradient of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nst.checks.held import signature
from nst.checks.objective_check import ObjectiveReport, check_objective
from nst.engine.objective import Objective
from nst.layers import (
    AvgPool2d,
    Concat,
    Conv2d,
    Fourier,
    InstanceNorm,
    Layer,
    LRNAcross,
    MaxPool2d,
    Preprocess,
    ReLU,
    Sigmoid,
    UpsampleNearest,
    Warp,
)
from nst.losses import (
    GRAM,
    STATISTICS,
    Channel,
    Content,
    Direction,
    Diversity,
    Energy,
    Range,
    Statistic,
    Style,
    TotalVariation,
    Unit,
)
from nst.networks import Network, Node

MEAN = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class WholeCase:
    """An objective with an image: `make(rng)` returns both."""

    what: str
    make: Callable[[np.random.Generator], tuple[Objective, np.ndarray]]

    @property
    def name(self) -> str:
        """The name in the table."""
        return f"whole: {self.what}"

    def report(
        self, seed: int = 0, spoil: Callable[[Objective], object] = lambda objective: objective
    ) -> ObjectiveReport:
        """Check the objective, or what `spoil` makes of it, on the smooth piece around its image."""
        objective, image = self.make(np.random.default_rng(seed))
        return check_objective(
            spoil(objective), image, seed=seed, signature=lambda point: signature(objective, point)
        )


def _image(rng: np.random.Generator, height: int = 12, width: int = 15) -> np.ndarray:
    return rng.uniform(-20.0, 275.0, (1, height, width, 3))


def _conv(rng: np.random.Generator, inputs: int, outputs: int, **options: object) -> Conv2d:
    weight = rng.standard_normal((3, 3, inputs, outputs)) * np.sqrt(2 / (9 * inputs))
    return Conv2d(weight, 0.1 * rng.standard_normal(outputs), padding=1, **options)


def _vgg_nodes(rng: np.random.Generator, pool: Layer, padding_mode: str) -> list[Node]:
    return [
        Node("input", Preprocess(MEAN, 0.02, "BGR")),
        Node("conv1_1", _conv(rng, 3, 4, padding_mode=padding_mode)),
        Node("relu1_1", ReLU()),
        Node("conv1_2", _conv(rng, 4, 5, padding_mode=padding_mode)),
        Node("relu1_2", ReLU()),
        Node("pool1", pool),
        Node("conv2_1", _conv(rng, 5, 6, padding_mode=padding_mode)),
        Node("relu2_1", ReLU()),
    ]


def _branched_nodes(rng: np.random.Generator) -> list[Node]:
    return [
        Node("input", Preprocess(MEAN, 0.02)),
        Node("conv", _conv(rng, 3, 4)),
        Node("relu", ReLU()),
        Node("coarse", AvgPool2d(3, 3), ("relu",)),
        Node("up", UpsampleNearest(3)),
        Node("norm", InstanceNorm(rng.standard_normal(4), rng.standard_normal(4)), ("relu",)),
        Node("join", Concat(), ("up", "norm", "relu")),
        Node("lrn", LRNAcross(5, 0.5)),
        Node("conv2", _conv(rng, 12, 5)),
    ]


def _style_transfer(
    rng: np.random.Generator,
    nodes: list[Node],
    content: str,
    styles: list[str],
    statistics: tuple[Statistic, ...] = (GRAM,),
) -> tuple[Objective, np.ndarray]:
    """Return an objective of all kinds of terms; weights bring the terms to about the same size."""
    network = Network(nodes).freeze()
    picture, painting = _image(rng), _image(rng, 9, 12)
    target = network.forward(picture, [content])[0][content]
    painted = network.forward(painting, styles)[0]
    terms = [
        Content(content, target, 1.0),
        *(Style(tap, it.measure(painted[tap]), 100.0, it) for tap in styles for it in statistics),
        TotalVariation(1e-7),
        Range(1e-2),
    ]
    return Objective(network, terms), _image(rng)


def _wanted(rng: np.random.Generator) -> tuple[Objective, np.ndarray]:
    """Return what two pictures made of waves are maximised under, and their coefficients."""
    made = [
        Node("waves", Fourier(gain=1.0)),
        Node("colours", Conv2d(rng.standard_normal((1, 1, 3, 3)))),
        Node("range", Sigmoid(255)),
        Node("view", Warp.turned(17, 1.2, (0.7, -1.6), fill=117)),
    ]
    terms = [
        Unit("relu2_1", 2),
        Channel("relu1_2", 3, weight=3.0),
        Energy("conv2_1"),
        Direction("conv1_2", rng.standard_normal(5), power=2.0, weight=0.3),
        Diversity("relu1_2", weight=2.0),
    ]
    network = Network([*made, *_vgg_nodes(rng, MaxPool2d(), "zero")]).freeze()
    return Objective(network, terms), rng.standard_normal((2, 12, 15, 3))


WHOLE_CASES = [
    WholeCase(
        "VGG-like, max pooling",
        lambda rng: _style_transfer(
            rng, _vgg_nodes(rng, MaxPool2d(), "zero"), "relu2_1", ["relu1_1", "relu2_1"]
        ),
    ),
    WholeCase(
        "VGG-like, average pooling",
        lambda rng: _style_transfer(
            rng, _vgg_nodes(rng, AvgPool2d(), "reflect"), "relu1_2", ["conv1_1", "relu2_1"]
        ),
    ),
    WholeCase(
        "every statistic of style",
        lambda rng: _style_transfer(
            rng,
            _vgg_nodes(rng, AvgPool2d(), "circular"),
            "relu2_1",
            ["relu1_1", "relu2_1"],
            tuple(STATISTICS.values()),
        ),
    ),
    WholeCase(
        "branches that join",
        lambda rng: _style_transfer(rng, _branched_nodes(rng), "conv2", ["relu", "lrn"]),
    ),
    WholeCase("waves, seen turned", _wanted),
]
