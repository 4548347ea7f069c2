"""Removing filters in a network with branches, with what they said predicted from those that stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from nst.errors import NstError
from nst.layers import BatchNorm, Conv2d, MaxPool2d
from nst.networks import Network, Node
from nst.networks.surgery import remove
from nst.pruning.cut import places_of, regression, rows_at


def mend(
    network: Network, kept: Mapping[str, Sequence[int]], pictures: Sequence[np.ndarray], seed: int = 0
) -> Network:
    """Return what `remove` returns, with each convolution that lost inputs fitted to those that it still has.

    Layer by layer from the pixels up, as in `cut`: the whole network's input of a convolution is predicted from what
    is left of it in the small one, mistakes of earlier layers included, and the prediction is folded into the kernel.
    Nothing is trained. Convolutions with groups, and fully connected layers, are left as `remove` leaves them. What a
    prediction adds to a convolution without bias is taken from the mean that a normalisation behind it subtracts.

    Parameters
    ----------
    network, kept
        As for `remove`.
    pictures : sequence of ndarray, shape (1, H, W, C)
        RGB, or grey, in 0..255.
    seed
        Of the places that a fit looks at.
    """
    if not pictures:
        raise NstError("a network is mended by what it answers to pictures, and there are none")
    chosen = {network.resolve(name): np.unique(numbers) for name, numbers in kept.items()}
    small, rng = remove(network, kept), np.random.default_rng(seed)
    last_use = {name: node.name for node in network.nodes.values() for name in node.inputs}
    whole: dict[str, list[np.ndarray]] = {network.IMAGE: list(pictures)}
    left = dict(whole)
    nodes, owed = [], {}
    for node in network.nodes.values():
        layer = small.nodes[node.name].layer
        before, after = whole[node.inputs[0]], left[node.inputs[0]]
        if isinstance(layer, Conv2d) and node.layer.groups == 1 and before[0].shape[-1] > after[0].shape[-1]:
            layer = _fitted(node.layer, chosen.get(node.name), before, after, rng)
            if node.layer.bias is None and (norm := _norm_behind(network, node.name)):
                owed[norm], layer.bias = layer.bias, None
        elif node.name in owed:
            layer = copy.copy(layer)
            layer.running_mean = layer.running_mean - owed.pop(node.name)
        whole[node.name], left[node.name] = _ahead(node, node.layer, whole), _ahead(node, layer, left)
        nodes.append(Node(node.name, layer, node.inputs))
        for name in node.inputs:
            if last_use[name] == node.name:
                whole.pop(name, None)
                left.pop(name, None)
    return Network(nodes, network.aliases).freeze()


def _norm_behind(network: Network, name: str) -> str | None:
    """Return the batch normalisation that alone reads a layer, with at most maxima taken on the way."""
    readers = [node for node in network.nodes.values() if name in node.inputs]
    if len(readers) == 1 and isinstance(readers[0].layer, MaxPool2d):
        return _norm_behind(network, readers[0].name)
    return readers[0].name if len(readers) == 1 and isinstance(readers[0].layer, BatchNorm) else None


def _fitted(layer: Conv2d, kept: np.ndarray | None, before, after, rng) -> Conv2d:
    """Return the kept filters of a convolution, reading what is left in place of the whole input."""
    places = [places_of(one, rng) for one in before]
    matrix, constant = regression(rows_at(after, places), rows_at(before, places))
    kernel = layer.weight if kept is None else layer.weight[..., kept]
    bias = 0 if layer.bias is None else layer.bias if kept is None else layer.bias[kept]
    twin = copy.copy(layer)
    twin.weight = np.ascontiguousarray(np.einsum("ijco,sc->ijso", kernel, matrix), kernel.dtype)
    twin.bias = (np.einsum("ijco,c->o", kernel, constant) + bias).astype(kernel.dtype)
    return twin


def _ahead(node: Node, layer, features: Mapping[str, list[np.ndarray]]) -> list[np.ndarray]:
    """Return a layer's outputs, picture by picture."""
    inputs = zip(*(features[name] for name in node.inputs), strict=True)
    return [layer.forward(list(one) if layer.joins else one[0])[0] for one in inputs]
