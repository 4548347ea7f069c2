"""A network being written down, node by node, as far as its weights reach."""

from __future__ import annotations

from typing import Any

from nst.layers import Conv2d, Flatten, Linear, Preprocess, ReLU, Softmax
from nst.layers.base import Layer
from nst.networks.network import Network, Node
from nst.networks.weights import Weights


class Plan:
    """Nodes in order; what lacks its weights, or an input, is left out.

    So one description serves files that stop early: all that can be computed is there, and nothing else.

    Parameters
    ----------
    weights
        The arrays by name. The first node is `input`, which does their preprocessing.
    """

    def __init__(self, weights: Weights) -> None:
        self.arrays = weights.arrays
        self.nodes = [Node("input", Preprocess(weights.mean, weights.scale, weights.channel_order))]
        self.aliases: dict[str, str] = {}

    def add(self, name: str, layer: Layer, *inputs: str) -> str:
        """Add a node that reads `inputs`, if they are all there; return its name."""
        if set(inputs) <= {node.name for node in self.nodes}:
            self.nodes.append(Node(name, layer, inputs))
        return name

    def conv(self, name: str, source: str, relu: str, **options: Any) -> str:
        """Add a convolution and its ReLU, if their weights are there; return the name of the ReLU."""
        if f"{name}.weight" in self.arrays:
            layer = Conv2d(self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"], **options)
            self.add(name, layer, source)
        return self.add(relu, ReLU(), name)

    def linear(self, name: str, source: str) -> str:
        """Add a fully connected layer, if its weights are there; return its name."""
        if f"{name}.weight" in self.arrays:
            self.add(name, Linear(self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]), source)
        return name

    def classifier(self, source: str) -> None:
        """Add three fully connected layers and the softmax; without fc6 there is nothing to flatten for."""
        if "fc6.weight" not in self.arrays:
            return
        x = self.add("flatten", Flatten(), source)
        for number in (6, 7):
            x = self.add(f"relu{number}", ReLU(), self.linear(f"fc{number}", x))
        self.add("prob", Softmax(), self.linear("fc8", x))

    def network(self) -> Network:
        """Return the frozen network."""
        names = {node.name for node in self.nodes}
        return Network(self.nodes, {alias: n for alias, n in self.aliases.items() if n in names}).freeze()
