"""AlexNet (Krizhevsky et al., *ImageNet Classification with Deep Convolutional Neural Networks*, 2012)."""

from __future__ import annotations

from nst.layers import LRNAcross, MaxPool2d
from nst.networks.network import Network
from nst.networks.plan import Plan
from nst.networks.weights import Weights

# Name, side of the kernel, channels that a filter sees, filters.
CONVOLUTIONS = (
    ("conv1", 11, 3, 96),
    ("conv2", 5, 48, 256),
    ("conv3", 3, 256, 384),
    ("conv4", 3, 192, 384),
    ("conv5", 3, 192, 256),
)
# "One weird trick for parallelizing convolutional neural networks" (Krizhevsky, 2014), as torchvision has it.
ONE_TOWER = (
    ("conv1", 11, 3, 64),
    ("conv2", 5, 64, 192),
    ("conv3", 3, 192, 384),
    ("conv4", 3, 384, 256),
    ("conv5", 3, 256, 256),
)
HEAD = (("fc6", 6 * 6 * 256, 4096), ("fc7", 4096, 4096), ("fc8", 4096, 1000))


def alexnet_shapes(
    convolutions: tuple[tuple[str, int, int, int], ...] = CONVOLUTIONS,
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by name, in the order of the network.

    >>> import math
    >>> [sum(math.prod(shape) for shape in alexnet_shapes(c).values()) for c in (CONVOLUTIONS, ONE_TOWER)]
    [60965224, 61100840]
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, side, inputs, outputs in convolutions:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (side, side, inputs, outputs), (outputs,)
    for name, inputs, outputs in HEAD:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (inputs, outputs), (outputs,)
    return shapes


def alexnet(weights: Weights) -> Network:
    """Build the frozen AlexNet that `weights` describe: two groups in conv2, conv4 and conv5, response normalisation.

    Returns
    -------
    Network
        Nodes as in Caffe's `bvlc_alexnet`: `input`, `conv1`, `relu1`, `norm1`, `pool1`, ..., `pool5`, `flatten`,
        `fc6`, `relu6`, `fc7`, `relu7`, `fc8`, `prob`; the fully connected layers want 227 x 227 pixels.
    """
    plan = Plan(weights)
    x = plan.conv("conv1", "input", "relu1", stride=4)
    x = plan.add("pool1", MaxPool2d(3, 2, ceil_mode=True), plan.add("norm1", LRNAcross(), x))
    x = plan.conv("conv2", x, "relu2", padding=2, groups=2)
    x = plan.add("pool2", MaxPool2d(3, 2, ceil_mode=True), plan.add("norm2", LRNAcross(), x))
    x = plan.conv("conv3", x, "relu3", padding=1)
    x = plan.conv("conv4", x, "relu4", padding=1, groups=2)
    x = plan.conv("conv5", x, "relu5", padding=1, groups=2)
    plan.classifier(plan.add("pool5", MaxPool2d(3, 2, ceil_mode=True), x))
    return plan.network()


def alexnet_torchvision(weights: Weights) -> Network:
    """Build torchvision's AlexNet: one tower, no response normalisation, a border of 2 around the picture.

    Nodes are named as in `alexnet`. Its fully connected layers want 224 x 224 pixels: torchvision averages larger
    maps to 6 x 6, which this network does not.
    """
    plan = Plan(weights)
    x = plan.add("pool1", MaxPool2d(3, 2), plan.conv("conv1", "input", "relu1", stride=4, padding=2))
    x = plan.add("pool2", MaxPool2d(3, 2), plan.conv("conv2", x, "relu2", padding=2))
    for number in (3, 4, 5):
        x = plan.conv(f"conv{number}", x, f"relu{number}", padding=1)
    plan.classifier(plan.add("pool5", MaxPool2d(3, 2), x))
    return plan.network()
