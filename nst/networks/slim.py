"""The narrow VGG that comes with the program: three quarters of VGG-19's channels, as far as relu4_1."""

from __future__ import annotations

import numpy as np

from nst.networks.initial import he_normal
from nst.networks.network import Network
from nst.networks.vgg import vgg, vgg_shapes
from nst.networks.weights import Weights

MEAN = (123.7, 116.8, 103.9)  # of photographs' red, green and blue
SCALE = (1 / 64,) * 3  # about one over their deviation


def fresh_slim(seed: int = 0) -> Network:
    """Return the network `slim` with random weights, to be trained: He et al. (2015), biases 0.

    Parameters
    ----------
    seed
        The same seed gives the same weights to the bit.
    """
    rng = np.random.default_rng(seed)
    arrays = {
        name: he_normal(rng, shape) if name.endswith(".weight") else np.zeros(shape, np.float32)
        for name, shape in vgg_shapes("slim").items()
    }
    return vgg(Weights(arrays, "slim", "RGB", MEAN, SCALE)).unfreeze()


def slim_weights(network: Network, notes: list[str]) -> Weights:
    """Return what a file holds of a network `slim` that is not frozen."""
    arrays = {
        f"{name}.{part}": array for name, of in network.parameters().items() for part, array in of.items()
    }
    return Weights(arrays, "slim", "RGB", MEAN, SCALE, "nst.train distil", licence="MIT", notes=notes)
