"""Slim's codecs: the bundled network up to relu1_1 .. relu4_1, and narrow decoders that lead back to the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst.layers import Preprocess
from nst.networks.absorption import absorbed
from nst.networks.codecs import Codec, Shapes, Stages, decoder_nodes, wct_stages
from nst.networks.fusion import fused
from nst.networks.initial import he_normal
from nst.networks.network import Network
from nst.networks.slim import MEAN, SCALE
from nst.networks.vgg import BLOCKS, vgg
from nst.networks.weights import Weights

LEVELS = (4, 3, 2, 1)
TAPS = {level: f"relu{level}_1" for level in LEVELS}
WIDTHS = {0: 3, 1: 24, 2: 48, 3: 80}  # channels of a decoder after it has left the block above
DECODERS = "slim-decoders"
"""What a file says that it holds."""


def decoder_stages(level: int) -> Stages:
    """Return the convolutions of a decoder, which mirror those of the encoder to relu`level`_1."""
    return wct_stages(level)[1]


def decoder_shapes(level: int) -> Shapes:
    """Return the arrays of one decoder by `decoder4/conv41.weight` and so on; kernels are (kh, kw, in, out)."""
    shapes: Shapes = {}
    channels = BLOCKS["slim"][level - 1][1]
    for stage in decoder_stages(level):
        for name in stage:
            block, number = int(name[4]), int(name[5])
            width = WIDTHS[block - (number == 1)]
            label = f"decoder{level}/{name}"
            shapes |= {f"{label}.weight": (3, 3, channels, width), f"{label}.bias": (width,)}
            channels = width
    return shapes


def decoder_table() -> Shapes:
    """Return the arrays of all decoders, in the order of their files."""
    return {name: shape for level in sorted(LEVELS) for name, shape in decoder_shapes(level).items()}


def slim_decoder(level: int, arrays: Mapping[str, np.ndarray]) -> Network:
    """Return a decoder that learns, from features of relu`level`_1 to `picture`, RGB in 0..255.

    Its last convolution speaks of colours as slim's input does, less their mean and divided by about their deviation.

    Parameters
    ----------
    level
    arrays
        By the names of `decoder_shapes`; those of other levels are left alone.
    """
    mine = {name.partition("/")[2]: arrays[name] for name in decoder_shapes(level)}
    colours = Preprocess([-m * s for m, s in zip(MEAN, SCALE, strict=True)], [1 / s for s in SCALE])
    return Network(decoder_nodes(mine, decoder_stages(level), colours))


def fresh_decoder(level: int, seed: int = 0) -> Network:
    """Return a decoder with random weights, to be trained: He et al. (2015), biases 0."""
    rng = np.random.default_rng((seed, level))
    arrays = {
        name: he_normal(rng, shape) if name.endswith(".weight") else np.zeros(shape, np.float32)
        for name, shape in decoder_shapes(level).items()
    }
    return slim_decoder(level, arrays)


def slim_encoder(weights: Weights) -> Network:
    """Return slim, frozen, to be read at `TAPS`; reflection before every convolution, as in the decoders."""
    return vgg(weights, padding="reflect")


def slim_codec(level: int, encoder: Network, decoder: Network) -> Codec:
    """Return the codec of a level, for painting; see `slim_encoder` and `slim_decoder`."""
    tap = TAPS[level]
    return Codec(
        f"slim level {level}",
        fused(absorbed(encoder), [tap]),
        fused(absorbed(decoder.freeze()), ["picture"]),
        1 << (level - 1),
        tap,
    )
