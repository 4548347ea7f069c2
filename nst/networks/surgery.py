"""Removing channels for good: from the filters that make them and from every layer that reads them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.layers import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    InstanceNorm,
    Layer,
    Linear,
    LRNAcross,
    LRNWithin,
    MaxPool2d,
    Pad2d,
    Preprocess,
    ReLU,
    Softmax,
    UpsampleNearest,
)
from nst.networks.network import Network, Node


@dataclass(frozen=True)
class Survivors:
    """Which of a node's channels are left: their old numbers, ascending, and how many there were."""

    kept: np.ndarray
    width: int

    @property
    def whole(self) -> bool:
        return len(self.kept) == self.width


def remove(network: Network, kept: Mapping[str, Sequence[int]]) -> Network:
    r"""Return the network without some of its filters, and without whatever served them alone.

    A filter's output channel goes, and with it the channel's place in everything that follows: the statistics of a
    normalisation, the channel's run in a concatenation, one slice of each kernel that reads it, the rows of a fully
    connected layer behind a flattening. With K the kept inputs and O the kept outputs of a convolution::

        weight' = weight[:, :, K, O]        bias' = bias[O]

    What is left computes exactly what the whole network computes when those channels are held at zero, from the filter
    to the next layer that mixes channels. In a convolution with groups every run of outputs reads its own run of
    inputs; where the runs would come out unequal, neighbouring groups are joined, the missing connections being zeros,
    until they are equal.

    Parameters
    ----------
    network
        Not fused. It is left as it is; layers that lose nothing are shared with the result.
    kept
        By convolution or fully connected layer: which of its outputs stay. A layer that is not named loses none.

    Raises
    ------
    NstError
        For a name that has no filters, numbers that it does not have, a choice that keeps none; and where zeros in
        place of a channel and its absence are not the same: at a local response normalisation across channels, whose
        neighbours would move together, and at a softmax.
    """
    chosen = {network.resolve(name): _checked(network, name, numbers) for name, numbers in kept.items()}
    channels = _channels(network)
    found: dict[str, Survivors] = {network.IMAGE: Survivors(np.arange(channels), channels)}
    nodes = []
    for node in network.nodes.values():
        inputs = [found[name] for name in node.inputs]
        try:
            layer, found[node.name] = _cut(node.layer, inputs, chosen.get(node.name))
        except NstError as error:
            raise NstError(f"at {node.name}: {error}") from error
        layer.frozen = node.layer.frozen
        nodes.append(Node(node.name, layer, node.inputs))
    return Network(nodes, network.aliases)


def narrowed(network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """Return a fresh network with as few filters in each layer as a file of it has after `remove`.

    Which ones stay makes no difference: the file's numbers take their places.

    Parameters
    ----------
    network
        As its builder made it, whole.
    arrays
        By `layer.name`. A layer that has no fewer outputs there, or is not there, stays as it is, and so do those
        that `prunable` leaves out: how many classes a network tells apart is not for its weights to say.
    """
    kept = {}
    for name in prunable(network):
        own, theirs = network.nodes[name].layer.weight, arrays.get(f"{name}.weight")
        if theirs is not None and theirs.ndim == own.ndim and 0 < theirs.shape[-1] < own.shape[-1]:
            kept[name] = range(theirs.shape[-1])
    return remove(network, kept) if kept else network


def _channels(network: Network) -> int:
    """Return how many channels the network's pictures have."""
    first = next(iter(network.nodes.values())).layer
    return len(first.mean) if isinstance(first, Preprocess) else 3


def with_filters(network: Network, name: str) -> Conv2d | Linear:
    """Return the layer of a name, or raise an `NstError` where it has no filters."""
    layer = network.nodes[network.resolve(name)].layer
    if type(layer) not in (Conv2d, Linear):
        raise NstError(f"{name} is a {type(layer).__name__} and has no filters to choose from")
    return layer


def _checked(network: Network, name: str, numbers: Sequence[int]) -> np.ndarray:
    """Return the numbers of kept outputs, ascending."""
    width, found = with_filters(network, name).weight.shape[-1], np.unique(np.asarray(numbers, np.intp))
    if not len(found) or found[0] < 0 or found[-1] >= width:
        raise NstError(f"{name} has the outputs 0 to {width - 1}; keep at least one of them, and no others")
    return found


def _cut(layer: Layer, inputs: list[Survivors], chosen: np.ndarray | None) -> tuple[Layer, Survivors]:
    """Return what is left of a layer, and which of its outputs are left."""
    if isinstance(layer, Concat):
        offsets = np.cumsum([0, *(one.width for one in inputs)])
        kept = [one.kept + offset for one, offset in zip(inputs, offsets, strict=False)]
        return layer, Survivors(np.concatenate(kept), int(offsets[-1]))
    (seen,) = inputs
    if type(layer) in _MIXING:
        width = layer.weight.shape[-1]
        kept = np.arange(width) if chosen is None else chosen
        untouched = seen.whole and len(kept) == width
        return layer if untouched else _MIXING[type(layer)](layer, seen, kept), Survivors(kept, width)
    if seen.whole or type(layer) in _INDIFFERENT:
        return layer, seen
    if type(layer) in (BatchNorm, InstanceNorm):
        return _by_channel(layer, seen), seen
    raise NstError(
        f"{type(layer).__name__} compares channels with one another: without some of them it is another function "
        "than with zeros in their place; keep all filters of the layers that lead to it"
    )


def _by_channel(layer: Layer, seen: Survivors) -> Layer:
    """Return a layer without what it holds for channels that are gone."""
    twin = copy.copy(layer)
    for name, array in layer.state().items():
        setattr(twin, name, np.ascontiguousarray(array[seen.kept]))
    return twin


def _linear(layer: Linear, seen: Survivors, kept: np.ndarray) -> Linear:
    """Return a fully connected layer without some inputs, each at every place that was flattened, and outputs."""
    places = len(layer.weight) // seen.width
    rows = (np.arange(places)[:, None] * seen.width + seen.kept).reshape(-1)
    bias = None if layer.bias is None else layer.bias[kept]
    return Linear(np.ascontiguousarray(layer.weight[np.ix_(rows, kept)]), bias)


def _conv(layer: Conv2d, seen: Survivors, kept: np.ndarray) -> Conv2d:
    """Return a convolution without some inputs and outputs, in as many groups as come out equal."""
    for groups in range(layer.groups, 0, -1):
        if layer.groups % groups == 0 and (runs := _runs(layer, seen, kept, groups)):
            break
    wide = _joined(layer.weight, layer.groups, groups)
    twin = copy.copy(layer)
    twin.weight = np.concatenate([wide[:, :, rows][..., columns] for rows, columns in runs], axis=3)
    twin.bias = None if layer.bias is None else layer.bias[kept]
    twin.groups = len(runs)
    return twin


def _runs(
    layer: Conv2d, seen: Survivors, kept: np.ndarray, groups: int
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Return for each of so many groups its inputs, counted from its first, and its outputs, unless they are unequal.

    A group that has neither any more is left out.
    """
    reads, writes = seen.width // groups, layer.weight.shape[3] // groups
    runs = []
    for group in range(groups):
        rows = seen.kept[seen.kept // reads == group] - group * reads
        columns = kept[kept // writes == group]
        if len(rows) or len(columns):
            runs.append((rows, columns))
    sizes = {(len(rows), len(columns)) for rows, columns in runs}
    return runs if len(sizes) == 1 and min(sizes.pop()) else None


def _joined(weight: np.ndarray, groups: int, fewer: int) -> np.ndarray:
    """Return the kernel for `fewer` groups, each of several old ones side by side, which do not see one another."""
    joined = groups // fewer
    kh, kw, reads, outputs = weight.shape
    wide = np.zeros((kh, kw, joined * reads, outputs), weight.dtype)
    writes = outputs // groups
    for group in range(groups):
        first, columns = group % joined * reads, slice(group * writes, (group + 1) * writes)
        wide[:, :, first : first + reads, columns] = weight[..., columns]
    return wide


_MIXING: dict[type[Layer], Callable[..., Layer]] = {Conv2d: _conv, Linear: _linear}
_INDIFFERENT = {AvgPool2d, Dropout, Flatten, GlobalAvgPool, LRNWithin, MaxPool2d, Pad2d, Preprocess, ReLU}
_INDIFFERENT |= {UpsampleNearest}
"""Layers that treat every channel by itself and hold nothing for it."""
_COMPARING = {LRNAcross, Softmax}


def prunable(network: Network) -> list[str]:
    """Return the layers whose filters can be removed without changing what the network's end is about.

    These are the convolutions and fully connected layers whose outputs another one reads. Not among them: those whose
    channels are the network's answer, and those that lead to a layer that compares channels (see `remove`).
    """
    fates = {name: True for name in network.names}  # whether the channels of a node may go
    readers = {
        name: [node for node in network.nodes.values() if name in node.inputs] for name in network.names
    }
    for name in reversed(network.names):
        fates[name] = bool(readers[name]) and all(
            type(node.layer) in _MIXING or (type(node.layer) not in _COMPARING and fates[node.name])
            for node in readers[name]
        )
    return [name for name in network.names if type(network.nodes[name].layer) in _MIXING and fates[name]]


def runs_of(network: Network, name: str) -> int:
    """Return in how many runs of its outputs a layer should keep the same number, for the sake of groups.

    These are its own groups and those of the convolutions that read its channels: with as many of each run gone, all
    of them stay what they are.
    """
    found = [getattr(network.nodes[name].layer, "groups", 1)]
    ends = {name}
    for node in network.nodes.values():
        if ends.isdisjoint(node.inputs) or isinstance(node.layer, Concat):
            continue
        if type(node.layer) in _MIXING:
            found.append(getattr(node.layer, "groups", 1))
        else:
            ends.add(node.name)
    return math.lcm(*found)
