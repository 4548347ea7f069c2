"""Networks: named layers, the gradient of the image, and the architectures that weights are for."""

from nst.networks.fusion import fused
from nst.networks.network import Network, Node, Tape
from nst.networks.random_vgg import random_weights
from nst.networks.vgg import vgg, vgg_shapes
from nst.networks.vgg_cifar import vgg_cifar
from nst.networks.weights import Weights

__all__ = ["Network", "Node", "Tape", "Weights", "fused", "random_weights", "vgg", "vgg_cifar", "vgg_shapes"]
