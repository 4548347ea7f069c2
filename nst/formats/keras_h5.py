"""Weights of Keras' applications: `vgg19_weights_tf_dim_ordering_tf_kernels(_notop).h5` and files like them.

Kernels are `(kh, kw, in, out)`. Four generations of names say the same:

    block1_conv1/block1_conv1_W_1:0            Keras 1
    block1_conv1/kernel:0
    block1_conv1/block1_conv1/kernel:0         Keras 2
    model_weights/block1_conv1/...             a whole model instead of its weights
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import h5py

from nst.errors import NstError
from nst.formats import hdf5
from nst.formats.contents import CAFFE, Contents, shown

PARTS = {"W": "weight", "kernel": "weight", "b": "bias", "bias": "bias"}


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a Keras file and list its arrays as `block1_conv1.weight`."""
    with h5py.File(path, "r") as file:
        root = hdf5.member(file, "model_weights") if "model_weights" in file else file
        if not isinstance(root, h5py.Group):
            raise NstError("'model_weights' is not a group")
        found = Contents("HWIO", CAFFE)
        for name, dataset in hdf5.datasets(root):
            hdf5.add(found, array_name(name), dataset)
        yield found


def array_name(path: str) -> str:
    """Return `layer.weight` or `layer.bias` for the path of a data set.

    >>> array_name("block1_conv1/block1_conv1_W_1:0"), array_name("fc1/fc1/bias:0")
    ('block1_conv1.weight', 'fc1.bias')
    """
    *groups, leaf = path.split("/")
    layer = groups[-1] if groups else ""
    part = re.sub(r"(_\d+)?(:0)?$", "", leaf.removeprefix(f"{layer}_"))
    if not layer or part not in PARTS:
        raise NstError(f"the data set {shown(path)} is neither a kernel nor a bias of a named layer")
    return f"{layer}.{PARTS[part]}"
