"""Networks that shall learn: a known architecture with fresh weights, and a new head for other classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.errors import NstError
from nst.layers import Conv2d, Dropout, GlobalAvgPool, Linear
from nst.networks.architectures import architecture
from nst.networks.extent import shapes
from nst.networks.initial import fresh_norm, he_normal
from nst.networks.network import Network, Node
from nst.networks.weights import Weights

HEAD = "head/"
"""What the names of the layers of a new head begin with."""

TAPS = {
    "vgg19": "pool5",
    "vgg16": "pool5",
    "random": "pool5",
    "squeezenet": "fire9/concat",
    "googlenet": "inception_5b/output",
    "googlenet-torchvision": "inception_5b/output",
    "alexnet": "pool5",
    "alexnet-torchvision": "pool5",
}
"""The layers whose features a new head reads by default: the last before the old head."""

LARGE = 256  # pixels: enough for the last pooling of any of them
MEAN = (123.68, 116.779, 103.939)  # of ImageNet's red, green and blue


def transferable(
    network: str,
    seed: int | np.random.Generator = 0,
    *,
    classes: int,
    tap: str | None = None,
    dropout: float = 0.5,
    mean: Sequence[float] = MEAN,
) -> Network:
    """Return a network of a known architecture up to a layer, with a new head and fresh weights, all to be trained.

    Weights are drawn as He et al. (2015) do, from a normal distribution with variance 2 / fan-in; biases are 0.

    Parameters
    ----------
    network
        Any of `TAPS`.
    seed
        Or a generator. The same seed gives the same weights to the bit.
    classes
        Units of the head's last layer.
    tap
        The layer that the head reads, by default `TAPS[network]`; what only leads elsewhere is left out.
    dropout
        Rate in the head.
    mean
        Subtracted from the red, green and blue of the pictures, which come as 0..255.

    Raises
    ------
    NstError
        For an unknown network or tap.
    """
    known, rng = architecture(network), np.random.default_rng(seed)
    # Layers called fc read pictures of one size only; a new head takes their place.
    table = {name: shape for name, shape in known.shapes().items() if not name.startswith("fc")}
    nothing = {name: np.broadcast_to(np.float32(0), shape) for name, shape in table.items()}
    whole = known.build(Weights(nothing, network, "RGB", mean)).unfreeze()
    found = with_head(whole, tap or TAPS[network], classes, rng, dropout)
    for node in found.nodes.values():
        if isinstance(node.layer, Conv2d):
            node.layer.weight = he_normal(rng, node.layer.weight.shape)
            node.layer.bias = np.zeros(node.layer.bias.shape, np.float32)
    return found


def with_head(
    network: Network, tap: str, classes: int, rng: np.random.Generator, dropout: float = 0.5
) -> Network:
    """Return a network as far as `tap`, followed by a head that sorts its features into classes.

    The head is `head/pool`, the mean over all places, `head/norm`, a batch normalisation that brings features to one
    scale, `head/drop`, and `head/scores`, a fully connected layer. Its weights are drawn from a normal distribution
    with the standard deviation 0.01, so that scores start near 0, and softmax with cross-entropy near log(classes). Up
    to `tap` the layers are the same objects as in `network`.

    Raises
    ------
    NstError
        For a tap that does not exist, or whose features are no maps.
    """
    tap = network.resolve(tap)
    nodes = [network.nodes[name] for name in network.names if name in network.needed([tap])]
    features = shapes(network, (1, LARGE, LARGE, 3), [tap])[tap]
    if len(features) != 4:
        raise NstError(f"a head reads feature maps; those of {tap} are vectors already")
    channels = features[3]
    scores = np.float32(0.01) * rng.standard_normal((channels, classes), np.float32)
    nodes += [
        Node(f"{HEAD}pool", GlobalAvgPool(), (tap,)),
        Node(f"{HEAD}norm", fresh_norm(channels)),
        Node(f"{HEAD}drop", Dropout(dropout)),
        Node(f"{HEAD}scores", Linear(scores, np.zeros(classes, np.float32))),
    ]
    names = {node.name for node in nodes}
    return Network(nodes, {alias: name for alias, name in network.aliases.items() if name in names})
