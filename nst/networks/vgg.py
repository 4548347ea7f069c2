"""VGG-16 and VGG-19 (Simonyan and Zisserman, 2014), to whatever depth the weights reach."""

from __future__ import annotations

# Convolutions per block and channels per block; a 2x2 pooling follows each block.
BLOCKS = {
    "vgg16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "vgg19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
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
    for name, inputs, outputs in HEAD:
        shapes[f"{name}.weight"] = (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)
    return shapes
