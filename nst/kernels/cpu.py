"""The kernels for float32 on the CPU: what `nst.kernels.select` hands to the layers.

This module only chooses. A convolution of 3x3 with enough channels goes to Winograd's algorithm, every other to the
direct one, and all to plain loops where the processor's vectors are unknown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nst.kernels import cpu_columns, cpu_direct, cpu_plain, cpu_training, cpu_winograd, memory, reference
from nst.kernels.cpu_elementwise import (
    adam_step,
    combine,
    dot,
    preprocess_backward,
    preprocess_forward,
    squared_error,
    squared_overshoot,
    total_variation,
)
from nst.kernels.cpu_norms import (
    moments,
    normalise,
    normalise_backward,
    normalise_sums,
    relu_backward,
    relu_forward,
)
from nst.kernels.cpu_pooling import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from nst.kernels.cpu_products import gram_sum, matrix_product
from nst.kernels.cpu_ranks import by_rank
from nst.kernels.cpu_updates import sgd_step
from nst.kernels.cpu_windows import source
from nst.kernels.reference import NO_PADDING, Pair, Sides
from nst.kernels.reference_padding import pad_backward, pad_forward
from nst.kernels.reference_windows import out_size
from nst.kernels.threads import one_at_a_time
from nst.kernels.vectors import NARROW, SIMD

__all__ = [
    "adam_step",
    "avg_pool_backward",
    "avg_pool_forward",
    "by_rank",
    "combine",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward",
    "conv2d_relu_backward_input",
    "conv2d_relu_forward",
    "dot",
    "gram_sum",
    "matrix_product",
    "max_pool_backward",
    "max_pool_forward",
    "moments",
    "normalise",
    "normalise_backward",
    "normalise_sums",
    "pad_backward",
    "pad_forward",
    "prepare",
    "preprocess_backward",
    "preprocess_forward",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "squared_error",
    "squared_overshoot",
    "total_variation",
]

FEW = 24  # input channels; a panel of fewer outputs would be mostly empty
MOST = 10  # columns side by side: more would gain little, and the last of a row are computed in vain


@dataclass(frozen=True)
class Filters(reference.Filters):
    """A convolution with everything that the kernels compute once of its weights, made when it is first needed."""

    tiles: str = "F4"

    @cached_property
    def winograd(self) -> cpu_winograd.Filters:
        """The weights for Winograd's algorithm."""
        return cpu_winograd.Filters(self.weight, self.tiles)

    def suits_winograd(self, out_hw: Pair) -> bool:
        """Return whether a map of this size is computed by Winograd's algorithm."""
        return cpu_winograd.suits(self.weight.shape, self.stride, self.groups, out_hw, self.tiles)

    @cached_property
    def panels(self) -> cpu_direct.Panels:
        """The weights for the direct convolution."""
        return cpu_direct.panels(self.weight, self.groups)

    @cached_property
    def at_once(self) -> int:
        """How many columns of few outputs are computed side by side, where neighbours share what they look at."""
        shared = self.groups == 1 and self.weight.shape[1] > self.stride[1]
        return max(1, min(MOST, NARROW // max(1, self.weight.shape[3]))) if shared else 1

    @cached_property
    def side_by_side(self) -> cpu_direct.Panels:
        """The weights for the direct convolution of few outputs."""
        return cpu_direct.panels(cpu_direct.side_by_side(self.weight, self.stride[1], self.at_once))

    @cached_property
    def turned(self) -> cpu_direct.Panels:
        """The weights for the gradient of the input, where it is a convolution as well."""
        return cpu_direct.panels(cpu_direct.turned(self.weight, self.groups), self.groups)

    @cached_property
    def columns(self) -> cpu_columns.Columns:
        """The weights for the gradient of the input in all other cases."""
        return cpu_columns.columns(self.weight, self.groups)


@one_at_a_time
def prepare(
    weight: np.ndarray,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
    winograd: str | None = None,
) -> Filters:
    """Return what the fused functions want of a convolution; see `nst.kernels.reference.prepare`.

    `winograd` is "F4", "F2" (twice the multiplications, a third of the rounding error) or "none"; by default what the
    environment variable `NST_WINOGRAD` says, or "F4".
    """
    tiles = winograd or os.environ.get("NST_WINOGRAD") or "F4"
    if tiles not in ("F4", "F2", "none"):
        raise ValueError(f"Winograd tiles {tiles!r} are none of F4, F2, none")
    return Filters(weight.astype(np.float32, copy=False), stride, padding, groups, tiles)


def _checked(array: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return an array as float32, once it has this shape: kernels work on addresses, and would read beyond its end."""
    if array.shape != tuple(shape):
        raise ValueError(f"{what} has the shape {array.shape}, and not {tuple(shape)}")
    return array.astype(np.float32, copy=False)


@one_at_a_time
def conv2d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the cross-correlation of `x` with `weight`; see `nst.kernels.reference.conv2d_forward`."""
    return conv2d_relu_forward(x, prepare(weight, stride, padding, groups), bias, relu=False)[0]


@one_at_a_time
def conv2d_backward_input(
    dy: np.ndarray,
    weight: np.ndarray,
    input_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the gradient with respect to the input; see `nst.kernels.reference.conv2d_backward_input`."""
    filters = prepare(weight, stride, padding, groups)
    return conv2d_relu_backward_input(dy, None, filters, input_shape, relu=False)


@one_at_a_time
def conv2d_backward_weights(
    dy: np.ndarray,
    x: np.ndarray,
    weight_shape: tuple[int, int, int, int],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the gradient of the weights; see `nst.kernels.reference.conv2d_backward_weights`."""
    (*_, c_in, c_out), module = weight_shape, cpu_plain if SIMD == "plain" else cpu_training
    x = _checked(x, (*x.shape[:3], groups * c_in), "x")
    dy = _checked(dy, (len(x), *out_size(x.shape[1:3], weight_shape[:2], stride, padding), c_out), "dy")
    one = (*weight_shape[:3], c_out // groups)
    parts = zip(np.split(dy, groups, axis=3), np.split(x, groups, axis=3), strict=True)
    found = [module.conv2d_backward_weights(d, a, one, stride, padding) for d, a in parts]
    return found[0] if groups == 1 else np.concatenate(found, axis=3)


@one_at_a_time
def conv2d_relu_forward(
    x: np.ndarray,
    filters: Filters,
    bias: np.ndarray | None = None,
    pool: str | None = None,
    relu: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Convolution, ReLU and 2x2 pooling as one; see `nst.kernels.reference.conv2d_relu_forward`."""
    x = _checked(x, (*x.shape[:3], filters.groups * filters.weight.shape[2]), "x")
    if bias is not None:
        _checked(bias, (filters.weight.shape[3],), "bias")
    if filters.suits_winograd(filters.output_shape(x.shape)[1:3]):
        return cpu_winograd.forward(x, filters.winograd, bias, filters.padding, pool, relu)
    if SIMD == "plain":
        how = filters.stride, filters.padding, filters.groups
        return reference.rectify(cpu_plain.conv2d_forward(x, filters.weight, bias, *how), pool, relu)
    y = _direct(x, filters, bias, relu)
    return reference.rectify(y, pool) if pool else (y, y if relu else None)


def _direct(x: np.ndarray, filters: Filters, bias: np.ndarray | None, relu: bool) -> np.ndarray:
    """Return the direct convolution, of few outputs several columns at once."""
    (n, height, width, channels), (down, across) = filters.output_shape(x.shape), filters.stride
    at_once = filters.at_once if filters.at_once <= width else 1
    panels = filters.panels if at_once == 1 else filters.side_by_side
    bias = None if bias is None else np.tile(bias, at_once)
    columns = -(-width // at_once)
    y = memory.empty((n, height, columns, at_once * channels))
    cpu_direct.convolve(source(x), panels, bias, y, (down, at_once * across), filters.padding, relu=relu)
    return np.ascontiguousarray(y.reshape(n, height, columns * at_once, channels)[:, :, :width])


@one_at_a_time
def conv2d_relu_backward_input(
    dy: np.ndarray,
    kept: np.ndarray | None,
    filters: Filters,
    input_shape: tuple[int, ...],
    pool: str | None = None,
    relu: bool = True,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """Return the gradient of its input; see `nst.kernels.reference.conv2d_relu_backward_input`."""
    if into is not None and not (into.flags.carray and into.dtype == np.float32):
        into += conv2d_relu_backward_input(dy, kept, filters, input_shape, pool, relu)
        return into
    n, height, width, channels = filters.output_shape(input_shape)
    shape = (n, height // 2, width // 2, channels) if pool else (n, height, width, channels)
    dy = _checked(dy, shape, "dy")
    if relu and kept.shape != shape:
        raise ValueError(f"what was kept has the shape {kept.shape}, and not {shape}")
    if into is not None:
        _checked(into, input_shape, "into")
    if filters.suits_winograd(input_shape[1:3]):
        return cpu_winograd.backward_input(
            dy, filters.winograd, input_shape, filters.padding, kept, pool, into
        )
    if SIMD == "plain":
        dy = reference.unrectify(dy, kept, filters.output_shape(input_shape), pool, relu)
        how = filters.stride, filters.padding, filters.groups
        dx = cpu_plain.conv2d_backward_input(dy, filters.weight, input_shape, *how)
        return dx if into is None else np.add(into, dx, out=into)
    dx = memory.empty(input_shape) if into is None else into
    reader, how = source(dy, kept, pool, relu), (filters.stride, filters.padding)
    kh, kw, c_in, _ = filters.weight.shape
    if filters.stride == (1, 1) and c_in >= FEW:
        around = tuple(
            (k - 1 - before, k - 1 - after)
            for k, (before, after) in zip((kh, kw), filters.padding, strict=True)
        )
        return cpu_direct.convolve(reader, filters.turned, None, dx, (1, 1), around, add=into is not None)
    return cpu_columns.backward_input(reader, filters.columns, dx, *how, add=into is not None)
