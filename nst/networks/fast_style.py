"""Johnson's generator with instance normalisation, as trained nets of others have it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst.layers import Conv2d, InstanceNorm, ReLU, Tanh, TransposedConv2d
from nst.networks.blocks import residual
from nst.networks.network import Network, Node

STEP = 4  # pixels: what is halved twice and doubled twice has sides of whole multiples
BLOCKS = 5
HALVED = ((0, 1), (0, 1))  # TensorFlow's SAME for 3x3 and stride 2, where the sides are even

_STAGES = [
    ("conv1", (9, 9, 3, 32)),
    ("conv2", (3, 3, 32, 64)),
    ("conv3", (3, 3, 64, 128)),
    *((f"block{number}/conv{half}", (3, 3, 128, 128)) for number in range(1, BLOCKS + 1) for half in (1, 2)),
    ("up1", (3, 3, 64, 128)),
    ("up2", (3, 3, 32, 64)),
    ("out", (9, 9, 32, 3)),
]


def fast_style_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each array by name, in the order of the layers.

    Kernels are (kh, kw, C_in, C_out), those of the transposed convolutions `up1` and `up2` (kh, kw, C_out, C_in).
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, kernel in _STAGES:
        channels = kernel[2] if name.startswith("up") else kernel[3]
        shapes |= {f"{name}.weight": kernel, f"{name}.beta": (channels,), f"{name}.gamma": (channels,)}
    return shapes


def fast_style(arrays: Mapping[str, np.ndarray], eps: float = 1e-3) -> Network:
    """Return the network, from pixels in 0..255 to the painting at `painting`, in the range -22.5 .. 277.5.

    Johnson, Alahi and Fei-Fei, *Perceptual Losses*, 2016, with instance normalisation after every convolution (Ulyanov
    et al., 2016) and zero padding: 9x9 to 32 channels, two convolutions of stride 2 to 64 and 128, five residual
    blocks, two transposed convolutions back, 9x9 to the three colours, and `150 tanh(x) + 127.5`.

    Parameters
    ----------
    arrays
        As `fast_style_shapes` names them.
    eps : float
        Of the instance normalisations.

    Notes
    -----
    The sides of the picture must be multiples of `STEP`.
    """

    def norm(name: str) -> InstanceNorm:
        return InstanceNorm(arrays[f"{name}.gamma"], arrays[f"{name}.beta"], eps=eps)

    def stage(name: str, layer: Conv2d | TransposedConv2d) -> list[Node]:
        return [Node(name, layer), Node(f"{name}/norm", norm(name)), Node(f"{name}/relu", ReLU())]

    def conv(name: str, **options: object) -> Conv2d:
        return Conv2d(arrays[f"{name}.weight"], **{"padding": 1, **options})

    nodes = stage("conv1", conv("conv1", padding=4))
    nodes += stage("conv2", conv("conv2", stride=2, padding=HALVED))
    nodes += stage("conv3", conv("conv3", stride=2, padding=HALVED))
    for number in range(1, BLOCKS + 1):
        one, two = (f"block{number}/conv{half}" for half in (1, 2))
        branch = ("conv1", conv(one)), ("norm1", norm(one)), ("relu", ReLU())
        branch += ("conv2", conv(two)), ("norm2", norm(two))
        nodes += residual(f"block{number}", nodes[-1].name, branch)
    for name in ("up1", "up2"):
        nodes += stage(name, TransposedConv2d(arrays[f"{name}.weight"]))
    nodes += [Node("out", conv("out", padding=4)), Node("out/norm", norm("out"))]
    return Network([*nodes, Node("painting", Tanh(150.0, 127.5))]).freeze()


def room(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) as (1, H', W', 3), its last pixels repeated to whole multiples of `STEP`."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, -height % STEP), (0, -width % STEP), (0, 0)), mode="edge")[None]
