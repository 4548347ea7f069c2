"""Generators and critics: small ones for digits, fully convolutional ones for textures.

Pictures are in -1..1. A generator's last node is `picture`; a critic's is `score`, a number for each picture, and no
critic has batch normalisation: with it the score of a picture would depend on the others of its batch, and be no
function of the picture, steep or not. Each builder takes its arrays from a function of name and shape, so that the same
lines build a fresh network and one from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nst.errors import NstError
from nst.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Preprocess,
    ReLU,
    Tanh,
    TransposedConv2d,
    Unflatten,
    UpsampleNearest,
)
from nst.networks.network import Network, Node

Draw = Callable[[str, tuple[int, ...]], np.ndarray]
"""Gives the array of a name, `layer.name`, in a shape."""

SIDE = 28  # of digits
CELL = 8  # pixels of a texture for each place of its noise
SLOPE = 0.2  # of leaky ReLUs, as in DCGAN
LARGEST = 1 << 14
SPREAD = 0.02  # of fresh weights, as in DCGAN: small, so that steps of one size soon change them altogether


def fresh(rng: np.random.Generator) -> Draw:
    """Return what gives fresh arrays: normal weights, scales and variances of 1, and 0 for the rest."""

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith(".weight"):
            return rng.standard_normal(shape, np.float32) * np.float32(SPREAD)
        return np.full(shape, name.endswith((".gamma", ".running_var")), np.float32)

    return draw


def dense_generator(draw: Draw, noise: int = 96, hidden: int = 1024) -> Network:
    """Return CS231n's first generator: two hidden layers, noise (N, `noise`) to pictures (N, 28, 28, 1)."""
    nodes = [*_dense(draw, "fc1", noise, hidden, ReLU()), *_dense(draw, "fc2", hidden, hidden, ReLU())]
    nodes += _dense(draw, "fc3", hidden, SIDE * SIDE, Unflatten((SIDE, SIDE, 1)))
    return Network([*nodes, Node("picture", Tanh())])


def dense_critic(draw: Draw, hidden: int = 256) -> Network:
    """Return CS231n's first discriminator: two hidden layers, (N, 28, 28, 1) to scores (N, 1)."""
    nodes = [Node("flatten", Flatten()), *_dense(draw, "fc1", SIDE * SIDE, hidden, LeakyReLU(SLOPE))]
    nodes += _dense(draw, "fc2", hidden, hidden, LeakyReLU(SLOPE))
    return Network([*nodes, Node("score", _linear(draw, "score", hidden, 1))])


def dc_generator(draw: Draw, noise: int = 96, width: int = 32) -> Network:
    """Return the generator of InfoGAN (Chen et al., 2016) and of CS231n, with `width` 32: 7x7, then twice doubled.

    Its normalisations stand behind the ReLUs.
    """
    nodes = [*_dense(draw, "fc1", noise, 32 * width, ReLU()), *_norm(draw, "fc1", 32 * width)]
    nodes += [*_dense(draw, "fc2", 32 * width, 49 * 4 * width, ReLU()), *_norm(draw, "fc2", 49 * 4 * width)]
    nodes += [Node("places", Unflatten((7, 7, 4 * width)))]
    nodes += [Node("up1", _doubling(draw, "up1", 4 * width, 2 * width)), Node("up1/on", ReLU())]
    nodes += [*_norm(draw, "up1", 2 * width), Node("up2", _doubling(draw, "up2", 2 * width, 1))]
    return Network([*nodes, Node("picture", Tanh())])


def dc_critic(draw: Draw, width: int = 32) -> Network:
    """Return CS231n's second discriminator, with `width` 32: two convolutions and poolings, a hidden layer, a score."""
    nodes, before = [], 1
    for name, channels in (("conv1", width), ("conv2", 2 * width)):
        nodes += [Node(name, _conv(draw, name, 5, before, channels)), Node(f"{name}/on", LeakyReLU(SLOPE))]
        nodes += [Node(f"{name}/pool", MaxPool2d())]
        before = channels
    nodes += [Node("flatten", Flatten()), *_dense(draw, "fc1", 32 * width, 32 * width, LeakyReLU(SLOPE))]
    return Network([*nodes, Node("score", _linear(draw, "score", 32 * width, 1))])


def patch_generator(draw: Draw, noise: int = 16, width: int = 24) -> Network:
    """Return a fully convolutional generator: noise (N, h, w, `noise`) to a texture (N, 8 h, 8 w, 3).

    As in Jetchev et al., *Texture Synthesis with Spatial GANs*, 2016, but for repeated pixels with convolutions in
    place of transposed convolutions. What lies beyond the border is the other side: every place is made like every
    other, and the texture can be laid beside itself.
    """
    nodes, before = [], noise
    for name, channels in (
        ("conv1", 4 * width),
        ("conv2", 2 * width),
        ("conv3", width),
        ("conv4", width // 2),
    ):
        nodes += [Node(f"{name}/up", UpsampleNearest())] if name != "conv1" else []
        nodes += [Node(name, _conv(draw, name, 3, before, channels, padding=1, padding_mode="circular"))]
        nodes += [*_norm(draw, name, channels), Node(f"{name}/on", ReLU())]
        before = channels
    nodes += [Node("conv5", _conv(draw, "conv5", 3, before, 3, padding=1, padding_mode="circular"))]
    return Network([*nodes, Node("picture", Tanh())])


def patch_critic(draw: Draw, width: int = 24) -> Network:
    """Return a critic of all patches of 38 pixels that lie 8 apart: the mean of their scores (Li and Wand, 2016).

    No border is added, so that it sees nothing but texture.
    """
    nodes, before = [], 3
    for name, channels in (("conv1", width), ("conv2", 2 * width), ("conv3", 4 * width)):
        nodes += [Node(name, _conv(draw, name, 4, before, channels, stride=2))]
        nodes += [Node(f"{name}/on", LeakyReLU(SLOPE))]
        before = channels
    nodes += [Node("scores", _conv(draw, "scores", 3, before, 1)), Node("score", GlobalAvgPool())]
    return Network(nodes)


def feature_critic(draw: Draw, encoder: Network, tap: str, width: int = 24) -> Network:
    """Return a critic of patches that looks at them through the first layers of a trained network, which stay frozen.

    As in Li and Wand, *Precomputed Real-Time Texture Synthesis with Markovian GANs*, 2016: the features know edges and
    colours that go together, and the critic need not learn to see first.

    Parameters
    ----------
    encoder : Network
        A sequence, from pixels in 0..255.
    tap : str
        The node that the critic reads, of at most 2 pixels a place.
    """
    names = encoder.names[: encoder.names.index(encoder.resolve(tap)) + 1]
    seen = [encoder.nodes[name] for name in names]
    nodes = [Node("scaled", Preprocess((-1.0, -1.0, -1.0), 127.5)), Node(names[0], seen[0].layer), *seen[1:]]
    before = next(node.layer.weight.shape[3] for node in reversed(seen) if isinstance(node.layer, Conv2d))
    for name, channels, size in (("conv1", width, 1), ("conv2", 2 * width, 4), ("conv3", 4 * width, 4)):
        nodes += [Node(name, _conv(draw, name, size, before, channels, stride=1 if size == 1 else 2))]
        nodes += [Node(f"{name}/on", LeakyReLU(SLOPE))]
        before = channels
    nodes += [Node("scores", _conv(draw, "scores", 3, before, 1)), Node("score", GlobalAvgPool())]
    return Network(nodes)


GENERATORS: dict[str, tuple[Callable[..., Network], tuple[str, ...]]] = {
    "dense": (dense_generator, ("noise", "hidden")),
    "dc": (dc_generator, ("noise", "width")),
    "patch": (patch_generator, ("noise", "width")),
}
"""The generators by name, each with the sizes that a file of it tells."""


def generator(name: str, sizes: Mapping[str, int], draw: Draw) -> Network:
    """Return a generator of `GENERATORS`.

    Raises
    ------
    NstError
        For a name that is none of them, and sizes that are others than it has, or no sizes.
    """
    if not isinstance(name, str) or name not in GENERATORS or not isinstance(sizes, Mapping):
        raise NstError(f"{name!r:.40} is no generator; there are {', '.join(GENERATORS)}")
    build, known = GENERATORS[name]
    if sizes.keys() != set(known) or not all(
        type(size) is int and 2 <= size <= LARGEST for size in sizes.values()
    ):
        raise NstError(f"{sizes!s:.80} are not the sizes of a generator {name!r}: {', '.join(known)}")
    return build(draw, **sizes)


def _linear(draw: Draw, name: str, before: int, after: int) -> Linear:
    return Linear(draw(f"{name}.weight", (before, after)), draw(f"{name}.bias", (after,)))


def _dense(draw: Draw, name: str, before: int, after: int, then: Layer) -> list[Node]:
    return [Node(name, _linear(draw, name, before, after)), Node(f"{name}/on", then)]


def _conv(draw: Draw, name: str, size: int, before: int, after: int, **options: object) -> Conv2d:
    weight = draw(f"{name}.weight", (size, size, before, after))
    return Conv2d(weight, draw(f"{name}.bias", (after,)), **options)


def _doubling(draw: Draw, name: str, before: int, after: int) -> TransposedConv2d:
    return TransposedConv2d(draw(f"{name}.weight", (4, 4, after, before)), draw(f"{name}.bias", (after,)))


def _norm(draw: Draw, name: str, channels: int) -> list[Node]:
    parts = ("gamma", "beta", "running_mean", "running_var")
    return [Node(f"{name}/norm", BatchNorm(*(draw(f"{name}/norm.{part}", (channels,)) for part in parts)))]
