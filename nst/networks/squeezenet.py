"""SqueezeNet 1.1 (Iandola et al., 2016): AlexNet's accuracy from a fiftieth of its parameters."""

from __future__ import annotations

from nst.layers import Concat, GlobalAvgPool, MaxPool2d, Softmax
from nst.networks.network import Network
from nst.networks.plan import Plan
from nst.networks.weights import Weights

# By number of the module: what it squeezes to, and the filters of each of the two expansions.
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128)}
FIRES |= {6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}


def squeezenet_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by name, in the order of the network.

    >>> import math
    >>> sum(math.prod(shape) for shape in squeezenet_shapes().values())
    1235496
    """
    kernels, channels = [("conv1", 3, 3, 64)], 64
    for number, (squeezed, expanded) in FIRES.items():
        name = f"fire{number}"
        kernels.append((f"{name}/squeeze1x1", 1, channels, squeezed))
        kernels += [(f"{name}/expand{side}x{side}", side, squeezed, expanded) for side in (1, 3)]
        channels = 2 * expanded
    kernels.append(("conv10", 1, channels, 1000))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, side, inputs, outputs in kernels:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (side, side, inputs, outputs), (outputs,)
    return shapes


def squeezenet(weights: Weights) -> Network:
    """Build the frozen SqueezeNet 1.1 that `weights` describe.

    Returns
    -------
    Network
        Nodes as in Caffe: `input`, `conv1`, `relu_conv1`, `pool1`, `fire2/squeeze1x1`, `fire2/relu_squeeze1x1`, ...,
        `fire2/concat`, ..., `conv10`, `relu_conv10`, `pool10` (the scores before softmax), `prob`.
    """
    plan = Plan(weights)
    x = plan.conv("conv1", "input", "relu_conv1", stride=2)
    x = plan.add("pool1", MaxPool2d(3, 2, ceil_mode=True), x)
    for number in FIRES:
        name = f"fire{number}"
        x = plan.conv(f"{name}/squeeze1x1", x, f"{name}/relu_squeeze1x1")
        one = plan.conv(f"{name}/expand1x1", x, f"{name}/relu_expand1x1")
        three = plan.conv(f"{name}/expand3x3", x, f"{name}/relu_expand3x3", padding=1)
        x = plan.add(f"{name}/concat", Concat(), one, three)
        plan.aliases[name] = x
        if number in (3, 5):
            x = plan.add(f"pool{number}", MaxPool2d(3, 2, ceil_mode=True), x)
    x = plan.conv("conv10", x, "relu_conv10")
    plan.add("prob", Softmax(), plan.add("pool10", GlobalAvgPool(), x))
    return plan.network()
