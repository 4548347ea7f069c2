"""Deliberate mistakes where a convolution, its ReLU and its pooling are one layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nst.checks.cases import find
from nst.checks.mutations import At, Wrong, mistakes, pulled_back, without
from nst.layers import Conv2d, ConvReLU, MaxPool2d


def with_dz(wrong: Wrong) -> Wrong:
    """Return the mistake of handing the convolution another gradient of its output: `wrong` returns it."""
    return lambda at: pulled_back(at.layer.conv, at.x, wrong(at))


def with_kept(change: Callable[[np.ndarray], np.ndarray]) -> Wrong:
    """Return the mistake of reading what the forward pass kept as something else."""

    def wrong(at: At) -> np.ndarray:
        shape, kept = at.saved
        return at.layer.backward(at.dy, (shape, change(kept).astype(kept.dtype)))

    return wrong


def with_conv(
    weight: Callable[[np.ndarray], np.ndarray] = lambda weight: weight, padding_mode: str | None = None
) -> Wrong:
    """Return the mistake of pulling back through another convolution."""

    def wrong(at: At) -> np.ndarray:
        conv = at.layer.conv
        mode = padding_mode or conv.padding_mode
        other = Conv2d(weight(conv.weight), stride=conv.stride, padding=conv.padding, padding_mode=mode)
        return ConvReLU(other, relu=at.layer.relu, pool=at.layer.pool).backward(at.dy, at.saved)

    return wrong


def without_relu(at: At) -> np.ndarray:
    """Pool what no ReLU has cut off: windows below 0 have a maximum, too."""
    return pulled_back(MaxPool2d(), at.layer.conv.forward(at.x)[0], at.dy)


def by_pixels_on(at: At) -> np.ndarray:
    """Divide the gradient of a window among its pixels that are on."""
    on = sum(at.saved[1] >> bit & 1 for bit in range(4))
    return at.layer.backward(4 * at.dy / np.maximum(on, 1), at.saved)


FUSED_MISTAKES = [
    *mistakes(
        find("ConvReLU", "3x3"),
        {
            "everything passes the ReLU": with_dz(lambda at: at.dy),
            "what was off passes, what was on does not": with_dz(lambda at: np.where(at.y > 0, 0, at.dy)),
            "the sign of dy decides": with_dz(lambda at: np.maximum(at.dy, 0)),
            "on means above 1": with_dz(lambda at: np.where(at.y > 1, at.dy, 0)),
            "the mask is that of the input": lambda at: np.where(at.x > 0, with_dz(lambda at: at.dy)(at), 0),
            "the mask is used twice": lambda at: np.where(at.x > 0, at.dx, 0),
            "the bias is added to the gradient": with_dz(
                lambda at: np.where(at.y > 0, at.dy + at.layer.conv.bias, 0)
            ),
            "the kernel is turned by 180 degrees once too often": with_conv(lambda w: w[::-1, ::-1]),
        },
    ),
    *mistakes(
        find("ConvReLU", "max"),
        {
            "everything passes the ReLU": with_dz(without_relu),
            "all pixels of a window get its gradient": with_kept(lambda kept: np.full_like(kept, 15)),
            "the first pixel of a window gets its gradient": with_kept(lambda kept: np.minimum(kept, 1)),
            "a window's pixels are numbered by columns": with_kept(
                lambda kept: kept & 9 | (kept & 2) << 1 | (kept & 4) >> 1
            ),
            "averaged over the window": lambda at: at.dx / 4,
            "the last column of windows gets nothing": lambda at: at.layer.backward(
                without(at.dy, slice(None), slice(None), -1), at.saved
            ),
        },
    ),
    *mistakes(
        find("ConvReLU", "avg"),
        {
            "everything passes the ReLU": with_kept(lambda kept: np.full_like(kept, 15)),
            "the window decides, not the pixel": with_kept(lambda kept: np.where(kept > 0, 15, 0)),
            "not divided by four": lambda at: 4 * at.dx,
            "divided by the number of pixels that are on": by_pixels_on,
        },
    ),
    *mistakes(
        find("ConvReLU", "reflection padding, max"),
        {
            "folded back as if replicated": with_conv(padding_mode="replicate"),
            "cropped as if zero": with_conv(padding_mode="zero"),
        },
    ),
    *mistakes(
        find("ConvReLU", "replicate padding"),
        {"folded back as if reflected": with_conv(padding_mode="reflect")},
    ),
    *mistakes(
        find("ConvReLU", "circular padding, max"),
        {
            "folded back as if reflected": with_conv(padding_mode="reflect"),
            "cropped as if zero": with_conv(padding_mode="zero"),
        },
    ),
]
