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

    FULL: `pixels` themselves. MASKED: where `mask`, laid out as they are, is above 0, else 0. POOLED: each of `pixels`
    stands for a 2x2 window, and `scale` times it goes to those of the four whose bit is set in `bits`.
    """

    pixels: np.ndarray  # (N, H, W, C)
    mask: np.ndarray  # (N H W C), or empty
    bits: np.ndarray  # (N H W C) uint8, or empty
    scale: np.float32
    how: int


def source(
    pixels: np.ndarray, kept: np.ndarray | None = None, pool: str | None = None, relu: bool = False
) -> Source:
    """Return how to read `pixels`: an input, or a gradient and what the fused forward pass kept for it."""
    pixels = np.ascontiguousarray(pixels, np.float32)
    mask, bits = np.empty(0, np.float32), np.empty(0, np.uint8)
    if not relu:
        return Source(pixels, mask, bits, np.float32(1), FULL)
    kept = np.ascontiguousarray(kept).reshape(-1)
    if pool is None:
        return Source(pixels, kept, bits, np.float32(1), MASKED)
    return Source(pixels, mask, kept, np.float32(1 if pool == "max" else 0.25), POOLED)


@jit
def copy_pixels(
    source: Source, n: int, i: int, j: int, count: int, channel: int, channels: int, target: np.ndarray
) -> None:
    """Write `channels` of the pixels (i, j), (i, j + 1) ... of picture n into `target`; zeros outside the picture."""
    _, height, width, depth = source.pixels.shape
    each = 2 if source.how == POOLED else 1  # a pooled pixel is two of a row, and of a column
    low, high = min(max(0, -j), count), min(count, each * width - j)
    if i < 0 or i >= each * height or high <= low:
        low = high = count
    _zero(target, 0, low * channels)
    _zero(target, high * channels, count * channels)
    row = (n * height + i // each) * width
    if source.how == POOLED:
        for p in range(low, high):
            bit = np.uint8(1 << (i % 2 * 2 + (j + p) % 2))
            _copy_pooled(source, (row + (j + p) // 2) * depth + channel, channels, bit, target, p * channels)
    elif channels == depth:  # whole pixels lie together and are one run; of a group's, each is
        _copy_run(source, (row + j + low) * depth, (high - low) * channels, target, low * channels)
    else:
        for p in range(low, high):
            _copy_run(source, (row + j + p) * depth + channel, channels, target, p * channels)


@jit
def _zero(target, start, end):
    for k in range(np.uint64(start), np.uint64(end)):
        target[k] = 0


@jit
def _copy_run(source, start, length, target, to):
    pixels, mask, a, b = source.pixels.reshape(-1), source.mask, np.uint64(start), np.uint64(to)
    if source.how == FULL:
        for k in range(np.uint64(length)):
            target[b + k] = pixels[a + k]
    else:
        for k in range(np.uint64(length)):
            target[b + k] = pixels[a + k] if mask[a + k] > 0 else np.float32(0)


@jit
def _copy_pooled(source, start, length, bit, target, to):
    pixels, bits, a, b = source.pixels.reshape(-1), source.bits, np.uint64(start), np.uint64(to)
    for k in range(np.uint64(length)):
        target[b + k] = source.scale * pixels[a + k] if bits[a + k] & bit else np.float32(0)
