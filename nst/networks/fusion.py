"""Planning the fusion: the same network in fewer, larger steps."""

from __future__ import annotations

from collections.abc import Iterable

from nst.layers import AvgPool2d, Conv2d, ConvReLU, Layer, MaxPool2d, ReLU
from nst.layers.pad import NO_PADDING
from nst.networks.network import Network, Node

_POOLS = {MaxPool2d: "max", AvgPool2d: "avg"}


def fused(network: Network, taps: Iterable[str]) -> Network:
    """Return a network with the same features at `taps`, in which convolutions take their followers with them.

    A frozen convolution, the ReLU after it, and the 2x2 pooling after that become one `ConvReLU`, as far as nobody
    else asks for what lies between: a node stays by itself, and ends its group, when it is a tap or when several
    nodes read it. Everything else is as it was, and the layers are the same objects. To fuse again changes nothing.

    Parameters
    ----------
    network
        Frozen; what is not is left alone.
    taps
        Names or aliases. A group bears the name of its last member, so that these names and their aliases remain;
        those of nodes within groups do not.

    Raises
    ------
    NstError
        For a tap that does not exist.
    """
    wanted = {network.resolve(tap) for tap in taps}
    readers: dict[str, list[Node]] = {}
    for node in network.nodes.values():
        for name in node.inputs:
            readers.setdefault(name, []).append(node)

    def follower(node: Node) -> Layer | None:
        """Return the layer of the one reader of `node`, if nobody else is interested in its output."""
        found = readers.get(node.name, [])
        return found[0].layer if len(found) == 1 and node.name not in wanted else None

    nodes, taken = [], set()
    for node in network.nodes.values():
        if node.name in taken:
            continue
        if type(node.layer) is not Conv2d or not node.layer.frozen:
            nodes.append(node)
            continue
        last, pool = node, None
        if relu := type(follower(last)) is ReLU:
            last = readers[last.name][0]
            taken.add(last.name)
            if pool := _pool(follower(last)):
                last = readers[last.name][0]
                taken.add(last.name)
        nodes.append(Node(last.name, ConvReLU(node.layer, relu=relu, pool=pool), node.inputs))
    names = {node.name for node in nodes}
    return Network(nodes, {alias: name for alias, name in network.aliases.items() if name in names})


def _pool(layer: Layer | None) -> str | None:
    """Return which of the poolings that a `ConvReLU` knows `layer` is, if any: 2x2, side by side, all of them whole."""
    plain = (
        type(layer) in _POOLS
        and layer.size == layer.stride == (2, 2)
        and layer.padding == NO_PADDING
        and not layer.ceil_mode
    )
    return _POOLS[type(layer)] if plain else None
