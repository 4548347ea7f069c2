"""What a network costs: parameters, operations, the time of a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nst.engine import Objective
from nst.layers import Conv2d, Linear
from nst.losses import Style, gram
from nst.networks import Network, fused
from nst.networks.extent import shapes

Batch = tuple[np.ndarray, np.ndarray]
"""Pictures (N, H, W, C) and their labels (N,)."""


@dataclass(frozen=True)
class Costs:
    """Numbers in the network, and operations of a forward pass: a multiplication and an addition are two."""

    parameters: int
    operations: int


def costs(network: Network, shape: tuple[int, int, int, int]) -> Costs:
    """Count the parameters of a network and the operations of its convolutions and fully connected layers.

    An output of a convolution is a sum of kh kw C_in / groups products, at every place::

        operations = sum over layers of 2 (numbers of the kernel) (places of the output)
    """
    outputs = shapes(network, shape, network.names[-1:])
    parameters = operations = 0
    for name, node in network.nodes.items():
        parameters += sum(array.size for array in node.layer.parameters().values())
        if name in outputs and isinstance(node.layer, Conv2d | Linear):
            operations += 2 * node.layer.weight.size * math.prod(outputs[name][:-1])
    return Costs(parameters, operations)


def seconds_of_step(network: Network, picture: np.ndarray, taps: list[str], rounds: int = 3) -> float:
    """Return how long an evaluation of a style objective on a picture takes, forward and back: the best of some."""
    found, _ = network.forward(picture, taps)
    objective = Objective(fused(network, taps), [Style(tap, gram(found[tap])) for tap in taps])
    taken = []
    for _ in range(rounds + 1):  # the first compiles what it needs
        started = time.perf_counter()
        objective(picture)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


def seconds_of_answer(network: Network, scores: str, pictures: np.ndarray, rounds: int = 3) -> float:
    """Return how long a classifier takes for each of some pictures that it sees at once: the best of some rounds."""
    fast, taken = fused(network, [scores]), []
    for _ in range(rounds + 1):  # the first compiles what it needs
        started = time.perf_counter()
        fast.forward(pictures, [scores])
        taken.append(time.perf_counter() - started)
    return min(taken[1:]) / len(pictures)


def correct(network: Network, scores: str, batches: Iterable[Batch]) -> tuple[int, int, int]:
    """Return how many pictures a classifier was shown, and how often their label was its first, or among five."""
    fast, count, first, five = fused(network, [scores]), 0, 0, 0
    for pictures, labels in batches:
        answers = fast.forward(pictures, [scores])[0][scores].reshape(len(pictures), -1)
        hits = np.argsort(-answers, axis=1)[:, :5] == labels[:, None]
        count, first, five = count + len(labels), first + int(hits[:, 0].sum()), five + int(hits.sum())
    return count, first, five
