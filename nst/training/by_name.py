"""Take over what another network has learned, array by array, wherever name and shape are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.layers import Preprocess
from nst.networks import Network, Node, Weights

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ByName:
    """What `load_by_name` did, array by array: each is called `layer.name`.

    Attributes
    ----------
    loaded : dict of str to int
        How many numbers each array has.
    absent : tuple of str
        In the network only: they stay as they were.
    skipped : tuple of str
        In the file only.
    mismatched : dict of str to (tuple, tuple)
        In both, with different shapes: the network's, which stays as it was, and the file's.
    """

    loaded: dict[str, int]
    absent: tuple[str, ...]
    skipped: tuple[str, ...]
    mismatched: dict[str, tuple[Shape, Shape]]

    def lines(self) -> list[str]:
        """Return a table to print."""
        numbers = sum(self.loaded.values())
        rows = [
            ("loaded", f"{len(self.loaded)} arrays, {numbers:,} numbers: {_layers(self.loaded)}"),
            ("not in the file", _layers(self.absent)),
            ("not in the network", _layers(self.skipped)),
        ]
        rows += [
            ("another shape", f"{name}: {_shape(ours)} here, {_shape(theirs)} in the file")
            for name, (ours, theirs) in self.mismatched.items()
        ]
        return [f"  {what:<18}  {text}" for what, text in rows if text]


def load_by_name(network: Network, weights: Weights) -> ByName:
    """Copy each array of `weights` into the array of the network that has its name and its shape.

    This is what Keras calls loading by name: a network that shares layers with another one, by their names, starts
    with what those have learned; all others keep their fresh weights. Here each array counts by itself, so that a
    convolution whose bias the network lacks is loaded all the same.

    The weights of the convolution that sees the pictures expect something of its input. So the file's mean comes with
    them, and they are brought to the network's order of channels and to its scale, which changes no output: reversed
    along their inputs where one has RGB and the other BGR, and multiplied by the quotient of the scales.

    Parameters
    ----------
    network
        Its arrays are replaced, those of frozen layers too.
    weights
        Of any network, as `nst.formats.read` returns them.

    Raises
    ------
    NstError
        When not a single array fits; nothing has changed then.
    """
    ours = {
        f"{node.name}.{name}": (node.layer, name, array)
        for node in network.nodes.values()
        for name, array in node.layer.state().items()
    }
    shared = [label for label in ours if label in weights.arrays]
    fits = [label for label in shared if ours[label][2].shape == weights.arrays[label].shape]
    if not fits:
        raise NstError(_nothing(list(ours), weights))
    first = next(label for label in ours if label.endswith(".weight"))
    for label in fits:
        layer, name, array = ours[label]
        found = weights.arrays[label]
        if label == first:
            found = _as_it_sees(network, weights, found)
        setattr(layer, name, np.array(found, array.dtype, order="C"))
    return ByName(
        {label: ours[label][2].size for label in fits},
        tuple(label for label in ours if label not in weights.arrays),
        tuple(label for label in weights.arrays if label not in ours),
        {label: (ours[label][2].shape, weights.arrays[label].shape) for label in shared if label not in fits},
    )


def _as_it_sees(network: Network, weights: Weights, kernel: np.ndarray) -> np.ndarray:
    """Return the first kernel (kh, kw, 3, out) for the order and scale of the network's input; set its mean."""
    node = next(iter(network.nodes.values()))
    ours = node.layer
    if not isinstance(ours, Preprocess):
        return kernel
    mean, scale = np.array(weights.mean, np.float64), np.array(weights.scale, np.float64)
    if weights.channel_order != ours.channel_order:
        mean, scale, kernel = mean[::-1], scale[::-1], kernel[:, :, ::-1]
    layer = Preprocess(mean, ours.scale, ours.channel_order)
    layer.frozen = ours.frozen
    network.nodes[node.name] = Node(node.name, layer, node.inputs)
    return kernel * (scale / ours.scale)[:, None]


def _nothing(known: list[str], weights: Weights) -> str:
    theirs = next(iter(weights.arrays), "nothing")
    return (
        f"nothing to load by name from this {weights.network}: no array has both name and shape of one of the "
        f"network's, whose first is {known[0]}, that of the file {theirs}"
    )


def _layers(labels: Iterable[str], most: int = 5) -> str:
    """Return the names of layers, each with what it has, the middle ones left out of a long list."""
    parts: dict[str, list[str]] = {}
    for label in labels:
        layer, _, name = label.rpartition(".")
        parts.setdefault(layer, []).append(name)
    told = [f"{layer} ({', '.join(names)})" for layer, names in parts.items()]
    left = len(told) - most
    return ", ".join(told if left <= 1 else [*told[: most - 1], f"... {left} more ...", told[-1]])


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape))
