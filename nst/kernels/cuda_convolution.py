"""Convolutions on a card: the functions of `nst.kernels.cpu`, for arrays of the card.

Forward, and backward to the input, are one kernel: with the taps turned by half a circle and input and output channels
exchanged, the gradient of a convolution is one as well, or, where it moves on by s pixels, s times s of them, each for
its own part of the pixels. Backward to the weights is the other one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nst.kernels import reference
from nst.kernels.cuda_array import DeviceArray, put
from nst.kernels.cuda_choice import choose, widths
from nst.kernels.cuda_convolve import Shape, Variant, convolve
from nst.kernels.cuda_correlate import turn
from nst.kernels.cuda_products import no_bits, sum_over_places
from nst.kernels.reference import NO_PADDING, Pair, Sides
from nst.kernels.reference_windows import out_size


@dataclass(frozen=True)
class Part:
    """Some of a convolution's taps, for the gradient of every `stride`-th pixel of its input from `first` on."""

    weight: DeviceArray  # (taps down, taps across, Cout / groups, Cin)
    taps: Pair
    origin: Pair
    first: Pair


@dataclass(frozen=True)
class Filters(reference.Filters):
    """A convolution with what its kernels compute once of its weights, which are on the card."""

    @cached_property
    def turned(self) -> tuple[Part, ...]:
        """The convolutions that its gradient is made of."""
        return tuple(self._part(first) for first in np.ndindex(self.stride))

    def _part(self, first: Pair) -> Part:
        """Return the one for the pixels (a step + first[0], b step' + first[1]).

        Pixel h is seen by window u through tap i if u step - top + i = h. So these are seen through every step-th tap
        from (first + top) modulo the step on, each by the window before that of the last one.
        """
        kh, kw, c_in, c_out = self.weight.shape
        before = [at + sides[0] for at, sides in zip(first, self.padding, strict=True)]
        least = [at % step for at, step in zip(before, self.stride, strict=True)]
        taps = [len(range(i, k, s)) for i, k, s in zip(least, (kh, kw), self.stride, strict=True)]
        if 0 in taps:  # nothing sees them: a sum without terms
            return Part(self.weight, (0, 1), (0, 0), first)
        origin = [(b - i) // s - (n - 1) for b, i, s, n in zip(before, least, self.stride, taps, strict=True)]
        last = [i + s * (n - 1) for i, s, n in zip(least, self.stride, taps, strict=True)]
        each = c_out // self.groups
        turned = DeviceArray((*taps, each, c_in * self.groups))
        shape = (*taps, each, c_in, self.groups, kh, kw, *last, *self.stride)
        turn.over(turned.size, self.weight.data, turned.data, shape, turned.size)
        return Part(turned, tuple(taps), tuple(origin), first)


def prepare(
    weight: DeviceArray | np.ndarray,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
    winograd: str | None = None,
) -> Filters:
    """Return what the fused functions want of a convolution; `winograd` is for the CPU: here every product is made."""
    return Filters(put(weight), stride, padding, groups)


def _checked(array: DeviceArray, shape: tuple[int, ...], what: str) -> DeviceArray:
    """Return an array of this shape: kernels would read beyond the end of another."""
    if tuple(array.shape) != tuple(shape):
        raise ValueError(f"{what} has the shape {tuple(array.shape)}, and not {tuple(shape)}")
    return array


def _launch(shape: Shape, arrays: dict[str, Any], groups: int, **how: Any) -> None:
    """Run the kernel for these sizes; `how` are the rest of its `Variant`."""
    (windows, *_), (c_in, c_out, _) = shape.grid, shape.channels
    if not windows or not c_out:
        return
    tile = choose(windows, c_in, c_out, groups)
    kernel = convolve(Variant(tile, *widths(tile, c_in, c_out), **how))
    blocks = -(-windows // tile.rows), -(-c_out // tile.columns) * groups
    x, y, none = arrays["x"], arrays["y"], no_bits().data
    given = arrays.get("kept", x), arrays["weight"], arrays.get("bias", x), y, arrays.get("bits", none)
    kernel[blocks, tile.threads](x, *given, shape.numbers)


def conv2d_relu_forward(
    x: DeviceArray,
    filters: Filters,
    bias: DeviceArray | None = None,
    pool: str | None = None,
    relu: bool = True,
) -> tuple[DeviceArray, DeviceArray | None]:
    """Convolution, ReLU and 2x2 pooling as one; see `nst.kernels.reference.conv2d_relu_forward`."""
    kh, kw, c_in, c_out = filters.weight.shape
    groups, pool = filters.groups, pool if relu else None
    _checked(x, (*x.shape[:3], groups * c_in), "x")
    n, height, width, _ = filters.output_shape(x.shape)
    if pool:
        height, width = height // 2, width // 2
    y = DeviceArray((n, height, width, c_out))
    arrays = {"x": x.data, "weight": filters.weight.data, "y": y.data}
    if bias is not None:
        bias = _checked(
            put(bias), (c_out,), "bias"
        )  # kept: its memory is lent again as soon as nobody knows it
        arrays["bias"] = bias.data
    bits = DeviceArray(y.shape, np.uint8) if pool else None
    if pool:
        arrays["bits"], height, width = bits.data, 2 * height, 2 * width
    shape = Shape(
        (n * height * width, height, width),
        tuple(x.shape[1:]),
        (c_in, c_out // groups, c_out),
        (kh, kw),
        filters.stride,
        tuple(-before for before, _ in filters.padding),
    )
    writes = pool or ("relu" if relu else "plain")
    _launch(shape, arrays, groups, writes=writes, bias=bias is not None)
    return y, bits if pool else y if relu else None


def conv2d_relu_backward_input(
    dy: DeviceArray,
    kept: DeviceArray | None,
    filters: Filters,
    input_shape: tuple[int, ...],
    pool: str | None = None,
    relu: bool = True,
    into: DeviceArray | None = None,
) -> DeviceArray:
    """Return the gradient of its input; see `nst.kernels.reference.conv2d_relu_backward_input`."""
    n, height, width, c_out = filters.output_shape(input_shape)
    groups, pool = filters.groups, pool if relu else None
    shape = (n, height // 2, width // 2, c_out) if pool else (n, height, width, c_out)
    arrays = {"x": _checked(dy, shape, "dy").data}
    if relu:
        arrays["kept"] = _checked(kept, shape, "what was kept").data
    dx = DeviceArray(input_shape) if into is None else _checked(into, input_shape, "into")
    reads = pool or ("relu" if relu else "plain")
    each = c_out // groups, input_shape[3] // groups, input_shape[3]
    for part in filters.turned:
        grid = [
            len(range(f, k, s)) for f, k, s in zip(part.first, input_shape[1:3], filters.stride, strict=True)
        ]
        shape = Shape(
            (n * grid[0] * grid[1], *grid),
            (height, width, c_out),
            each,
            part.taps,
            origin=part.origin,
            output=tuple(input_shape[1:3]),
            apart=filters.stride,
            first=part.first,
        )
        arrays |= {"weight": part.weight.data, "y": dx.data}
        scattered = filters.stride != (1, 1)
        _launch(shape, arrays, groups, reads=reads, add=into is not None, scattered=scattered)
    return dx


def conv2d_forward(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None = None,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> DeviceArray:
    """Return the cross-correlation of `x` with `weight`; see `nst.kernels.reference.conv2d_forward`."""
    return conv2d_relu_forward(x, prepare(weight, stride, padding, groups), bias, relu=False)[0]


def conv2d_backward_input(
    dy: DeviceArray,
    weight: DeviceArray,
    input_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> DeviceArray:
    """Return the gradient with respect to the input; see `nst.kernels.reference.conv2d_backward_input`."""
    filters = prepare(weight, stride, padding, groups)
    return conv2d_relu_backward_input(dy, None, filters, input_shape, relu=False)


def conv2d_backward_weights(
    dy: DeviceArray,
    x: DeviceArray,
    weight_shape: tuple[int, int, int, int],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> DeviceArray:
    """Return the gradient of the weights; see `nst.kernels.reference.conv2d_backward_weights`."""
    *taps, c_in, c_out = weight_shape
    _checked(x, (*x.shape[:3], groups * c_in), "x")
    n, (height, width) = len(x), out_size(x.shape[1:3], tuple(taps), stride, padding)
    _checked(dy, (n, height, width, c_out), "dy")
    shape = Shape(
        (n * height * width, height, width),
        tuple(x.shape[1:]),
        (c_in, c_out // groups, c_out),
        tuple(taps),
        stride,
        tuple(-before for before, _ in padding),
    )
    return sum_over_places(x, dy, shape, groups).reshape(tuple(weight_shape))
