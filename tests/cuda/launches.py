"""What is asked of a card, noted where there is none: nothing is computed, and every number that comes back is 1.

It costs next to nothing, so pictures and networks are as large here as they really are: the tiles are those that a card
would be given. Do not use it in the simulator, whose tiles are toys.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest

from nst.engine import Objective, StyleTransfer
from nst.kernels import cuda, cuda_array, cuda_device, cuda_later, cuda_padding, cuda_products
from nst.kernels.cuda_array import DeviceArray
from nst.kernels.cuda_device import Kernel
from nst.kernels.cuda_tiles import PRECISIONS
from nst.networks import Weights, fused, vgg
from nst.networks.vgg import vgg_shapes

REMEMBERED = cuda_products.no_bits, cuda_padding._shown, cuda_padding._showing, cuda_later.ledger
SIZES = (64, 48), (256, 256), (512, 512), (1024, 1024)
"""At these, each tile has a turn wherever it may have one."""
STYLES = tuple(f"relu{block}_1" for block in range(1, 6))


class Data:
    """Numbers that are not there."""

    def __init__(self, log: Log, count: int, dtype: np.dtype) -> None:
        self.log, self.count, self.dtype = log, count, dtype

    def __getitem__(self, part: slice) -> Data:
        return Data(self.log, part.stop - part.start, self.dtype)

    def copy_to_device(self, array: np.ndarray, stream: Any) -> None:
        """Note how much went there."""
        self.log.up.append(array.nbytes)

    def copy_to_host(self, stream: Any) -> np.ndarray:
        """Note how much came back."""
        self.log.down.append(self.count * self.dtype.itemsize)
        return np.ones(self.count, self.dtype)


class Log:
    """The kernels that were launched, and the bytes that went there and came back, each in its order."""

    def __init__(self) -> None:
        self.launched: list[Kernel] = []
        self.up: list[int] = []
        self.down: list[int] = []

    def synchronize(self) -> None:
        """Wait for what is not done."""

    def clear(self) -> None:
        """Begin anew."""
        for noted in (self.launched, self.up, self.down):
            noted.clear()


@contextmanager
def noted() -> Iterator[Log]:
    """Let arrays be put on a card that notes what is asked of it."""
    log = Log()

    class Span(cuda_device.Span):
        def __init__(self, capacity: int) -> None:
            self.capacity = capacity

        def view(self, count: int, dtype: np.dtype) -> Data:
            return Data(log, count, dtype)

    def launch(kernel: Kernel, how: tuple) -> Any:
        return lambda *arguments: log.launched.append(kernel)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_device, "Span", Span)
        patch.setattr(cuda_array, "pool", cuda_device.Pool())
        for module in (cuda_array, cuda_later):
            patch.setattr(module, "stream", lambda: log)
        patch.setattr(Kernel, "__getitem__", launch)
        for one in REMEMBERED:
            one.cache_clear()
        yield log
    cuda.bound(None, "float32")
    for one in REMEMBERED:
        one.cache_clear()


@cache
def weights() -> Weights:
    """Return a VGG-19 to relu5_1, of zeros."""
    arrays = {}
    for name, shape in vgg_shapes("vgg19").items():
        arrays[name] = np.zeros(shape, np.float32)
        if name == "conv5_1.bias":
            break
    return Weights(arrays, "vgg19", source="test")


def objective(
    height: int, width: int, pooling: str = "max", fuse: bool = True
) -> tuple[Objective, DeviceArray]:
    """Return the objective of a painting on the card, and a picture; fused, or layer by layer with padding drawn."""
    network = vgg(weights(), pooling=pooling, padding="zero" if fuse else "reflect")
    network = fused(network, ["relu4_2", *STYLES]) if fuse else network
    transfer = StyleTransfer({"relu4_2": 1.0}, dict.fromkeys(STYLES, 1.0), 5, 100, 10, 1000)
    image = cuda.put(np.zeros((1, height, width, 3), np.float32))
    return transfer.objective(network.on("cuda"), image, [image]), image


@cache
def of_a_painting(height: int, width: int) -> dict[str, Kernel]:
    """Return every kernel that value and gradient take at a size, by name: each precision, either pooling."""
    with noted() as log:
        for precision, pooling, fuse in itertools.product(PRECISIONS, ("max", "avg"), (True, False)):
            cuda.bound(None, precision)
            evaluate, image = objective(height, width, pooling, fuse)
            evaluate(image)
        return {kernel.name: kernel for kernel in log.launched}


LAYERS = ((5, 20, 2, 1), (20, 30, 1, 1), (24, 60, 1, 3))  # channels in -> out, stride, groups


@cache
def of_other_layers() -> dict[str, Kernel]:
    """Return the same of layers as VGG has none: strides, groups, numbers of channels that are no multiples of 4."""
    with noted() as log:
        for precision, (c_in, c_out, stride, groups) in itertools.product(PRECISIONS, LAYERS):
            cuda.bound(None, precision)
            how = (stride, stride), ((1, 1), (1, 1)), groups
            filters = cuda.prepare(np.zeros((3, 3, c_in // groups, c_out), np.float32), *how)
            x = DeviceArray((2, 9, 9, c_in))
            for pool in (None, "max", "avg"):
                y, kept = cuda.conv2d_relu_forward(x, filters, DeviceArray((c_out,)), pool)
                cuda.conv2d_relu_backward_input(y, kept, filters, x.shape, pool)
                cuda.conv2d_relu_backward_input(y, kept, filters, x.shape, pool, into=x)
            y = cuda.conv2d_forward(x, filters.weight, None, *how)
            cuda.conv2d_backward_input(y, filters.weight, x.shape, *how)
            cuda.conv2d_backward_weights(y, x, filters.weight.shape, *how)
        return {kernel.name: kernel for kernel in log.launched}


def every() -> dict[str, Kernel]:
    """Return all of both, by name."""
    paintings = (of_a_painting(*size) for size in SIZES)
    return {name: kernel for found in (*paintings, of_other_layers()) for name, kernel in found.items()}
