"""How much memory a walk through a network takes, known from the shapes before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from nst.networks.extent import shapes
from nst.networks.network import Network


def walk_bytes(network: Network, taps: Iterable[str], shape: tuple[int, ...], itemsize: int = 4) -> int:
    """Return the most that a forward and a backward pass hold at once, in bytes.

    Counted are the image's own copy, the features that later layers still read, the tape, and the gradients underway,
    as `Network.forward` and `Network.backward(..., consume=True)` make and drop them; each tap's gradient is made when
    the walk back gets there. Not counted are the kernels' own buffers and the weights.

    Parameters
    ----------
    network
    taps
        Where features are read and gradients enter.
    shape : tuple of int
        Of the image, (N, H, W, C).
    itemsize : int
        Bytes of one number.
    """
    taps = {network.resolve(tap) for tap in taps}
    if not taps:
        return 0
    found = shapes(network, shape, taps) | {network.IMAGE: tuple(shape)}
    sizes = {name: itemsize * math.prod(one) for name, one in found.items()}
    walk = _Walk(network, taps, sizes, found, itemsize)
    walk.forward()
    walk.backward()
    return walk.peak


@dataclass
class _Walk:
    """A walk in which nothing is computed: who holds what, and the most that was held."""

    network: Network
    taps: set[str]
    sizes: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    itemsize: int
    peak: int = 0
    tape: dict[str, int] = field(default_factory=dict)  # by node: what it saved, but for features
    held: dict[str, int] = field(default_factory=dict)  # features that are still needed, by node

    def note(self, *more: int) -> None:
        """Take note of what is held now, together with some more."""
        self.peak = max(self.peak, sum(self.tape.values()) + sum(self.held.values()) + sum(more))

    def beside(self, name: str) -> tuple[int, int]:
        """Return what a node's layer saves beside its output, and the memory that it works in."""
        node = self.network.nodes[name]
        found = [self.shapes[source] for source in node.inputs]
        return node.layer.memory(found if node.layer.joins else found[0], self.itemsize)

    def forward(self) -> None:
        """Make features and tape; drop what neither a later node nor the walk back needs."""
        nodes = [node for node in self.network.nodes.values() if node.name in self.shapes]
        last_use = {source: node.name for node in nodes for source in node.inputs}
        self.held[self.network.IMAGE] = self.sizes[self.network.IMAGE]
        for node in nodes:
            saved, working = self.beside(node.name)
            self.tape[node.name], self.held[node.name] = saved, self.sizes[node.name]
            self.note(working)
            for source in node.inputs:
                if last_use[source] == node.name and not self.is_kept(source):
                    del self.held[source]
        del self.held[self.network.IMAGE]

    def is_kept(self, name: str) -> bool:
        """Tell whether features live on after they have been read: the image, a tap, what the tape holds."""
        return name in self.taps or name == self.network.IMAGE or self.network.nodes[name].layer.saves_output

    def backward(self) -> None:
        """Make the gradients from the deepest node up, and drop what has been used."""
        underway: dict[str, int] = {}
        for name in reversed(list(self.tape)):
            if name in self.taps:
                underway.setdefault(name, 0)
                self.note(*underway.values(), self.sizes[name])  # what has arrived, and the tap's own
                underway[name] = self.sizes[name]
            if name not in underway:
                continue
            node = self.network.nodes[name]
            arriving = {source: self.sizes[source] for source in node.inputs}
            self.note(self.beside(name)[1], *underway.values(), *arriving.values())
            underway.update(arriving)
            del underway[name], self.tape[name]
            self.held.pop(name, None)
            if node.layer.adds:  # it has added to the gradient of a tap: they are one array
                underway.update({source: 0 for source in arriving if source in self.taps})
