"""How long a step will take on this machine, from a measurement of half a second.

Each kind of layer is run once on a map that is large enough to show its pace, and no larger; the time of a larger
map is in proportion to its arithmetic. What is known of one size serves for the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any

import numpy as np

from nst.layers import Layer
from nst.losses import content_loss, gram, gram_loss, total_variation
from nst.networks import Network

BUDGET = 2e9  # operations of a convolution that is measured
LARGEST = 2**22  # numbers of any map that is measured
SMALLEST = 1024  # places: fewer would measure what is done once for each map
GRAIN = 8  # rows and columns of a measured map: whole tiles before pooling and after
TRIES = 2


@dataclass(frozen=True)
class Estimate:
    """Seconds of one step, by phase."""

    forward: float
    losses: float
    backward: float

    @property
    def total(self) -> float:
        """The whole step, in seconds."""
        return self.forward + self.losses + self.backward


class Calibration:
    """What this machine needs for a network's layers and for the losses on them.

    Nothing is measured before the first question.

    Parameters
    ----------
    network
        The one that will run: fused, if that is what will run.
    content, style
        The taps of the two kinds of loss.
    """

    def __init__(self, network: Network, content: Iterable[str] = (), style: Iterable[str] = ()) -> None:
        self.network = network
        self.content = [network.resolve(tap) for tap in content]
        self.style = [network.resolve(tap) for tap in style]
        self._known: dict[Any, tuple[float, float]] = {}

    def step(self, shape: tuple[int, ...]) -> Estimate:
        """Return the time of value and gradient for an image of shape (1, H, W, 3)."""
        passes, shapes = self._passes(shape)
        losses = sum(self._loss(_style_loss, shapes[tap]) for tap in self.style)
        losses += sum(self._loss(_content_loss, shapes[tap]) for tap in self.content)
        losses += self._loss(_smoothness, shape)
        return Estimate(
            sum(forward for forward, _ in passes), losses, sum(backward for _, backward in passes)
        )

    def forward(self, shape: tuple[int, ...]) -> float:
        """Return the time of one forward pass and its Gram matrices: of measuring a picture once."""
        passes, shapes = self._passes(shape)
        return sum(forward for forward, _ in passes) + sum(
            self._loss(_gram, shapes[tap]) for tap in self.style
        )

    def _passes(self, shape: tuple[int, ...]) -> tuple[list[tuple[float, float]], dict[str, tuple[int, ...]]]:
        """Return the time of each node that runs, forward and backward, and the shape of what it gives."""
        needed, shapes, passes = self.network.needed([*self.content, *self.style]), {Network.IMAGE: shape}, []
        for node in self.network.nodes.values():
            if node.name in needed:
                source = shapes[node.inputs[0]]
                passes.append(self._layer(node.layer, source))
                shapes[node.name] = node.layer.output_shape(source)
        return passes, shapes

    def _layer(self, layer: Layer, shape: tuple[int, ...]) -> tuple[float, float]:
        convolution = getattr(layer, "conv", layer)
        kernel = getattr(convolution, "weight", np.zeros((1, 1, 1, 0))).shape
        small = _limited(shape, BUDGET / max(1, 2 * prod(kernel)))
        key = type(layer), kernel, getattr(layer, "pool", None), small
        if key not in self._known:
            self._known[key] = _measured(layer, small)
        return tuple(seconds * _work(shape) / _work(small) for seconds in self._known[key])

    def _loss(self, loss: Callable[[np.ndarray], object], shape: tuple[int, ...]) -> float:
        small = _limited(shape, BUDGET / (4 * shape[3] ** 2))
        if (loss, small) not in self._known:
            features = np.ones(small, np.float32)
            self._known[loss, small] = _best(lambda: loss(features)), 0.0
        return self._known[loss, small][0] * prod(shape) / prod(small)


def _style_loss(features: np.ndarray) -> object:
    return gram_loss(features, np.zeros((features.shape[3],) * 2))


def _content_loss(features: np.ndarray) -> object:
    return content_loss(features, features)


def _gram(features: np.ndarray) -> object:
    return gram(features)


def _smoothness(image: np.ndarray) -> object:
    return total_variation(image)


def _limited(shape: tuple[int, ...], places: float) -> tuple[int, ...]:
    """Return the shape of a map of about so many places, if the given one has more: the same for all large ones."""
    count, height, width, channels = shape
    side = GRAIN * ceil(sqrt(min(max(places, SMALLEST), LARGEST / channels)) / GRAIN)
    return shape if height * width <= side * side else (count, side, side, channels)


def _work(shape: tuple[int, ...]) -> int:
    """Return what the time of a layer is in proportion to: places, in whole tiles of four by four."""
    return ceil(shape[1] / 4) * ceil(shape[2] / 4)


def _measured(layer: Layer, shape: tuple[int, ...]) -> tuple[float, float]:
    x = np.ones(shape, np.float32)
    y, saved = layer.forward(x)  # filters are prepared here, and kernels loaded
    dy = np.ones(y.shape, np.float32)
    layer.backward(dy, saved)
    return _best(lambda: layer.forward(x)), _best(lambda: layer.backward(dy, saved))


def _best(run: Callable[[], object]) -> float:
    best = np.inf
    for _ in range(TRIES):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best
