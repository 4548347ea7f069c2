"""Convolution and its two backward passes."""

from __future__ import annotations

import copy
import math

import numpy as np

from nst import kernels
from nst.layers.base import Layer
from nst.layers.pad import MODES, NO_PADDING, check_room, pad_backward, pad_forward, padded_shape
from nst.layers.window import Pair, Sides, Window, pair, sides, window_count

Saved = tuple[tuple[int, ...], "np.ndarray | None"]


class Conv2d(Layer):
    """Convolution of an image with a bank of filters (a cross-correlation, as in every network).

    With `X` the padded input, `s` the stride, and `(i, j)` a tap of the kernel::

        y[n, a, b, o] = bias[o] + Σ_{i, j, c} X[n, a s + i, b s + j, c] weight[i, j, c, o]

    `x` is (N, H, W, Cin), `y` is (N, Ho, Wo, Cout) with Ho = (H + top + bottom - kh) // s + 1. With groups,
    the input and the output channels are cut into as many equal runs, and each run of outputs sees its own
    run of inputs only: `c` then counts within the group.

    Backward, to the input. The loss L depends on X[n, u, v, c] through every output whose window covers it,
    so the chain rule sums over all outputs::

        dX[n, u, v, c] = Σ_{a, b, o} dy[n, a, b, o] ∂y[n, a, b, o] / ∂X[n, u, v, c]

    The last factor is weight[i, j, c, o] where a tap satisfies u = a s + i and v = b s + j, else 0. Hence::

        dX[n, u, v, c] = Σ_{i, j, o} weight[i, j, c, o] dy[n, (u - i) / s, (v - j) / s, o]

    over the taps for which both quotients are whole and inside `y`. Read from dy's side: every dy[n, a, b]
    *adds* its vector, times the transposed weights, to all places of the window that it came from. For s = 1
    this is the correlation of dy, padded by k - 1, with the kernel turned by 180° and its channel axes
    swapped. For larger strides, places that no window covers get 0. Finally dx is what the padding's own
    backward pass makes of dX: a crop for zeros; for `reflect` and `replicate` see `Pad2d`.

    Backward, to the parameters. Each weight takes part in every output of its filter, with the pixel that its
    tap saw; the bias takes part with 1::

        dweight[i, j, c, o] = Σ_{n, a, b} X[n, a s + i, b s + j, c] dy[n, a, b, o]
        dbias[o]            = Σ_{n, a, b} dy[n, a, b, o]

    `saved` is the input's shape and, for dweight alone, the input: absent when the layer is frozen.

    Parameters
    ----------
    weight : array (kh, kw, Cin / groups, Cout)
    bias : array (Cout,) or None
    stride : int or (rows, columns)
    padding : int, (rows, columns) or ((top, bottom), (left, right))
    padding_mode : {"zero", "reflect", "replicate", "circular"}
    groups : int
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        stride: int | Pair = 1,
        padding: int | Pair | Sides = 0,
        padding_mode: str = "zero",
        groups: int = 1,
    ) -> None:
        if weight.ndim != 4 or groups < 1 or weight.shape[3] % groups:
            raise ValueError(f"weights of shape {weight.shape} are not (kh, kw, Cin / {groups}, Cout)")
        if bias is not None and bias.shape != weight.shape[3:]:
            raise ValueError(f"a bias of shape {bias.shape} does not suit {weight.shape[3]} filters")
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode {padding_mode!r} is none of {', '.join(MODES)}")
        self.weight = weight
        self.bias = bias
        self.stride = pair(stride)
        self.padding = sides(padding)
        self.padding_mode = padding_mode
        self.groups = groups
        # The kernels pad with zeros by themselves; any other border is drawn before they see the image.
        zero = padding_mode == "zero"
        self._outer, self._inner = (NO_PADDING, self.padding) if zero else (self.padding, NO_PADDING)

    def on(self, device: str) -> Conv2d:
        """Return this layer with weights and bias on a device."""
        twin = copy.copy(self)
        twin.weight = kernels.put(self.weight, device)
        twin.bias = None if self.bias is None else kernels.put(self.bias, device)
        return twin

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, Ho, Wo, Cout)."""
        if len(shape) != 4 or shape[3] != self.weight.shape[2] * self.groups:
            channels = self.weight.shape[2] * self.groups
            raise ValueError(f"convolution expects (N, H, W, {channels}), not {tuple(shape)}")
        check_room(shape, self.padding, self.padding_mode)
        out_hw = window_count(shape, self.weight.shape[:2], self.stride, self.padding)
        return (shape[0], *out_hw, self.weight.shape[3])

    def window(self) -> Window:
        """Return size, stride and padding."""
        return Window(self.weight.shape[:2], self.stride, self.padding)

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return the input while it is trained, and the copy with a border that is not of zeros."""
        copied = 0 if self._outer == NO_PADDING else math.prod(padded_shape(shape, self._outer))
        return 0 if self.frozen else itemsize * math.prod(shape), itemsize * copied

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Return y (N, Ho, Wo, Cout), and what the backward passes need."""
        self.output_shape(x.shape)
        bordered = pad_forward(x, self._outer, self.padding_mode)
        kernel = kernels.of(x).conv2d_forward
        y = kernel(bordered, self.weight, self.bias, self.stride, self._inner, self.groups)
        return y, (x.shape, None if self.frozen else x)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx (N, H, W, Cin)."""
        shape, _ = saved
        bordered = padded_shape(shape, self._outer)
        kernel = kernels.of(dy).conv2d_backward_input
        dx = kernel(dy, self.weight, bordered, self.stride, self._inner, self.groups)
        return pad_backward(dx, self._outer, self.padding_mode)

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dweight and dbias; nothing when frozen."""
        if self.frozen:
            return {}
        _, x = saved
        bordered = pad_forward(x, self._outer, self.padding_mode)
        kernel = kernels.of(dy).conv2d_backward_weights
        dweight = kernel(dy, bordered, self.weight.shape, self.stride, self._inner, self.groups)
        if self.bias is None:
            return {"weight": dweight}
        # NumPy adds along leading axes one by one: in float32 a sum over an image's places would lose digits.
        dbias = dy.sum(axis=(0, 1, 2), dtype=np.result_type(dy.dtype, np.float64))
        return {"weight": dweight, "bias": dbias.astype(dy.dtype)}
