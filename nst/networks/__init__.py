"""Networks: named layers, the gradient of the image, and the architectures that weights are for."""

from nst.networks.alexnet import alexnet
from nst.networks.architectures import ARCHITECTURES, CUT, Architecture, architecture, build
from nst.networks.fusion import fused
from nst.networks.googlenet import googlenet
from nst.networks.network import Network, Node, Tape
from nst.networks.random_vgg import random_weights
from nst.networks.squeezenet import squeezenet
from nst.networks.vgg import vgg, vgg_shapes
from nst.networks.vgg_cifar import vgg_cifar
from nst.networks.vgg_small import vgg_mnist, vgg_small
from nst.networks.weights import Weights

__all__ = [
    "ARCHITECTURES",
    "CUT",
    "Architecture",
    "Network",
    "Node",
    "Tape",
    "Weights",
    "alexnet",
    "architecture",
    "build",
    "fused",
    "googlenet",
    "random_weights",
    "squeezenet",
    "vgg",
    "vgg_cifar",
    "vgg_mnist",
    "vgg_shapes",
    "vgg_small",
]
