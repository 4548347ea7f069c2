"""The networks that weight files are for: the table of their arrays, what their input looks like, how to build them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nst.errors import NstError, nearest
from nst.networks.alexnet import ONE_TOWER, alexnet, alexnet_shapes, alexnet_torchvision
from nst.networks.extent import shapes
from nst.networks.googlenet import googlenet, googlenet_shapes, googlenet_torchvision
from nst.networks.network import Network
from nst.networks.squeezenet import squeezenet, squeezenet_shapes
from nst.networks.vgg import vgg, vgg_shapes
from nst.networks.weights import Weights


@dataclass(frozen=True)
class Architecture:
    """All that is known of a network before its weights are there.

    Attributes
    ----------
    shapes : callable
        Returns the shape of every array by name, in the order of the network.
    build : callable
        Makes the network of `Weights`.
    crop : int
        The side, in pixels, of the square that its classifier was trained on.
    scores : str
        The layer that gives the scores of the 1000 classes before softmax.
    """

    shapes: Callable[[], Mapping[str, tuple[int, ...]]]
    build: Callable[..., Network]
    crop: int = 224
    scores: str = "fc8"


ARCHITECTURES = {
    "vgg19": Architecture(partial(vgg_shapes, "vgg19"), vgg),
    "vgg16": Architecture(partial(vgg_shapes, "vgg16"), vgg),
    "googlenet": Architecture(googlenet_shapes, googlenet, scores="loss3/classifier"),
    "squeezenet": Architecture(squeezenet_shapes, squeezenet, crop=227, scores="pool10"),
    "alexnet": Architecture(alexnet_shapes, alexnet, crop=227),
    "googlenet-torchvision": Architecture(
        partial(googlenet_shapes, 3), googlenet_torchvision, scores="loss3/classifier"
    ),
    "alexnet-torchvision": Architecture(partial(alexnet_shapes, ONE_TOWER), alexnet_torchvision),
    "slim": Architecture(partial(vgg_shapes, "slim"), vgg),
    "random": Architecture(partial(vgg_shapes, "random"), vgg),
}


CUT = "-cut"
"""What the name of a network ends in that has fewer channels than the one so called, and is else the same."""

Shape = tuple[int, ...]


def architecture(network: str) -> Architecture:
    """Return what is known of a network; of one that has been cut, what is known of the whole one.

    Raises
    ------
    NstError
        When the name is unknown: the message has the nearest one and all that are known.
    """
    whole = network.removesuffix(CUT)
    if whole not in ARCHITECTURES:
        known = list(ARCHITECTURES)
        raise NstError(
            f"unknown network {network!r:.80}{nearest(network, known)}; known are {', '.join(known)}"
        )
    return ARCHITECTURES[whole]


def narrowed(table: Mapping[str, Shape], claimed: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the table of a network that has been cut: the claimed shapes, where they have no more of anything.

    A shape that cannot come about by leaving out channels stays as it is in `table`, for the comparison that follows.
    """
    result = dict(table)
    for name, shape in claimed.items():
        whole = table.get(name, ())
        fits = len(shape) == len(whole) and shape[:-2] == whole[:-2]
        if fits and all(0 < count <= most for count, most in zip(shape, whole, strict=True)):
            result[name] = shape
    return result


def build(weights: Weights, **options: Any) -> Network:
    """Build the frozen network that `weights` are for, by their `network`, as far as they reach.

    Parameters
    ----------
    weights
        Of any of `ARCHITECTURES`, or of one that has been cut (`vgg19-cut`): its channels are as many as they are.
    options
        What the network takes beside: `pooling`, `padding` and `top` of a VGG; see `nst.networks.vgg.vgg`.

    Raises
    ------
    NstError
        For an unknown name, and where a cut layer has more or fewer channels than the next one reads.
    """
    known = architecture(weights.network)
    whole = weights.network.removesuffix(CUT)
    network = known.build(replace(weights, network=whole), **options)
    if whole != weights.network:
        try:
            shapes(network, (1, known.crop, known.crop, 3), network.names[-1:])
        except ValueError as error:
            raise NstError(f"the layers of this {weights.network} do not fit together: {error}") from error
    return network
