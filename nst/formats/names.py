"""The names that the formats give to the layers of the networks, and the canonical names behind them."""

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
# torchvision's AlexNet has its dropouts first, and counts its other modules like this.
ALEXNET = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}
# torchvision's SqueezeNet 1.1: the index of each fire module; poolings stand between.
FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
# torchvision's GoogLeNet: what stands for the layers of a module, after `inception3a.`.
BRANCHES = {
    "1x1": "branch1",
    "3x3_reduce": "branch2.0",
    "3x3": "branch2.1",
    "5x5_reduce": "branch3.0",
    "5x5": "branch3.1",
    "pool_proj": "branch4.1",
}
GOOGLENET = {
    "conv1/7x7_s2": "conv1",
    "conv2/3x3_reduce": "conv2",
    "conv2/3x3": "conv3",
    "loss3/classifier": "fc",
}
# Layers that only training needs: the classifiers half-way up GoogLeNet.
TRAINING_ONLY = re.compile(r"(loss[12][/.]|aux[12]\.).*")

Shape = tuple[int, ...]


def layers(table: Mapping[str, Shape]) -> list[str]:
    """Return the names of the layers in the order of the network, from a table such as `vgg_shapes` makes."""
    return [name.removesuffix(".weight") for name in table if name.endswith(".weight")]


def aliases(table: Mapping[str, Shape], network: str = "") -> dict[str, str]:
    """Return `{name in a file: canonical name}` for all conventions at once; they do not overlap.

    Caffe's own names are canonical; where they have a slash, a dot may stand for it. Keras says `block3_conv2` for
    `conv3_2`. PyTorch counts modules: each convolution is followed by a ReLU, each block by a pooling, so that
    `features.N` depends on the network.

    >>> from nst.networks.vgg import vgg_shapes
    >>> aliases(vgg_shapes("vgg19"))["features.5.weight"], aliases(vgg_shapes("vgg16"))["features.17.bias"]
    ('conv2_1.weight', 'conv4_1.bias')
    """
    found: dict[str, str] = {}
    modules = _modules(layers(table))
    for layer in layers(table):
        known = [layer, layer.replace("/", "."), *_others(layer, network), *modules.get(layer, ())]
        for name in known:
            for part in ("weight", "bias"):
                found[f"{name}.{part}"] = f"{layer}.{part}"
    return found


def _others(layer: str, network: str) -> tuple[str, ...]:
    """Return what other programs call a layer, but for the convolutions of a VGG."""
    if network == "alexnet-torchvision":
        return (ALEXNET[layer],)
    if network == "googlenet-torchvision":
        module = re.fullmatch(r"inception_(..)/(.*)", layer)
        return (f"inception{module[1]}.{BRANCHES[module[2]]}" if module else GOOGLENET[layer],)
    if network == "squeezenet":
        fire = re.fullmatch(r"fire(.)/(squeeze|expand)(.x.)", layer)
        if not fire:
            return ("features.0" if layer == "conv1" else "classifier.1",)
        return (f"features.{FIRES[int(fire[1])]}.{fire[2]}{fire[3] * (fire[2] == 'expand')}",)
    return DENSE.get(layer, ())


def _modules(names: list[str]) -> dict[str, tuple[str, str]]:
    """Return Keras' and PyTorch's names of the convolutions of a VGG."""
    found, module, block = {}, 0, "1"
    for layer in names:
        if convolution := re.fullmatch(r"conv(\d+)_(\d+)", layer):
            if convolution[1] != block:
                module, block = module + 1, convolution[1]
            found[layer] = f"block{convolution[1]}_conv{convolution[2]}", f"features.{module}"
            module += 2
    return found
