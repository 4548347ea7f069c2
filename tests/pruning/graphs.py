"""Random small networks, and the definition of what removing channels must equal: holding them at zero."""

from __future__ import annotations

import copy

import numpy as np

from nst.layers import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    InstanceNorm,
    Linear,
    LRNWithin,
    MaxPool2d,
    ReLU,
)
from nst.networks import Network, Node


def random_network(rng: np.random.Generator, steps: int = 12) -> Network:
    """Return a network of branches, concatenations, groups, normalisations and poolings, ending in two dense layers.

    It takes pictures of 8x8 pixels; the widths are multiples of 4, but for the picture's 3.
    """
    nodes, maps = [_conv(rng, "first", "", 3, 8)], {"first": 8}
    for step in range(steps):
        source = list(maps)[int(rng.integers(max(0, len(maps) - 3), len(maps)))]
        width, name = maps[source], f"n{step}"
        kind = rng.choice(["conv", "conv", "norm", "instance", "relu", "concat", "max", "avg", "lrn"])
        if kind == "conv":
            outputs = int(rng.choice([4, 8, 12]))
            groups = int(rng.choice([g for g in (1, 2, 4) if width % g == outputs % g == 0]))
            node = _conv(rng, name, source, width, outputs, groups)
            width = outputs
        elif kind == "concat":
            other = list(maps)[int(rng.integers(len(maps)))]
            node, width = Node(name, Concat(), (source, other)), width + maps[other]
        else:
            node = Node(name, _by_channel(rng, kind, width), (source,))
        nodes.append(node)
        maps[name] = width
    last, width = list(maps.items())[-1]
    nodes += [
        Node("flatten", Flatten(), (last,)),
        Node("dense", Linear(rng.standard_normal((64 * width, 5)), rng.standard_normal(5))),
        Node("scores", Linear(rng.standard_normal((5, 4)))),
    ]
    return Network(nodes)


def _conv(rng, name: str, source: str, inputs: int, outputs: int, groups: int = 1) -> Node:
    kernel = rng.standard_normal((3, 3, inputs // groups, outputs)) / np.sqrt(9 * inputs / groups)
    bias = rng.standard_normal(outputs) if rng.integers(2) else None
    return Node(name, Conv2d(kernel, bias, padding=1, groups=groups), (source,))


def _by_channel(rng, kind: str, width: int):
    normal = rng.standard_normal
    return {
        "norm": lambda: BatchNorm(normal(width), normal(width), normal(width), rng.uniform(0.5, 2, width)),
        "instance": lambda: InstanceNorm(normal(width), normal(width)),
        "relu": ReLU,
        "max": lambda: MaxPool2d(3, 1, padding=1),
        "avg": lambda: AvgPool2d(3, 1, padding=1),
        "lrn": lambda: LRNWithin(3, alpha=0.1),
    }[kind]()


def masked(network: Network, kept: dict[str, np.ndarray]) -> tuple[Network, dict[str, np.ndarray]]:
    """Return the network with all other channels held at zero up to where they are mixed, and what is kept by node."""
    alive: dict[str, np.ndarray] = {network.IMAGE: np.ones(3, bool)}
    nodes = []
    for node in network.nodes.values():
        layer = copy.copy(node.layer)
        seen = [alive[source] for source in node.inputs]
        if isinstance(layer, Conv2d | Linear):
            alive[node.name] = np.isin(
                np.arange(layer.weight.shape[-1]), kept.get(node.name, np.arange(1000))
            )
        elif isinstance(layer, Flatten):
            alive[node.name] = np.tile(seen[0], 64)
        else:
            alive[node.name] = np.concatenate(seen)
        for name, array in layer.parameters().items():
            if array.shape[-1] == len(alive[node.name]):
                setattr(layer, name, array * alive[node.name])
        nodes.append(Node(node.name, layer, node.inputs))
    return Network(nodes), {name: np.flatnonzero(found) for name, found in alive.items()}
