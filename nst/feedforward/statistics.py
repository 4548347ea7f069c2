"""The statistics by which a generator normalises a picture: measured, and held fixed over the frames of a film."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst import kernels
from nst.layers import BatchNorm
from nst.layers.picture_norm import PictureNorm
from nst.networks import Network, Node

Statistics = dict[str, tuple[np.ndarray, np.ndarray]]
"""By node: mean and variance (C,) of what it normalises, float64."""


def normalisations(network: Network) -> list[Node]:
    """Return the nodes that normalise a picture by itself."""
    return [node for node in network.nodes.values() if isinstance(node.layer, PictureNorm)]


def measured(network: Network, x: np.ndarray) -> Statistics:
    """Return the statistics of one picture, (1, H, W, C), in one walk that keeps all that is normalised."""
    nodes = normalisations(network)
    features = network.features(x, [node.inputs[0] for node in nodes]) if nodes else {}
    found = {}
    for node in nodes:
        f = features[node.inputs[0]]
        mu, variance = kernels.select(f.dtype).moments(f.reshape(1, -1, f.shape[-1]))
        found[node.name] = mu[0, 0], variance[0, 0]
    return found


def held(network: Network, statistics: Statistics) -> Network:
    """Return a network that normalises by given statistics, whatever the picture: frozen."""
    nodes = [
        Node(node.name, held_layer(node.layer, *statistics[node.name]), node.inputs)
        if isinstance(node.layer, PictureNorm)
        else node
        for node in network.nodes.values()
    ]
    return Network(nodes, network.aliases).freeze()


def held_layer(layer: PictureNorm, mu: np.ndarray, variance: np.ndarray) -> BatchNorm:
    """Return what a layer does to a picture with this mean and variance (C,): batch normalisation in inference."""
    scale, shift = layer.affine(1)
    scale = np.ones_like(mu) if scale is None else scale.reshape(-1)
    shift = np.zeros_like(mu) if shift is None else shift.reshape(-1)
    return BatchNorm(scale, shift, mu, variance, eps=layer.eps)


def pooled(several: Sequence[Statistics]) -> Statistics:
    r"""Return the statistics of several pictures of one size, taken together.

    With means mu_t and variances v_t, by `nst.feedforward.tiles`' rule for equal parts::

        mu = mean_t mu_t        v = mean_t (v_t + (mu_t - mu)^2)
    """
    found = {}
    for name in several[0]:
        mus, variances = (np.array([one[name][part] for one in several]) for part in (0, 1))
        mu = mus.mean(axis=0)
        found[name] = mu, (variances + (mus - mu) ** 2).mean(axis=0)
    return found


def followed(before: Statistics | None, now: Statistics, keep: float) -> Statistics:
    """Return statistics that follow those of the frames at a distance: keep before + (1 - keep) now; now at first."""
    if before is None:
        return now
    return {
        name: tuple(keep * a + (1 - keep) * b for a, b in zip(before[name], now[name], strict=True))
        for name in now
    }
