"""Deliberate mistakes where windows slide: convolution, pooling, padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nst.checks.cases import find
from nst.checks.mutations import At, Wrong, altered, mistakes, pulled_back, without
from nst.layers import AvgPool2d, Conv2d, MaxPool2d, Pad2d

EVERY = slice(None)


def with_kernel(change: Callable[[np.ndarray], np.ndarray]) -> Wrong:
    """Return the mistake of pulling back through a changed kernel."""
    return lambda at: pulled_back(altered(at.layer, weight=change(at.layer.weight)), at.x, at.dy)


def with_padding(mode: str) -> Wrong:
    """Return the mistake of pulling a convolution back through another padding."""

    def wrong(at: At) -> np.ndarray:
        return pulled_back(_padding_otherwise(at.layer, mode), at.x, at.dy)

    return wrong


def _padding_otherwise(layer: Conv2d, mode: str) -> Conv2d:
    return Conv2d(layer.weight, layer.bias, stride=layer.stride, padding=layer.padding, padding_mode=mode)


def weight_gradient(at: At, *, layer: Conv2d | None = None, **changed: np.ndarray) -> np.ndarray:
    """Return the weight gradient that another convolution, another `x` or another `dy` would give."""
    layer, x, dy = layer or at.layer, changed.get("x", at.x), changed.get("dy", at.dy)
    return layer.gradients(dy, layer.forward(x)[1])["weight"]


def one_tap(weight: np.ndarray, i: int, j: int) -> np.ndarray:
    """Return the kernel with all taps but one at zero."""
    alone = np.zeros_like(weight)
    alone[i, j] = weight[i, j]
    return alone


def inner(array: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) with its border set to zero."""
    return np.pad(array[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1), (0, 0)))


def assigned_taps(at: At) -> np.ndarray:
    """Let each tap of a convolution overwrite what the taps before it left."""
    dx = np.zeros_like(at.x)
    for i, j in np.ndindex(at.layer.weight.shape[:2]):
        part = with_kernel(lambda weight, i=i, j=j: one_tap(weight, i, j))(at)
        dx = np.where(part != 0, part, dx)
    return dx


def assigned_windows(at: At) -> np.ndarray:
    """Let each window of a pooling overwrite what the windows before it left."""
    dx = np.zeros_like(at.x)
    for row, column in np.ndindex(at.dy.shape[1:3]):
        alone = np.zeros_like(at.dy)
        alone[:, row, column] = at.dy[:, row, column]
        part = at.layer.backward(alone, at.saved)
        dx = np.where(part != 0, part, dx)
    return dx


def averaged(at: At, count_include_pad: bool = False) -> np.ndarray:
    """Pull back through the average pool of the same windows."""
    layer = at.layer
    pool = AvgPool2d(layer.size, layer.stride, layer.padding, layer.ceil_mode, count_include_pad)
    return pulled_back(pool, at.x, at.dy)


def last_row_lost(at: At) -> np.ndarray:
    """Leave out the windows that hang over the lower edge."""
    return at.layer.backward(without(at.dy, EVERY, -1), at.saved)


def first_pixel(at: At) -> np.ndarray:
    """Give all of it to the first pixel of each 2x2 window."""
    dx = np.zeros_like(at.x)
    dx[:, ::2, ::2] = at.dy
    return dx


def swapped_in_blocks(at: At) -> np.ndarray:
    """Transpose each 2x2 window: the winner's number is read as j kh + i."""
    n, height, width, c = at.x.shape
    blocks = at.dx.reshape(n, height // 2, 2, width // 2, 2, c)
    return blocks.swapaxes(2, 4).reshape(at.x.shape)


def last_wins(at: At) -> np.ndarray:
    """Pool the picture turned by 180 degrees: among equals, the last in reading order comes first."""
    turn = (EVERY, slice(None, None, -1), slice(None, None, -1))
    return pulled_back(MaxPool2d(at.layer.size, at.layer.stride), at.x[turn], at.dy[turn])[turn]


def full_divisor(at: At) -> np.ndarray:
    """Divide windows that hang over by the full size, as if they were whole."""
    dy = at.dy.copy()
    dy[:, -1] /= 2
    dy[:, :, -1] /= 2
    return at.layer.backward(dy, at.saved)


def repadded(mode: str) -> Wrong:
    """Return the mistake of folding back another padding."""
    return lambda at: pulled_back(Pad2d(at.layer.padding, mode), at.x, at.dy)


def without_corners(at: At) -> np.ndarray:
    """Fold the sides back and forget the corners, which lie beyond two borders."""
    height, width = at.x.shape[1:3]
    sides = np.zeros_like(at.dy)
    sides[:, 2 : 2 + height] = at.dy[:, 2 : 2 + height]
    sides[:, :, 2 : 2 + width] = at.dy[:, :, 2 : 2 + width]
    return at.layer.backward(sides, at.saved)


def border_repeated(at: At) -> np.ndarray:
    """Fold the mirror image back one pixel too far out, as if the border itself were repeated."""
    places = np.arange(at.x.size).reshape(at.x.shape)
    places = np.pad(places, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="symmetric")
    return np.bincount(places.ravel(), at.dy.ravel()).reshape(at.x.shape)


WINDOW_MISTAKES = [
    *mistakes(
        find("Conv2d", "3x3, zero padding"),
        {
            "rows and columns of the kernel are swapped": with_kernel(lambda w: w.swapaxes(0, 1)),
            "the kernel is turned by 180 degrees once too often": with_kernel(lambda w: w[::-1, ::-1]),
            "the kernel is upside down": with_kernel(lambda w: w[::-1]),
            "the kernel is mirrored": with_kernel(lambda w: w[:, ::-1]),
            "the last tap is left out": with_kernel(lambda w: without(w, -1, -1)),
            "the middle tap alone is used": with_kernel(lambda w: one_tap(w, 1, 1)),
            "the last filter is left out": with_kernel(lambda w: without(w, ..., -1)),
            "overlapping windows assign and do not add": assigned_taps,
            "the padding is cropped a row off": lambda at: np.roll(at.dx, 1, axis=1),
            "the border gets nothing": lambda at: inner(at.dx),
            "the sign is wrong": lambda at: -at.dx,
            "averaged over the batch": lambda at: at.dx / len(at.x),
            "the second picture gets the first one's": lambda at: at.dx[[0, 0]],
            "the bias is added to the gradient": lambda at: at.dx + at.layer.bias.sum(),
        },
    ),
    *mistakes(
        find("Conv2d", "1x1, stride 2 skips pixels"),
        {
            "input and output channels are swapped": with_kernel(lambda w: w.swapaxes(2, 3)),
            "pixels that the stride skips get their neighbour's": lambda at: (
                at.dx + np.roll(at.dx, 1, axis=1)
            ),
        },
    ),
    *mistakes(
        find("Conv2d", "stride 2 leaves a row over"),
        {"the row left over is taken to come first": lambda at: np.roll(at.dx, 1, axis=1)},
    ),
    *mistakes(
        find("Conv2d", "groups"),
        {
            "the groups' outputs are swapped": with_kernel(lambda w: np.roll(w, 3, axis=3)),
            "the groups' inputs are swapped": lambda at: np.roll(at.dx, 2, axis=3),
            "the second group is left out": with_kernel(lambda w: without(w, ..., slice(3, None))),
        },
    ),
    *mistakes(
        find("Conv2d", "reflection padding 2"),
        {
            "the gradient of the padding is dropped": with_padding("zero"),
            "the padding is folded back as if replicated": with_padding("replicate"),
        },
    ),
    *mistakes(
        find("Conv2d", "replicate padding"),
        {"the gradient of the padding is dropped": with_padding("zero")},
    ),
    *mistakes(
        find("Conv2d", "3x3, zero padding"),
        {
            "rows and columns are swapped": lambda at: at.grads["weight"].swapaxes(0, 1),
            "turned by 180 degrees": lambda at: at.grads["weight"][::-1, ::-1],
            "averaged over the batch": lambda at: at.grads["weight"] / len(at.x),
            "the second picture is left out": lambda at: weight_gradient(at, x=at.x[:1], dy=at.dy[:1]),
            "windows over the border are left out": lambda at: weight_gradient(at, dy=inner(at.dy)),
            "weight decay has slipped in": lambda at: at.grads["weight"] + 1e-4 * at.layer.weight,
        },
        of="weight",
    ),
    *mistakes(
        find("Conv2d", "reflection padding"),
        {
            "the padding is taken for zeros": lambda at: weight_gradient(
                at, layer=_padding_otherwise(at.layer, "zero")
            )
        },
        of="weight",
    ),
    *mistakes(
        find("Conv2d", "groups"),
        {"the groups' inputs are swapped": lambda at: weight_gradient(at, x=np.roll(at.x, 2, axis=3))},
        of="weight",
    ),
    *mistakes(
        find("Conv2d", "3x3, zero padding"),
        {
            "averaged over pixels": lambda at: at.dy.mean(axis=(1, 2)).sum(axis=0),
            "the second picture is left out": lambda at: at.dy[0].sum(axis=(0, 1)),
            "summed over rows but not over columns": lambda at: at.dy[:, :, 0].sum(axis=(0, 1)),
        },
        of="bias",
    ),
    *mistakes(
        find("MaxPool2d", "2x2"),
        {
            "shared by the window as in an average pool": averaged,
            "the winner's row and column are swapped": swapped_in_blocks,
            "the first pixel of the window gets it": first_pixel,
            "the whole window gets it": lambda at: 4 * averaged(at),
        },
    ),
    *mistakes(
        find("MaxPool2d", "3x3, stride 2"),
        {"overlapping windows assign and do not add": assigned_windows},
    ),
    *mistakes(
        find("MaxPool2d", "3x3, stride 1, padding"),
        {
            "overlapping windows assign and do not add": assigned_windows,
            "the padding is cropped a column off": lambda at: np.roll(at.dx, 1, axis=2),
        },
    ),
    *mistakes(
        find("MaxPool2d", "2x2, odd picture, ceil"),
        {"windows that hang over are left out": last_row_lost},
    ),
    *mistakes(
        find("MaxPool2d", "ties"),
        {
            "all of the equal values get all of it": lambda at: 9 * averaged(at),
            "equal values share": averaged,
            "the last of equal values wins": last_wins,
        },
    ),
    *mistakes(
        find("AvgPool2d", "2x2"),
        {
            "the divisor is forgotten": lambda at: 4 * at.dx,
            "the divisor is the side of the window, not its area": lambda at: 2 * at.dx,
            "the first pixel gets it": first_pixel,
        },
    ),
    *mistakes(
        find("AvgPool2d", "3x3, stride 2"),
        {"overlapping windows assign and do not add": assigned_windows},
    ),
    *mistakes(
        find("AvgPool2d", "3x3, stride 1, padding"),
        {
            "padding is counted in the divisor": lambda at: averaged(at, True),
            "the padding is cropped a row off": lambda at: np.roll(at.dx, 1, axis=1),
        },
    ),
    *mistakes(
        find("AvgPool2d", "padding counted"),
        {"padding is not counted in the divisor": averaged},
    ),
    *mistakes(
        find("AvgPool2d", "2x2, odd picture, ceil"),
        {
            "a clipped window is divided by the full size": full_divisor,
            "windows that hang over are left out": last_row_lost,
        },
    ),
    *mistakes(
        find("AvgPool2d", "2x2, odd picture"),
        {"the row left over gets its neighbour's": lambda at: at.dx[:, [*range(at.x.shape[1] - 1), -2]]},
    ),
    *mistakes(
        find("Pad2d", "reflect"),
        {
            "the gradient of the padding is dropped": repadded("zero"),
            "corners are dropped": without_corners,
            "the border is taken to be repeated": border_repeated,
            "folded back as if replicated": repadded("replicate"),
        },
    ),
    *mistakes(
        find("Pad2d", "replicate"),
        {
            "the gradient of the padding is dropped": repadded("zero"),
            "corners are dropped": without_corners,
            "folded back as if reflected": repadded("reflect"),
        },
    ),
    *mistakes(
        find("Pad2d", "circular, uneven"),
        {
            "the gradient of the padding is dropped": repadded("zero"),
            "folded back where it stands, not to the other side": repadded("replicate"),
        },
    ),
    *mistakes(
        find("Pad2d", "zero"),
        {"the wrong sides are cropped": lambda at: at.dy[:, : at.x.shape[1], : at.x.shape[2]]},
    ),
]
