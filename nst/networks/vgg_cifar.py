"""VGG-19 for pictures of 32 x 32 pixels, with batch normalisation: a classifier to be trained from scratch."""

from __future__ import annotations

import numpy as np

from nst.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Preprocess, ReLU
from nst.networks.initial import fresh_norm, he_normal
from nst.networks.network import Network, Node
from nst.networks.vgg import BLOCKS

CIFAR10_MEAN = (125.3, 123.0, 113.9)  # of the red, green and blue of the 50 000 training pictures
SIDE = 32  # pixels; four poolings leave two


def vgg_cifar(
    seed: int = 0,
    *,
    width: int = 64,
    hidden: int = 4096,
    classes: int = 10,
    dropout: float = 0.5,
    mean: tuple[float, float, float] = CIFAR10_MEAN,
) -> Network:
    """Return the sixteen convolutions of VGG-19 and three fully connected layers, with fresh weights.

    There is no pooling after the last block, whose maps have 2 x 2 places already. Each convolution and each fully
    connected layer, the last one too, is followed by a batch normalisation, and has therefore no bias of its own: it
    would be subtracted again. Weights are drawn as He et al. (2015) do, from a normal distribution with variance
    2 / fan-in, so that signals keep their size from ReLU to ReLU; gammas are 1, betas 0.

    Parameters
    ----------
    seed
        The same seed gives the same weights to the bit.
    width
        Channels of the first block, 64 in VGG-19; the others follow in proportion: 2, 4, 8 and 8 times as many.
    hidden
        Units of the two hidden fully connected layers.
    classes
        Units of the last layer, whose normalised outputs are the scores for `softmax_cross_entropy`.
    dropout
        Rate after each hidden fully connected layer.
    mean
        Subtracted from the red, green and blue of the pictures, which come as 0..255.

    Returns
    -------
    Network
        Nodes `input`, `conv1_1`, `norm1_1`, `relu1_1`, ..., `pool4`, ..., `relu5_4`, `flatten`, `fc6`, `norm6`,
        `relu6`, `drop6`, ..., `fc8`, `norm8`. Run with `training=rng` where `rng` is the generator from which dropout
        draws.
    """
    rng = np.random.default_rng(seed)
    nodes = [Node("input", Preprocess(mean))]
    channels = 3
    for block, (convolutions, of_64) in enumerate(BLOCKS["vgg19"], 1):
        outputs = of_64 * width // 64
        for index in range(1, convolutions + 1):
            name = f"{block}_{index}"
            nodes.append(Node(f"conv{name}", Conv2d(he_normal(rng, (3, 3, channels, outputs)), padding=1)))
            nodes += [Node(f"norm{name}", fresh_norm(outputs)), Node(f"relu{name}", ReLU())]
            channels = outputs
        if block < len(BLOCKS["vgg19"]):
            nodes.append(Node(f"pool{block}", MaxPool2d(2)))
    nodes.append(Node("flatten", Flatten()))
    channels *= (SIDE // 16) ** 2
    for number, outputs in ((6, hidden), (7, hidden), (8, classes)):
        nodes.append(Node(f"fc{number}", Linear(he_normal(rng, (channels, outputs)))))
        nodes.append(Node(f"norm{number}", fresh_norm(outputs)))
        if number < 8:
            nodes += [Node(f"relu{number}", ReLU()), Node(f"drop{number}", Dropout(dropout))]
        channels = outputs
    return Network(nodes)
