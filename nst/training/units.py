"""Units that can learn: scaled by data before they begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.networks import Network


def scale_units(network: Network, images: np.ndarray, names: Sequence[str]) -> None:
    r"""Give every unit of some convolutions mean 0 and deviation 1 before its ReLU, layer by layer, in place.

    Mishkin and Matas, *All you need is a good init*, 2016, by unit rather than by layer::

        w = w / sigma        b = (b - mu) / sigma

    with mu and sigma over the answers to `images`, to which the layers below, scaled already, have been applied. So
    every unit answers to about half of what it sees. Layers that learn later are scaled when they join: scaled
    on top of random layers, they fall silent as soon as those have learned.

    Parameters
    ----------
    network
        Not frozen.
    images : ndarray, shape (N, H, W, 3)
    names
        Of convolutions, from below upwards.
    """
    for name in names:
        answers = network.forward(images, [name])[0][name]
        layer = network.nodes[name].layer
        mean, deviation = answers.mean((0, 1, 2), dtype=np.float64), answers.std((0, 1, 2), dtype=np.float64)
        deviation = np.maximum(deviation, 1e-6)
        layer.weight[...] = layer.weight / deviation
        layer.bias[...] = (layer.bias - mean) / deviation
