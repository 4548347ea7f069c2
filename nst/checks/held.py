"""The smooth piece of an objective: its kinks held as one image sets them.

Networks of ReLUs and max pools are smooth only in pieces. A photograph at full size sits within a rounding
error of thousands of kinks, so that no step is small enough to keep clear of them and large enough to be
measured. But around any image that lies on no kink, the network *equals* the one whose ReLUs and max pools
are held: each unit stays on or off, each window keeps its winner. That network is smooth everywhere, has
the same value and the same gradient at the image, and its error slope can be measured at any size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nst.checks.objective_check import ObjectiveReport, compare
from nst.layers import Layer, MaxPool2d, ReLU
from nst.losses import HISTOGRAM, Content, Range, Style
from nst.networks import Network, Node


class Gate(Layer):
    """A ReLU whose units stay on or off: y = mask x."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return x where the mask is set, 0 elsewhere."""
        return np.where(self.mask, x, 0), None


class Pick(Layer):
    """A max pool whose windows keep their winners.

    Parameters
    ----------
    pool
        The max pool.
    argmax : (N, Ho, Wo, C) array of int
        The number `i kw + j` of each window's winner.
    """

    def __init__(self, pool: MaxPool2d, argmax: np.ndarray) -> None:
        n, rows, columns, c = np.indices(argmax.shape, sparse=True)
        i, j = np.divmod(argmax.astype(np.intp), pool.size[1])
        (top, _), (left, _) = pool.padding
        self.where = n, rows * pool.stride[0] - top + i, columns * pool.stride[1] - left + j, c

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return the winners' values."""
        return x[self.where], None


def hold(network: Network, image: np.ndarray, taps: list[str]) -> Network:
    """Return the smooth network, forward only, equal to `network` around `image`, as deep as `taps` need."""
    _, tape = network.forward(image, taps)
    nodes = []
    for name in tape.saved:
        node = network.nodes[name]
        if isinstance(node.layer, ReLU):
            node = Node(name, Gate(tape.saved[name]), node.inputs)
        elif isinstance(node.layer, MaxPool2d):
            node = Node(name, Pick(node.layer, tape.saved[name][0]), node.inputs)
        nodes.append(node)
    return Network(nodes, network.aliases)


def held_values(objective: Any, image: np.ndarray) -> Callable[[np.ndarray], list[float]]:
    """Return the values of the terms of `objective`, with all kinks held as `image` sets them.

    Parameters
    ----------
    objective
        Has a `network`, its `taps` and its `terms`, as `nst.engine.objective.Objective`.
    image
        Around it, the held terms equal the terms.
    """
    network = hold(objective.network, image, objective.taps)
    at, _ = objective.network.forward(image, objective.taps)
    terms = [_held_term(term, image if term.tap is None else at[term.tap]) for term in objective.terms]

    def values(point: np.ndarray) -> list[float]:
        features, _ = network.forward(point, objective.taps)
        return [term(point if term.tap is None else features[term.tap])[0] for term in terms]

    return values


def _held_term(term: Any, features: np.ndarray) -> Any:
    """Return a term, or where it has kinks the smooth one that equals it around the features."""
    if isinstance(term, Range):
        return _HeldRange(term, features)
    if isinstance(term, Style) and term.statistic is HISTOGRAM:  # each value keeps its rank
        return Content(term.tap, HISTOGRAM.matched(features, term.target), term.weight)
    return term


class _HeldRange:
    """A range penalty on the pixels that overshoot in one image, whether or not they still do."""

    tap = None

    def __init__(self, term: Range, image: np.ndarray) -> None:
        self.limit = np.clip(image, term.low, term.high)
        self.outside = image != self.limit
        self.weight = term.weight

    def __call__(self, point: np.ndarray) -> tuple[float, None]:
        return self.weight * float(np.mean(np.square(point - self.limit) * self.outside)), None


def signature(objective: Any, image: np.ndarray) -> bytes:
    """Return a name for the smooth piece of `objective` on which `image` lies.

    Two images have the same name when every ReLU is on or off, every max pool's winner stands where it
    stood, every pixel is within or beyond its range, and every value of a histogram has its rank, in both alike.
    """
    features, tape = objective.network.forward(image, objective.taps)
    digest = hashlib.blake2b()
    for term in objective.terms:
        if isinstance(term, Range):
            digest.update(np.packbits([image < term.low, image > term.high]).tobytes())
        if isinstance(term, Style) and term.statistic is HISTOGRAM:
            digest.update(HISTOGRAM.matched(features[term.tap], term.target).tobytes())
    for name, saved in tape.saved.items():
        layer = objective.network.nodes[name].layer
        if isinstance(layer, ReLU):
            digest.update(np.packbits(saved).tobytes())
        elif isinstance(layer, MaxPool2d):
            digest.update(saved[0].tobytes())
    return digest.digest()


def check_terms(
    objective: Any, image: np.ndarray, *, directions: int = 3, seed: int = 0
) -> dict[str, ObjectiveReport]:
    """Check the image gradient of each term by itself, and of their sum under the label `"total"`.

    All terms share the forward passes: 67 of them for three directions.

    Parameters
    ----------
    objective
        An `nst.engine.objective.Objective` in float64.
    image
        The picture, (1, H, W, 3); a crop of 64 pixels proves as much as the whole.
    directions, seed
        As for `check_objective`.
    """
    image = np.array(image, dtype=np.float64)
    values = held_values(objective, image)

    def with_total(point: np.ndarray) -> list[float]:
        parts = values(point)
        return [*parts, sum(parts)]

    at = objective(image)
    alone = objective.term_gradients(image)
    gradients = [*alone.values(), at.gradient]
    found = [*at.parts.values(), at.value]
    reports = compare(with_total, image, found, gradients, directions=directions, seed=seed)
    return dict(zip([*alone, "total"], reports, strict=True))
