"""Encoders and decoders: a VGG up to some layer, and a network that makes the picture of its features again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nst.layers import Conv2d, Layer, MaxPool2d, Preprocess, ReLU, UpsampleNearest
from nst.networks.absorption import absorbed
from nst.networks.fusion import fused
from nst.networks.network import Network, Node

Stages = Sequence[Sequence[str]]
"""The names of convolutions, by the resolution at which they work."""

Shapes = dict[str, tuple[int, ...]]

CAFFE_MEAN = (103.939, 116.779, 123.68)

ADAIN_ENCODER = (
    ("block1_conv1", "block1_conv2"),
    ("block2_conv1", "block2_conv2"),
    ("block3_conv1", "block3_conv2", "block3_conv3", "block3_conv4"),
    ("output",),
)
ADAIN_DECODER = (
    ("block4_conv1_decode",),
    ("block3_conv1_decode", "block3_conv2_decode", "block3_conv3_decode", "block3_conv4_decode"),
    ("block2_conv1_decode", "block2_conv2_decode"),
    ("block1_conv1_decode", "block1_conv2_decode"),
)
LEVELS = (5, 4, 3, 2, 1)
CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}  # of VGG-19, as far as conv5_1


@dataclass(frozen=True)
class Codec:
    """An encoder and its decoder.

    Attributes
    ----------
    name : str
    encoder, decoder : Network
        From (1, H, W, 3) in 0..255 to `tap`, and from its features to `picture`, likewise (not clipped).
    step : int
        Pixels for one place of the features: sides must be whole multiples of it, two at least.
    tap : str
    """

    name: str
    encoder: Network
    decoder: Network
    step: int
    tap: str = "features"

    def room(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture (H, W, 3) with its last pixels repeated to the right and below, as far as is needed."""
        ends = [max(2 * self.step, -(-side // self.step) * self.step) - side for side in picture.shape[:2]]
        return np.pad(picture, [(0, end) for end in ends] + [(0, 0)] * (picture.ndim - 2), mode="edge")

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """Return the features (h, w, C) of a picture (H, W, 3), floating-point numbers, of any size."""
        if not np.issubdtype(picture.dtype, np.floating):
            raise ValueError(f"expected floating-point RGB, not {picture.dtype}")
        return self.encoder.features(self.room(picture)[None], [self.tap])[self.tap][0]

    def decode(self, features: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return the picture (H, W, 3) of features (h, w, C), cut to a size and clipped to 0..255."""
        picture = self.decoder.features(features[None], ["picture"])["picture"][0]
        return np.clip(picture[: size[0], : size[1]], 0, 255)


def adain_shapes() -> tuple[Shapes, Shapes]:
    """Return the arrays of AdaIN's encoder and decoder by name; kernels are (out, in, kh, kw), as in the files."""
    encoder = _shapes(ADAIN_ENCODER, [3, 64, 64, 128, 128, 256, 256, 256, 256, 512])
    return encoder, _shapes(ADAIN_DECODER, [512, 256, 256, 256, 256, 128, 128, 64, 64, 3])


def adain_codec(encoder: Mapping[str, np.ndarray], decoder: Mapping[str, np.ndarray]) -> Codec:
    """Return the codec of Huang and Belongie, *Arbitrary Style Transfer*, 2017: VGG-19 to relu4_1 and back.

    Reflection before every convolution; the decoder doubles the resolution by repeating pixels, and gives colours in
    0..1.
    """
    first = [("pixels", Preprocess(CAFFE_MEAN, channel_order="BGR"))]
    return Codec("AdaIN", _encoder(first, encoder, ADAIN_ENCODER), _decoder(decoder, ADAIN_DECODER), 8)


def wct_shapes(level: int) -> tuple[Shapes, Shapes]:
    """Return the arrays of the encoder to relu`level`_1 and of its decoder, as `adain_shapes` does."""
    widths = {0: 3, 1: 24 if level == 1 else 16, 2: 32, 3: 64, 4: 128, 5: 128}
    down, up = wct_stages(level)
    before = [3] + [widths[int(name[4])] for stage in down for name in stage]
    after = [widths[level]] + [widths[int(name[4]) - (name[5] == "1")] for stage in up for name in stage]
    aux: Shapes = {"conv0.weight": (3, 3, 1, 1), "conv0.bias": (3,)}
    for block in range(
        1, level + 1
    ):  # what leads from these features to VGG-19's own, which nobody needs here
        wide = min(64 << (block - 1), 512)
        aux |= {f"conv{block}1_aux.weight": (wide, widths[block], 1, 1), f"conv{block}1_aux.bias": (wide,)}
    return aux | _shapes(down, before), _shapes(up, after)


def wct_stages(level: int) -> tuple[Stages, Stages]:
    """Return the convolutions of the encoder to relu`level`_1 and of its decoder, which mirrors it."""
    down = [
        [f"conv{block}{number}" for number in range(1, (CONVOLUTIONS[block] if block < level else 1) + 1)]
        for block in range(1, level + 1)
    ]
    return down, [stage[::-1] for stage in down[::-1]]


def wct_codec(level: int, encoder: Mapping[str, np.ndarray], decoder: Mapping[str, np.ndarray]) -> Codec:
    """Return a codec of Li et al., *Universal Style Transfer via Feature Transforms*, 2017, at one level of five.

    In the narrow networks of Wang et al., *Collaborative Distillation*, 2020, in which a 1x1 convolution makes VGG's
    input of colours in 0..1. Reflection before every convolution, and repeated pixels in the decoder.
    """
    first = [
        ("pixels", Preprocess((0.0, 0.0, 0.0), 1 / 255)),
        ("conv0", Conv2d(encoder["conv0.weight"], encoder["conv0.bias"])),
    ]
    down, up = wct_stages(level)
    return Codec(
        f"WCT level {level}", _encoder(first, encoder, down), _decoder(decoder, up), 1 << (level - 1)
    )


def _shapes(stages: Stages, widths: Sequence[int]) -> Shapes:
    names = [name for stage in stages for name in stage]
    shapes: Shapes = {}
    for name, before, after in zip(names, widths[:-1], widths[1:], strict=True):
        shapes |= {f"{name}.weight": (after, before, 3, 3), f"{name}.bias": (after,)}
    return shapes


def _encoder(first: Sequence[tuple[str, Layer]], arrays: Mapping[str, np.ndarray], stages: Stages) -> Network:
    before = [Node(name, layer) for name, layer in first]
    return _finished([*before, *_stages(arrays, stages, MaxPool2d), Node("features", ReLU())])


def _decoder(arrays: Mapping[str, np.ndarray], stages: Stages) -> Network:
    return _finished(decoder_nodes(arrays, stages, Preprocess((0.0, 0.0, 0.0), 255.0)))


def decoder_nodes(arrays: Mapping[str, np.ndarray], stages: Stages, colours: Layer) -> list[Node]:
    """Return the nodes of a decoder from features to `picture`, which `colours` makes of the last convolution.

    Reflection before every convolution, and pixels repeated between stages.
    """
    return [*_stages(arrays, stages, UpsampleNearest), Node("picture", colours)]


def _stages(arrays: Mapping[str, np.ndarray], stages: Stages, between: Callable[[], Layer]) -> list[Node]:
    """Return convolutions with a ReLU behind each but the last, and a change of resolution between stages."""
    nodes: list[Node] = []
    for number, stage in enumerate(stages):
        nodes += [Node(f"resized{number}", between())] if number else []
        for name in stage:
            nodes += [Node(name, _conv(arrays, name)), Node(f"{name}/relu", ReLU())]
    return nodes[:-1]


def _conv(arrays: Mapping[str, np.ndarray], name: str) -> Conv2d:
    return Conv2d(arrays[f"{name}.weight"], arrays[f"{name}.bias"], padding=1, padding_mode="reflect")


def _finished(nodes: list[Node]) -> Network:
    return fused(absorbed(Network(nodes).freeze()), [nodes[-1].name])
