"""A picture larger than memory through a network with instance normalisation: statistics first, then tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nst import kernels
from nst.feedforward.statistics import held_layer
from nst.layers.picture_norm import PictureNorm
from nst.networks import Network, Node
from nst.networks.extent import grid, strides
from nst.networks.tiling import Area, Tiling


def painted_in_tiles(
    network: Network, x: np.ndarray, side: int, cuts: Sequence[str], step: int
) -> np.ndarray:
    """Return the features at `painting`, to rounding those of the picture in one piece, in about half the memory.

    Before the first cut and behind the second the picture is taken in tiles; between, where it is small, whole. That
    spares the walks for the statistics of what lies between, whose tiles would overlap widely: so it takes less than
    twice as long. With Johnson's full width some 190 bytes for each pixel of the picture are needed, where it takes 350
    to paint it in one piece. Without cuts all is taken in tiles, in less memory and more time.

    Parameters
    ----------
    network
        Frozen.
    x : ndarray, shape (1, H, W, C)
    side : int
        Of the tiles, about, in pixels.
    cuts
        Two nodes, or none.
    step : int
        How many pixels wide a place between the cuts is.
    """
    if not cuts:
        return in_tiles(network, x, "painting", side)
    head, middle, tail = parts(network, cuts)
    x = in_tiles(head, x, cuts[0], side)
    x = middle.features(x, [cuts[1]])[cuts[1]]
    return in_tiles(tail, x, "painting", max(1, side // step))


def parts(network: Network, ends: Sequence[str]) -> list[Network]:
    """Return a network cut behind the nodes `ends`, each of which the nodes after it must read only as their image."""
    cut: list[list[Node]] = [[]]
    image = None
    for node in network.nodes.values():
        inputs = tuple(network.IMAGE if name == image else name for name in node.inputs)
        cut[-1].append(Node(node.name, node.layer, inputs))
        if node.name in ends:
            image = node.name
            cut.append([])
    return [Network(nodes) for nodes in cut]


def in_tiles(network: Network, x: np.ndarray, tap: str, side: int) -> np.ndarray:
    """Return the features of a picture at a tap, computed piece by piece, as if it had been taken whole.

    Instance normalisation looks at the whole picture at once. So the statistics of each are measured first, from the
    first to the last, each in a walk over all tiles through the layers before it; with its statistics known it is a
    scale and a shift, and what is left is a network in which each output looks at its neighbourhood alone. The tiles
    overlap by that neighbourhood: there are no seams, and but for rounding the result is that of the whole picture.
    With n instance normalisations the first layers run n + 1 times.

    Parameters
    ----------
    network : Network
        Frozen.
    x : ndarray, shape (1, H, W, C)
    tap : str
    side : int
        Of the tiles, about, in places of `x`.
    """
    network = with_statistics(network, x, side)
    whole = None
    for where, part in _parts(network, x, tap, side):
        if whole is None:
            whole = np.empty(Tiling(network, [tap], x.shape, (1, 1)).features_shape(tap), x.dtype)
        whole[where] = part
    return whole


def with_statistics(network: Network, x: np.ndarray, side: int) -> Network:
    """Return the network with each instance normalisation replaced by what it does to this very picture.

    That is batch normalisation in inference, whose running statistics are those of the picture.
    """
    nodes = list(network.nodes.values())
    for index, node in enumerate(nodes):
        if isinstance(node.layer, PictureNorm):
            mu, variance = _statistics(Network(nodes[:index]), x, node.inputs[0], side)
            nodes[index] = Node(node.name, held_layer(node.layer, mu, variance), node.inputs)
    return Network(nodes, network.aliases).freeze()


def _statistics(network: Network, x: np.ndarray, tap: str, side: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return mean and variance (C,) of the features at a tap over the whole picture, float64.

    Of two parts with n_i places, means mu_i and variances v_i, nothing but these is needed (Chan et al., 1979)::

        d = mu_2 - mu_1        mu = mu_1 + d n_2 / n        v = (n_1 v_1 + n_2 v_2 + d^2 n_1 n_2 / n) / n
    """
    count, mu, variance = 0, 0.0, 0.0
    for _, part in _parts(network, x, tap, side):
        rows = part.reshape(1, -1, part.shape[-1])
        (own_mu, own_variance), own = kernels.select(x.dtype).moments(rows), rows.shape[1]
        total, d = count + own, own_mu[0, 0] - mu
        mu = mu + d * own / total
        variance = (count * variance + own * own_variance[0, 0] + d * d * count * own / total) / total
        count = total
    return mu, variance


def _parts(network: Network, x: np.ndarray, tap: str, side: int) -> Iterator[tuple[Area, np.ndarray]]:
    """Yield the features at a tap by tiles, each with where it belongs."""
    counts = [
        max(1, min(-(-length // side), length // unit))
        for length, unit in zip(x.shape[1:3], grid(network, [tap]), strict=True)
    ]
    steps = strides(network, [tap])[network.resolve(tap)]
    for tile in Tiling(network, [tap], x.shape, tuple(counts)):
        own, where = tile.own(tap), [slice(None)]
        for cut, step in zip((tile.rows, tile.columns), steps, strict=True):
            before = int(cut.crop[0] / step)
            where.append(slice(*(before + end for end in cut.own[tap])))
        yield tuple(where), np.ascontiguousarray(network.features(tile.of(x), [tap])[tap][own])
