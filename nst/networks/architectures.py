"""The networks that weight files are for: the table of their arrays, what their input looks like, how to build them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nst.errors import NstError, nearest
from nst.networks.alexnet import ONE_TOWER, alexnet, alexnet_shapes, alexnet_torchvision
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
    "random": Architecture(partial(vgg_shapes, "random"), vgg),
}


def architecture(network: str) -> Architecture:
    """Return what is known of a network.

    Raises
    ------
    NstError
        When the name is unknown: the message has the nearest one and all that are known.
    """
    if network not in ARCHITECTURES:
        known = list(ARCHITECTURES)
        raise NstError(
            f"unknown network {network!r:.80}{nearest(network, known)}; known are {', '.join(known)}"
        )
    return ARCHITECTURES[network]


def build(weights: Weights, **options: Any) -> Network:
    """Build the frozen network that `weights` are for, by their `network`, as far as they reach.

    Parameters
    ----------
    weights
        Of any of `ARCHITECTURES`.
    options
        What the network takes beside: `pooling`, `padding` and `top` of a VGG; see `nst.networks.vgg.vgg`.
    """
    return architecture(weights.network).build(weights, **options)
