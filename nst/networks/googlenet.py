"""GoogLeNet (Szegedy et al., *Going Deeper with Convolutions*, 2014): nine modules of four branches each."""

from __future__ import annotations

from nst.layers import Concat, GlobalAvgPool, LRNAcross, MaxPool2d, Softmax
from nst.networks.network import Network
from nst.networks.plan import Plan
from nst.networks.weights import Weights

# Filters of 1x1; of 3x3 after its reduction; of 5x5 after its reduction; of the projection after the pooling.
MODULES = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
STEM = (("conv1/7x7_s2", 7, 3, 64), ("conv2/3x3_reduce", 1, 64, 64), ("conv2/3x3", 3, 64, 192))
CLASSIFIER = "loss3/classifier"


def googlenet_shapes(fifth: int = 5) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by name, in the order of the network.

    `fifth` is the side of the kernels that are called 5x5: torchvision's network has 3x3 there.

    >>> import math
    >>> sum(math.prod(shape) for shape in googlenet_shapes().values())
    6998552
    """
    kernels = list(STEM)
    channels = STEM[-1][-1]
    for module, (one, three, five, pooled) in MODULES.items():
        name = f"inception_{module}"
        kernels += [
            (f"{name}/1x1", 1, channels, one),
            (f"{name}/3x3_reduce", 1, channels, three[0]),
            (f"{name}/3x3", 3, *three),
            (f"{name}/5x5_reduce", 1, channels, five[0]),
            (f"{name}/5x5", fifth, *five),
            (f"{name}/pool_proj", 1, channels, pooled),
        ]
        channels = one + three[1] + five[1] + pooled
    shapes: dict[str, tuple[int, ...]] = {}
    for name, side, inputs, outputs in kernels:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (side, side, inputs, outputs), (outputs,)
    return {**shapes, f"{CLASSIFIER}.weight": (channels, 1000), f"{CLASSIFIER}.bias": (1000,)}


def googlenet(weights: Weights) -> Network:
    """Build the frozen GoogLeNet that `weights` describe, without its two auxiliary classifiers.

    Returns
    -------
    Network
        Nodes as in Caffe: `input`, `conv1/7x7_s2`, `conv1/relu_7x7`, `pool1/3x3_s2`, `pool1/norm1`, ...,
        `inception_3a/output`, ..., `pool5/7x7_s1`, `loss3/classifier`, `prob`; the modules and `pool5` also by these
        short names. The last pooling averages all there is, so that pictures may have any size from 32 pixels.
    """
    plan = Plan(weights)
    x = plan.conv("conv1/7x7_s2", "input", "conv1/relu_7x7", stride=2, padding=3)
    x = _halve(plan, "pool1/3x3_s2", x)
    x = plan.add("pool1/norm1", LRNAcross(), x)
    x = plan.conv("conv2/3x3_reduce", x, "conv2/relu_3x3_reduce")
    x = plan.conv("conv2/3x3", x, "conv2/relu_3x3", padding=1)
    x = plan.add("conv2/norm2", LRNAcross(), x)
    x = _halve(plan, "pool2/3x3_s2", x)
    for module in MODULES:
        x = _inception(plan, f"inception_{module}", x)
        if module in ("3b", "4e"):
            x = _halve(plan, f"pool{module[0]}/3x3_s2", x)
    x = plan.add("pool5/7x7_s1", GlobalAvgPool(), x)
    plan.add("prob", Softmax(), plan.linear(CLASSIFIER, x))
    plan.aliases["pool5"] = "pool5/7x7_s1"
    return plan.network()


def googlenet_torchvision(weights: Weights) -> Network:
    """Build torchvision's GoogLeNet: 3x3 where the paper has 5x5, no response normalisation, a smaller last pooling.

    Its batch normalisation has been folded into the convolutions when the file was read. The names are those of
    `googlenet`, although the branch called 5x5 is not.
    """
    plan = Plan(weights)
    x = plan.conv("conv1/7x7_s2", "input", "conv1/relu_7x7", stride=2, padding=3)
    x = _halve(plan, "pool1/3x3_s2", x)
    x = plan.conv("conv2/3x3_reduce", x, "conv2/relu_3x3_reduce")
    x = plan.conv("conv2/3x3", x, "conv2/relu_3x3", padding=1)
    x = _halve(plan, "pool2/3x3_s2", x)
    for module in MODULES:
        x = _inception(plan, f"inception_{module}", x, fifth=3)
        if module == "3b":
            x = _halve(plan, "pool3/3x3_s2", x)
        elif module == "4e":
            x = plan.add("pool4/2x2_s2", MaxPool2d(2, ceil_mode=True), x)
    x = plan.add("pool5", GlobalAvgPool(), x)
    plan.add("prob", Softmax(), plan.linear(CLASSIFIER, x))
    return plan.network()


def _halve(plan: Plan, name: str, source: str) -> str:
    return plan.add(name, MaxPool2d(3, 2, ceil_mode=True), source)


def _inception(plan: Plan, name: str, source: str, fifth: int = 5) -> str:
    """Add a module: 1x1, 3x3 and 5x5 convolutions and a pooling side by side, the latter three behind a 1x1."""
    branches = [plan.conv(f"{name}/1x1", source, f"{name}/relu_1x1")]
    for kernel, padding in (("3x3", 1), ("5x5", fifth // 2)):
        reduced = plan.conv(f"{name}/{kernel}_reduce", source, f"{name}/relu_{kernel}_reduce")
        branches.append(plan.conv(f"{name}/{kernel}", reduced, f"{name}/relu_{kernel}", padding=padding))
    pooled = plan.add(f"{name}/pool", MaxPool2d(3, 1, padding=1, ceil_mode=True), source)
    branches.append(plan.conv(f"{name}/pool_proj", pooled, f"{name}/relu_pool_proj"))
    plan.aliases[name] = f"{name}/output"
    return plan.add(f"{name}/output", Concat(), *branches)
