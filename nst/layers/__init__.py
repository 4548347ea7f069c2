"""One layer per file: its forward and its backward pass side by side, the derivation in the docstring."""

from __future__ import annotations

from nst.layers.add import Add
from nst.layers.avg_pool import AvgPool2d
from nst.layers.base import Layer
from nst.layers.batch_norm import BatchNorm
from nst.layers.channels import Channels
from nst.layers.concat import Concat
from nst.layers.conditional_instance_norm import ConditionalInstanceNorm
from nst.layers.conv2d import Conv2d
from nst.layers.conv_relu import ConvReLU
from nst.layers.cross_entropy import softmax_cross_entropy
from nst.layers.dropout import Dropout
from nst.layers.filter_response_norm import TLU, FilterResponseNorm
from nst.layers.flatten import Flatten
from nst.layers.fourier import Fourier
from nst.layers.global_avg_pool import GlobalAvgPool
from nst.layers.instance_norm import InstanceNorm
from nst.layers.leaky_relu import LeakyReLU
from nst.layers.linear import Linear
from nst.layers.lrn import LRNAcross, LRNWithin
from nst.layers.max_pool import MaxPool2d
from nst.layers.pad import Pad2d
from nst.layers.preprocess import Preprocess
from nst.layers.relu import ReLU
from nst.layers.sigmoid import Sigmoid
from nst.layers.softmax import Softmax
from nst.layers.tanh import Tanh
from nst.layers.transposed_conv import TransposedConv2d
from nst.layers.unflatten import Unflatten
from nst.layers.upsample import UpsampleNearest
from nst.layers.warp import Warp

__all__ = [
    "TLU",
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "Channels",
    "Concat",
    "ConditionalInstanceNorm",
    "Conv2d",
    "ConvReLU",
    "Dropout",
    "FilterResponseNorm",
    "Flatten",
    "Fourier",
    "GlobalAvgPool",
    "InstanceNorm",
    "LRNAcross",
    "LRNWithin",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Pad2d",
    "Preprocess",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TransposedConv2d",
    "Unflatten",
    "UpsampleNearest",
    "Warp",
    "softmax_cross_entropy",
]
