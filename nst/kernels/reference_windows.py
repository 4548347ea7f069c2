"""Where the windows of a convolution or a pooling lie: their number, their taps, their padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]

NO_PADDING: Sides = ((0, 0), (0, 0))


def out_size(in_hw: Pair, size: Pair, stride: Pair, padding: Sides) -> Pair:
    """Return how many windows fit into the padded image, along its rows and its columns."""
    return tuple(
        (length + sum(sides) - k) // s + 1
        for length, sides, k, s in zip(in_hw, padding, size, stride, strict=True)
    )


def taps(size: Pair, stride: Pair, out_hw: Pair) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
    """Yield each tap (i, j) with the slices of the padded image that it sees in all windows together."""
    for i, j in np.ndindex(size):
        rows = slice(i, i + stride[0] * (out_hw[0] - 1) + 1, stride[0])
        columns = slice(j, j + stride[1] * (out_hw[1] - 1) + 1, stride[1])
        yield i, j, (slice(None), rows, columns)


def channel_groups(cin: int, cout: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """Yield the input channels and the output channels of each group."""
    cin, cout = cin // groups, cout // groups
    for g in range(groups):
        yield slice(g * cin, (g + 1) * cin), slice(g * cout, (g + 1) * cout)


def overhang(input_shape: tuple[int, ...], size: Pair, stride: Pair, padding: Sides, out_hw: Pair) -> Pair:
    """Return by how much the last windows reach over the padded image's far edges (in ceil mode)."""
    return tuple(
        max(0, (out_hw[axis] - 1) * stride[axis] + size[axis] - input_shape[1 + axis] - sum(padding[axis]))
        for axis in (0, 1)
    )


def pad(x: np.ndarray, size: Pair, stride: Pair, padding: Sides, out_hw: Pair, fill: float = 0) -> np.ndarray:
    """Return `x` with its padding, and with as much more as the last windows need."""
    (top, bottom), (left, right) = padding
    below, beside = overhang(x.shape, size, stride, padding, out_hw)
    widths = ((0, 0), (top, bottom + below), (left, right + beside), (0, 0))
    return np.pad(x, widths, constant_values=fill)


def padded_shape(
    shape: tuple[int, ...], size: Pair, stride: Pair, padding: Sides, out_hw: Pair
) -> tuple[int, ...]:
    """Return the shape of what `pad` returns."""
    n, h, w, c = shape
    below, beside = overhang(shape, size, stride, padding, out_hw)
    return n, h + sum(padding[0]) + below, w + sum(padding[1]) + beside, c


def crop(padded: np.ndarray, shape: tuple[int, ...], padding: Sides) -> np.ndarray:
    """Return what `pad` was given, of the given shape."""
    (top, _), (left, _) = padding
    return padded[:, top : top + shape[1], left : left + shape[2]]


def window_counts(
    input_shape: tuple[int, ...],
    size: Pair,
    stride: Pair,
    padding: Sides,
    out_hw: Pair,
    count_include_pad: bool,
) -> np.ndarray:
    """Return by how many places each window's sum is divided, int (Ho, Wo, 1).

    Only places inside the image count, or inside the image and its padding with `count_include_pad`. What a
    last window of the ceil mode hangs over beyond both never counts: PyTorch's rule.
    """
    counts = []
    for axis in (0, 1):
        length, (before, after) = input_shape[1 + axis], padding[axis]
        first, end = (-before, length + after) if count_include_pad else (0, length)
        start = np.arange(out_hw[axis]) * stride[axis] - before
        counts.append(np.minimum(start + size[axis], end) - np.maximum(start, first))
    return np.multiply.outer(*counts)[..., None]
