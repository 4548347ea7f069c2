"""What the direct convolution multiplies: windows of pixels, copied to where one row of them is one run of numbers.

A copy costs little beside the product that follows, and it settles everything that would make the product irregular:
the zeros beyond the edge of the picture, the channels of one group among others, and, on the way back, the numbers of
the gradient that a ReLU or a pooling keeps from passing.

Two arrangements. *Joined*: some rows of the padded picture, side by side as they are; a window is `kh` runs of `kw`
pixels, and neighbours share what they have in common. *Apart*: every window for itself, one after the other, which
takes the copying of `kh * kw` pixels for each, and suits maps too small for a run of windows in one row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.kernels.compiled import jit

FULL, MASKED, POOLED = range(3)  # how a source is read


class Source(NamedTuple):
    """Where pixels come from: an array as it is, or a gradient that is kept from passing in places.

    FULL: `pixels` themselves. MASKED: where `mask`, of the same shape, is above 0, else 0. POOLED: each of `pixels`
    stands for a 2x2 window, and `scale` times it goes to those of the four whose bit is set in `bits`.
    """

    pixels: np.ndarray  # (N, H, W, C)
    mask: np.ndarray  # (N, H, W, C), or empty
    bits: np.ndarray  # (N, H, W, C) uint8, or empty
    scale: np.float32
    how: int


def source(
    pixels: np.ndarray, kept: np.ndarray | None = None, pool: str | None = None, relu: bool = False
) -> Source:
    """Return how to read `pixels`: an input, or a gradient and what the fused forward pass kept for it."""
    pixels = np.ascontiguousarray(pixels, np.float32)
    mask, bits = np.empty((0, 0, 0, 0), np.float32), np.empty((0, 0, 0, 0), np.uint8)
    if not relu:
        return Source(pixels, mask, bits, np.float32(1), FULL)
    kept = np.ascontiguousarray(kept)
    if pool is None:
        return Source(pixels, kept, bits, np.float32(1), MASKED)
    return Source(pixels, mask, kept, np.float32(1 if pool == "max" else 0.25), POOLED)


@jit
def copy_pixels(
    source: Source, n: int, i: int, j: int, count: int, channel: int, channels: int, target: np.ndarray
) -> None:
    """Write `channels` of the pixels (i, j), (i, j + 1) ... of picture n into `target`; zeros outside the picture."""
    _, height, width, depth = source.pixels.shape
    if source.how == POOLED:
        _copy_pooled(source, n, i, j, count, channel, channels, target)
        return
    low, high = min(max(0, -j), count), min(count, width - j)
    if i < 0 or i >= height or high <= low:
        target[: count * channels] = 0
        return
    target[: low * channels] = 0
    target[high * channels : count * channels] = 0
    first = ((n * height + i) * width + j + low) * depth + channel
    pixels, mask = source.pixels.reshape(-1), source.mask.reshape(-1)
    # Whole pixels lie together and are one run; of a group's, each is.
    runs, length = (1, (high - low) * channels) if channels == depth else (high - low, channels)
    for run in range(runs):
        to = target[low * channels + run * channels :][:length]
        here = pixels[first + run * depth :][:length]
        if source.how == FULL:
            for k in range(length):
                to[k] = here[k]
        else:
            alive = mask[first + run * depth :][:length]
            for k in range(length):
                to[k] = here[k] if alive[k] > 0 else np.float32(0)


@jit
def _copy_pooled(source, n, i, j, count, channel, channels, target):
    """The same from a pooled gradient: each of its windows is two pixels of this row."""
    _, height, width, _ = source.pixels.shape
    for p in range(count):
        to = target[p * channels :][:channels]
        if i < 0 or i >= 2 * height or j + p < 0 or j + p >= 2 * width:
            to[:] = 0
            continue
        here = source.pixels[n, i // 2, (j + p) // 2, channel : channel + channels]
        bits = source.bits[n, i // 2, (j + p) // 2, channel : channel + channels]
        bit = np.uint8(1 << (i % 2 * 2 + (j + p) % 2))
        for k in range(channels):
            to[k] = source.scale * here[k] if bits[k] & bit else np.float32(0)
