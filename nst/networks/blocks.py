"""Blocks of which generators are built: a few nodes that go together."""

from __future__ import annotations

from collections.abc import Sequence

from nst.layers import Add, BatchNorm, Channels, Concat, Conv2d, InstanceNorm, Layer, UpsampleNearest
from nst.networks.network import Node


def residual(name: str, source: str, branch: Sequence[tuple[str, Layer]]) -> list[Node]:
    """Return a residual block, y = x + F(x): He et al., *Deep Residual Learning*, 2015.

    Its derivative is the identity plus that of F: the sum hands dy on as it came, beside what comes back through F.

    Parameters
    ----------
    name : str
        Of the block, and so of the node at its end, where y is. The layers of F are called `name/...`.
    source : str
        The node that holds x, which F must keep in shape.
    branch
        The layers of F in order, each with what is added to the name.
    """
    nodes = [Node(f"{name}/{part}", layer) for part, layer in branch]
    nodes[0] = Node(nodes[0].name, nodes[0].layer, (source,))
    return [*nodes, Node(name, Add(), (source, nodes[-1].name))]


def ibn(name: str, source: str, instance: InstanceNorm, batch: BatchNorm) -> list[Node]:
    """Return an IBN block: instance normalisation of the first channels, batch normalisation of the others.

    IBN-Net's (Pan et al., 2018) block a: what instance normalisation removes, contrast and colour, is no longer there
    to mislead; what tells things apart by it is left in the other half.

    Parameters
    ----------
    name, source : str
        As for `residual`.
    instance : InstanceNorm
        With gamma and beta for the first channels; half of all in the paper.
    batch : BatchNorm
        For the rest.
    """
    first, total = len(instance.gamma), len(instance.gamma) + len(batch.gamma)
    return [
        Node(f"{name}/first", Channels(0, first), (source,)),
        Node(f"{name}/instance", instance),
        Node(f"{name}/rest", Channels(first, total), (source,)),
        Node(f"{name}/batch", batch),
        Node(name, Concat(), (f"{name}/instance", f"{name}/batch")),
    ]


def upsampled(name: str, conv: Conv2d, factor: int = 2) -> list[Node]:
    """Return nearest upsampling and a convolution: no window overlaps another unevenly, so no checkerboard appears.

    Odena, Dumoulin and Olah, *Deconvolution and Checkerboard Artifacts*, 2016.
    """
    return [Node(f"{name}/up", UpsampleNearest(factor)), Node(name, conv)]
