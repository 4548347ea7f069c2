"""VGGs narrow enough to be trained on a CPU in minutes: one for small colour pictures, one for digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nst.layers import Conv2d, Dropout, GlobalAvgPool, Linear, MaxPool2d, Preprocess, ReLU
from nst.networks.initial import fresh_norm, he_normal, passing, waves
from nst.networks.network import Network, Node
from nst.networks.vgg_cifar import CIFAR10_MEAN

MNIST_MEAN = (33.3,)  # of the 60 000 training pictures
Blocks = Sequence[Sequence[int]]


def vgg_small(
    seed: int | np.random.Generator = 0,
    *,
    width: int = 32,
    classes: int = 10,
    dropout: float = 0.0,
    mean: Sequence[float] = CIFAR10_MEAN,
) -> Network:
    """Return seven convolutions in four blocks and a fully connected layer, with fresh weights, for small pictures.

    It has VGG's shape: 3x3 convolutions with ReLU, maximum pooling between the blocks, and more channels the fewer
    places there are. Some things make it quick. Batch normalisation lets it learn at a high rate. The first kernels
    begin as waves and the others pass channels on (`nst.networks.initial`), so that it sees from the start. The mean of
    each feature map leads straight to the scores, in place of two hidden layers of 4096 units; pictures may be larger,
    too. And at the end of a block the pooling comes right after the convolution::

        conv, norm, relu,   conv, pool, norm, relu

    Of a rising function's values the largest is the value at the largest, so pooling first gives what pooling last
    would (but for the normalisation's statistics, and where its gamma is negative); and what follows has a quarter of
    the numbers to go through.

    Parameters
    ----------
    seed
        The same seed gives the same weights to the bit.
    width
        Channels of the first convolution; the others have 2, 2, 8, 8, 8 and 8 times as many.
    classes
        Units of the last layer, which gives the scores.
    dropout
        Rate before the last layer.
    mean
        Subtracted from the channels of the pictures, which come as 0..255. Nothing divides them: the first
        normalisation does.

    Returns
    -------
    Network
        Nodes `input`, `conv1_1`, `norm1_1`, `relu1_1`, `conv1_2`, `pool1`, `norm1_2`, `relu1_2`, ..., `relu4_1`,
        `mean`, `drop5`, `fc5`.
    """
    blocks = (width, 2 * width), (2 * width, 8 * width), (8 * width, 8 * width), (8 * width,)
    return _narrow_vgg(seed, blocks, classes, dropout, mean)


def vgg_mnist(
    seed: int | np.random.Generator = 0,
    *,
    width: int = 32,
    classes: int = 10,
    dropout: float = 0.0,
    mean: Sequence[float] = MNIST_MEAN,
) -> Network:
    """Return `vgg_small` for grey pictures of 28 x 28: four convolutions with `width` times 1, 2, 2 and 4 channels."""
    return _narrow_vgg(seed, ((width,), (2 * width, 2 * width), (4 * width,)), classes, dropout, mean)


def _narrow_vgg(
    seed: int | np.random.Generator, blocks: Blocks, classes: int, dropout: float, mean: Sequence[float]
) -> Network:
    """Return the network of these blocks."""
    rng = np.random.default_rng(seed)
    nodes, channels = [Node("input", Preprocess(mean))], len(mean)
    for number, widths in enumerate(blocks, 1):
        nodes += _block(rng, number, channels, widths, pooled=number < len(blocks))
        channels = widths[-1]
    top = len(blocks) + 1
    # Small, so that a fresh network has no opinion: its loss is close to log `classes`.
    matrix = Linear(he_normal(rng, (channels, classes), gain=0.1), np.zeros(classes, np.float32))
    head = Node("mean", GlobalAvgPool()), Node(f"drop{top}", Dropout(dropout)), Node(f"fc{top}", matrix)
    return Network([*nodes, *head])


def _block(
    rng: np.random.Generator, block: int, channels: int, widths: Sequence[int], pooled: bool
) -> Iterator[Node]:
    """Yield the nodes of a block, after whose last convolution it is pooled or not."""
    for index, outputs in enumerate(widths, 1):
        name = f"{block}_{index}"
        draw = waves if name == "1_1" else passing
        yield Node(f"conv{name}", Conv2d(draw(rng, (3, 3, channels, outputs)), padding=1))
        if pooled and index == len(widths):
            yield Node(f"pool{block}", MaxPool2d(2))
        yield Node(f"norm{name}", fresh_norm(outputs))
        yield Node(f"relu{name}", ReLU())
        channels = outputs
