"""Units that can learn: scaled by data before they begin, and begun anew when they have gone silent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.layers import Conv2d
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


def revive(
    network: Network,
    images: np.ndarray,
    name: str,
    silent: np.ndarray,
    readers: Sequence[str],
    rng: np.random.Generator,
) -> None:
    """Draw the kernels of silent units anew, scale them, and let nobody hear them until they have learned, in place.

    Parameters
    ----------
    network
        Not frozen.
    images : ndarray, shape (N, H, W, 3)
    name
        Of the convolution whose units they are.
    silent : ndarray of int
        Their numbers.
    readers
        The convolutions that read them: their weights for these inputs become 0.
    rng
        Draws the kernels, as He et al. (2015) do.
    """
    layer: Conv2d = network.nodes[name].layer
    layer.weight[..., silent] = he(rng, (*layer.weight.shape[:3], len(silent)))
    layer.bias[silent] = 0
    answers = network.forward(images, [name])[0][name][..., silent]
    mean, deviation = answers.mean((0, 1, 2)), np.maximum(answers.std((0, 1, 2)), 1e-6)
    layer.weight[..., silent] /= deviation
    layer.bias[silent] = -mean / deviation
    for reader in readers:
        network.nodes[reader].layer.weight[:, :, silent] = 0


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a kernel from a normal distribution of variance 2 / fan-in: He et al., 2015."""
    fan_in = int(np.prod(shape[:-1]))
    return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
