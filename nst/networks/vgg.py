"""VGG-16 and VGG-19 (Simonyan and Zisserman, 2014), to whatever depth the weights reach."""

from __future__ import annotations

from nst.layers import AvgPool2d, MaxPool2d
from nst.networks.network import Network
from nst.networks.plan import Plan
from nst.networks.weights import Weights

# Convolutions per block and channels per block; a 2x2 pooling follows each block. `random` is the small network that
# stands in while no trained weights are at hand.
BLOCKS = {
    "vgg16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "vgg19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
    "random": ((2, 32), (2, 64), (2, 128), (2, 256), (1, 256)),
    "slim": ((2, 48), (2, 96), (4, 192), (1, 384)),
}
HEAD = (("fc6", 7 * 7 * 512, 4096), ("fc7", 4096, 4096), ("fc8", 4096, 1000))


def vgg_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a full VGG by name, convolutions first, in the order of the network.

    >>> import math
    >>> shapes = vgg_shapes("vgg19")
    >>> shapes["conv1_1.weight"], shapes["fc6.weight"]
    ((3, 3, 3, 64), (25088, 4096))
    >>> sum(math.prod(shape) for shape in shapes.values())
    143667240
    """
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for block, (convolutions, width) in enumerate(BLOCKS[network], 1):
        for index in range(1, convolutions + 1):
            shapes[f"conv{block}_{index}.weight"] = (3, 3, channels, width)
            shapes[f"conv{block}_{index}.bias"] = (width,)
            channels = width
    for name, inputs, outputs in HEAD if network in ("vgg16", "vgg19") else ():
        shapes[f"{name}.weight"] = (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)
    return shapes


def vgg(weights: Weights, pooling: str = "max", padding: str = "zero", top: bool = False) -> Network:
    """Build the frozen VGG that `weights` describe, ending where its weights end.

    Parameters
    ----------
    weights
        `conv1_1.weight`, `conv1_1.bias` and so on, without gaps.
    pooling
        `"max"`, as trained, or `"avg"`, which Gatys et al. (2016) found to give smoother pictures.
    padding
        `"zero"`, as trained, or `"reflect"` or `"replicate"`, which leave no dark seam along the border, or
        `"circular"`: the picture goes round.
    top
        Whether to add the fully connected layers `fc6`, `fc7` and `fc8` where there are weights for them. They want
        224 x 224 pixels.

    Returns
    -------
    Network
        Nodes `input`, `conv1_1`, `relu1_1`, ..., `pool1`, ... as in Caffe, with Keras' names as aliases. The image
        goes in as RGB in 0..255.
    """
    pools = {"max": MaxPool2d, "avg": AvgPool2d}
    plan, x = Plan(weights), "input"
    for block, (convolutions, _) in enumerate(BLOCKS[weights.network], 1):
        for index in range(1, convolutions + 1):
            name = f"{block}_{index}"
            x = plan.conv(f"conv{name}", x, f"relu{name}", padding=1, padding_mode=padding)
            # In Keras the activation belongs to the convolution: its block1_conv1 gives what Caffe calls relu1_1.
            plan.aliases[f"block{block}_conv{index}"] = x
        x = plan.add(f"pool{block}", pools[pooling](2), x)
        plan.aliases[f"block{block}_pool"] = x
    if top:
        plan.classifier(x)
    return plan.network()
