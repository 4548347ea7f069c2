"""The names that the formats give to the layers of a VGG, and the canonical names behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# fc6, fc7, fc8: as Keras calls them, and their index in torchvision's `classifier` (ReLU and dropout
# between).
DENSE = {
    "fc6": ("fc1", "classifier.0"),
    "fc7": ("fc2", "classifier.3"),
    "fc8": ("predictions", "classifier.6"),
}

Shape = tuple[int, ...]


def layers(table: Mapping[str, Shape]) -> list[str]:
    """Return the names of the layers in the order of the network, from a table such as `vgg_shapes` makes."""
    return [name.removesuffix(".weight") for name in table if name.endswith(".weight")]


def aliases(table: Mapping[str, Shape]) -> dict[str, str]:
    """Return `{name in a file: canonical name}` for all conventions at once; they do not overlap.

    Caffe's own names are canonical. Keras says `block3_conv2` for `conv3_2`. PyTorch counts modules: each
    convolution is followed by a ReLU, each block by a pooling, so that `features.N` depends on the network.

    >>> from nst.networks.vgg import vgg_shapes
    >>> aliases(vgg_shapes("vgg19"))["features.5.weight"], aliases(vgg_shapes("vgg16"))["features.17.bias"]
    ('conv2_1.weight', 'conv4_1.bias')
    """
    found: dict[str, str] = {}
    module, block = 0, "1"
    for layer in layers(table):
        known = [layer, *DENSE.get(layer, ())]
        if convolution := re.fullmatch(r"conv(\d+)_(\d+)", layer):
            if convolution[1] != block:
                module, block = module + 1, convolution[1]
            known += [f"block{convolution[1]}_conv{convolution[2]}", f"features.{module}"]
            module += 2
        for name in known:
            for part in ("weight", "bias"):
                found[f"{name}.{part}"] = f"{layer}.{part}"
    return found
