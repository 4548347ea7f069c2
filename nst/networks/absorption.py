"""Fewer steps before they are fused: convolutions that take their affine neighbours into their weights."""

from __future__ import annotations

import copy

import numpy as np

from nst.layers import Conv2d, Layer, Preprocess
from nst.layers.pad import NO_PADDING
from nst.networks.network import Network, Node


def absorbed(network: Network) -> Network:
    """Return a network with the same results, in which convolutions have absorbed what is affine beside them.

    What a `Preprocess` or a 1x1 convolution makes of a pixel, x M + m, a convolution after it can make by itself, and
    one before it as well::

        W'[i, j] = M W[i, j],  b' = b + sum over i, j of m W[i, j]        W'[i, j] = W[i, j] M,  b' = b M + m

    Not where zeros are drawn around the pixels in between, for of zeros m would be made too; a border that repeats
    pixels does no harm. Results differ by rounding alone. A convolution bears the name of the last node that is in it.

    Parameters
    ----------
    network
        A plain sequence, to be read at its convolutions' followers, such as ReLUs, or at its end.

    Raises
    ------
    ValueError
        When it has branches.
    """
    nodes: list[Node] = []
    for before, node in zip([Network.IMAGE, *network.names], network.nodes.values(), strict=False):
        if node.inputs != (before,):
            raise ValueError(f"{node.name} reads {node.inputs}: only a plain sequence is made shorter")
        layer = _joined(nodes[-1].layer, node.layer) if nodes else None
        if layer is not None:
            nodes[-1] = Node(node.name, layer)
        else:
            nodes.append(Node(node.name, node.layer))
    names = {node.name for node in nodes}
    return Network(nodes, {alias: name for alias, name in network.aliases.items() if name in names})


def _joined(first: Layer, second: Layer) -> Conv2d | None:
    """Return the convolution that does what both do, if one can."""
    if type(second) is Conv2d and second.groups == 1 and (found := _affine(first)):
        if second.padding == NO_PADDING or second.padding_mode != "zero":
            matrix, offset = found
            weight = second.weight.astype(np.float64)
            return _with(second, matrix @ weight, _bias(second) + (offset @ weight).sum(axis=(0, 1)))
    if type(first) is Conv2d and first.groups == 1 and (found := _affine(second)):
        matrix, offset = found
        return _with(first, first.weight @ matrix, _bias(first) @ matrix + offset)
    return None


def _affine(layer: Layer) -> tuple[np.ndarray, np.ndarray] | None:
    """Return M and m, in float64, of a layer that makes x M + m of each pixel."""
    if type(layer) is Preprocess:
        matrix = np.diag(layer.scale)
        return matrix[::-1] if layer.reverse else matrix, -layer.mean * layer.scale
    if type(layer) is Conv2d and layer.weight.shape[:2] == layer.stride == (1, 1) and layer.groups == 1:
        if layer.padding == NO_PADDING:
            return layer.weight[0, 0].astype(np.float64), _bias(layer)
    return None


def _bias(layer: Conv2d) -> np.ndarray:
    return np.zeros(layer.weight.shape[3]) if layer.bias is None else layer.bias.astype(np.float64)


def _with(layer: Conv2d, weight: np.ndarray, bias: np.ndarray) -> Conv2d:
    """Return a convolution with other numbers."""
    twin, dtype = copy.copy(layer), layer.weight.dtype
    twin.weight, twin.bias = np.ascontiguousarray(weight, dtype), bias.astype(dtype)
    return twin
