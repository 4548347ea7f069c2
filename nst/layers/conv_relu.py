"""Convolution, ReLU and pooling as one layer, for networks that are no longer trained."""

from __future__ import annotations

import copy
import math
from types import ModuleType
from typing import Any

import numpy as np

from nst import kernels
from nst.layers.base import Layer
from nst.layers.conv2d import Conv2d
from nst.layers.pad import NO_PADDING, pad_backward, pad_forward, padded_shape
from nst.layers.window import Window, window_count

POOLS = (None, "max", "avg")
Saved = tuple[tuple[int, ...], "np.ndarray | None"]


class ConvReLU(Layer):
    """A frozen convolution with what follows it: a ReLU, and after it a 2x2 pooling of stride 2.

    The three maps one after the other, with z the convolution of x::

        y = pool(max(z, 0))

    An activation has to travel to the memory and back between any two layers, and there are three of them here where
    one would do. So the kernels do all three while a piece of z is still in registers. z is never stored, nor is
    max(z, 0) when it is pooled.

    Backward is the chain rule, each factor as its own layer derives it: the gradient of a pooled pixel goes to the
    first maximum of its window, or in quarters to all four; to nothing where z <= 0; and the rest back through the
    convolution::

        dz = unpool(dy) where z > 0, else 0
        dx = conv_backward(dz)

    Neither dz is stored: it is made as the convolution reads it. `saved` is the input's shape and one more array.
    Without pooling it is y itself, which is above 0 just where z is. With pooling it is one byte for each window,
    whose four bits say which of its pixels get gradient, a sixteenth of max(z, 0).

    What the kernels compute of the weights is kept for the next call: the weights must not change any more.

    Parameters
    ----------
    conv : Conv2d
        Frozen.
    relu : bool
        False for the convolution alone, which gains what is computed of the weights once.
    pool : {None, "max", "avg"}
        After the ReLU. A last odd row or column is left out, as `MaxPool2d(2)` does.
    """

    adds = True
    frozen = True

    def __init__(self, conv: Conv2d, *, relu: bool = True, pool: str | None = None) -> None:
        if pool not in POOLS or (pool and not relu):
            raise ValueError(f"pool={pool!r} with relu={relu}: expected one of {POOLS}, after a ReLU")
        self.conv, self.relu, self.pool = conv, relu, pool
        # Zeros are the kernels' own; any other border is drawn before they see the image.
        zero = conv.padding_mode == "zero"
        self._outer, self._inner = (NO_PADDING, conv.padding) if zero else (conv.padding, NO_PADDING)
        self._filters: dict[str, Any] = {}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, Ho, Wo, Cout)."""
        shape = self.conv.output_shape(shape)
        if self.pool is None:
            return shape
        return (shape[0], *window_count(shape, (2, 2), (2, 2), NO_PADDING), shape[3])

    def window(self) -> Window:
        """Return the convolution's window, or that of a pooled pixel."""
        window = self.conv.window()
        return window if self.pool is None else window.then(Window((2, 2), (2, 2), NO_PADDING))

    @property
    def saves_output(self) -> bool:
        """Whether the output is its own mask: with a ReLU and no pooling."""
        return self.relu and self.pool is None

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return a byte for each pooled window; and the copy with a border that is not of zeros."""
        return math.prod(self.output_shape(shape)) if self.pool else 0, self.conv.memory(shape, itemsize)[1]

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Return y (N, Ho, Wo, Cout), and what the backward pass needs."""
        self.output_shape(x.shape)
        bordered = pad_forward(x, self._outer, self.conv.padding_mode)
        kernel = kernels.of(x)
        y, kept = kernel.conv2d_relu_forward(
            bordered, self._prepared(kernel), self.conv.bias, self.pool, self.relu
        )
        return y, (x.shape, kept)

    def backward(self, dy: np.ndarray, saved: Saved, into: np.ndarray | None = None) -> np.ndarray:
        """Return dx (N, H, W, Cin); with `into`, an array like it, add dx to it and return that array."""
        shape, kept = saved
        bordered = padded_shape(shape, self._outer)
        kernel = kernels.of(dy)
        known = dy, kept, self._prepared(kernel), bordered, self.pool, self.relu
        if self._outer == NO_PADDING:
            return kernel.conv2d_relu_backward_input(*known, into)
        dx = pad_backward(kernel.conv2d_relu_backward_input(*known), self._outer, self.conv.padding_mode)
        return dx if into is None else np.add(into, dx, out=into)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays of the convolution."""
        return self.conv.state()

    def astype(self, dtype: np.dtype | type) -> ConvReLU:
        """Return this layer with its arrays in another dtype."""
        return self._with(self.conv.astype(dtype))

    def on(self, device: str) -> ConvReLU:
        """Return this layer with its arrays on a device."""
        return self._with(self.conv.on(device))

    def _with(self, conv: Conv2d) -> ConvReLU:
        twin = copy.copy(self)
        twin.conv, twin._filters = conv, {}
        return twin

    def _prepared(self, kernel: ModuleType) -> Any:
        """Return what `kernel` keeps of the weights, made at the first call."""
        if kernel.__name__ not in self._filters:
            conv = self.conv
            found = kernel.prepare(conv.weight, conv.stride, self._inner, conv.groups)
            self._filters[kernel.__name__] = found
        return self._filters[kernel.__name__]
