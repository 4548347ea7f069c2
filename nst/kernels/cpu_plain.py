"""Convolution and Gram matrices for processors whose vectors `nst.kernels.vectors` does not know.

Plain loops, float32, in parallel; the compiler makes of them what it can. All come down to one inner step, a rank-8
update of three rows::

    c[i, :] += a[i, 0] * b[0, :] + ... + a[i, 7] * b[7, :]        for i = 0, 1, 2

It reads eight vectors of `b` for 24 multiply-adds and keeps the 24 numbers of `a` in registers, which is what
the compiler needs to come near the machine's peak without any intrinsic. Everything a block touches (64 output
channels of at most 64 pixels of one row, and 8 input channels of weights) stays in the first-level cache.

Parallel loops never write to the same place twice, so results do not depend on the number of threads. Arrays are
`(N, H, W, C)`, weights `(kh, kw, C_in, C_out)`.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nst.kernels.compiled import inlined, jit
from nst.kernels.reference_windows import NO_PADDING, Pair, Sides
from nst.kernels.threads import one_at_a_time

PIXELS = 64  # pixels of one row in a block
CHANNELS = 64  # output channels in a block
CHUNK = 1024  # pixels whose products are summed in float32, where the sum runs over a whole picture


@inlined
def _rank8(a, row, step, b, c, first, n):
    """Add `a[row + i*step, 0:8] @ b[0:8, :]` to `c[first + i, :]` for i = 0, 1, 2 (or only i = 0 when n = 1)."""
    a0 = a[row]
    p0, p1, p2, p3, p4, p5, p6, p7 = a0[0], a0[1], a0[2], a0[3], a0[4], a0[5], a0[6], a0[7]
    b0, b1, b2, b3, b4, b5, b6, b7 = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]
    c0 = c[first]
    if n == 1:
        for v in range(CHANNELS):
            c0[v] += (
                p0 * b0[v] + p1 * b1[v] + p2 * b2[v] + p3 * b3[v]
                + p4 * b4[v] + p5 * b5[v] + p6 * b6[v] + p7 * b7[v]
            )  # fmt: skip
        return
    a1, a2 = a[row + step], a[row + 2 * step]
    q0, q1, q2, q3, q4, q5, q6, q7 = a1[0], a1[1], a1[2], a1[3], a1[4], a1[5], a1[6], a1[7]
    r0, r1, r2, r3, r4, r5, r6, r7 = a2[0], a2[1], a2[2], a2[3], a2[4], a2[5], a2[6], a2[7]
    c1, c2 = c[first + 1], c[first + 2]
    for v in range(CHANNELS):
        c0[v] += (
            p0 * b0[v] + p1 * b1[v] + p2 * b2[v] + p3 * b3[v]
            + p4 * b4[v] + p5 * b5[v] + p6 * b6[v] + p7 * b7[v]
        )  # fmt: skip
        c1[v] += (
            q0 * b0[v] + q1 * b1[v] + q2 * b2[v] + q3 * b3[v]
            + q4 * b4[v] + q5 * b5[v] + q6 * b6[v] + q7 * b7[v]
        )  # fmt: skip
        c2[v] += (
            r0 * b0[v] + r1 * b1[v] + r2 * b2[v] + r3 * b3[v]
            + r4 * b4[v] + r5 * b5[v] + r6 * b6[v] + r7 * b7[v]
        )  # fmt: skip


@jit(parallel=True)
def _correlate(x, panels, bias, sh, sw, y):
    """y[n, i, j, :] = bias + sum over ky, kx, c of x[n, i*sh + ky, j*sw + kx, c] * weight[ky, kx, c, :].

    x is already padded and its channels are a multiple of 8; panels is (C_out / 64, kh, kw, C_in, 64).
    """
    images, height, width, _ = y.shape
    blocks, kh, kw, depth, _ = panels.shape
    for task in prange(images * height):
        n, i = task // height, task % height
        total = np.empty((PIXELS, CHANNELS), np.float32)
        # Each row of the kernel is summed by itself: two short sums lose less to rounding than one long one.
        part = np.empty((PIXELS, CHANNELS), np.float32)
        for start in range(0, width, PIXELS):
            count = min(PIXELS, width - start)
            for block in range(blocks):
                for p in range(count):
                    total[p] = bias[block]
                for ky in range(kh):
                    row = x[n, i * sh + ky]
                    part[:count] = 0
                    for kx in range(kw):
                        for k in range(0, depth, 8):
                            a = row[:, k : k + 8]
                            b = panels[block, ky, kx, k : k + 8]
                            p = 0
                            while p + 3 <= count:
                                _rank8(a, (start + p) * sw + kx, sw, b, part, p, 3)
                                p += 3
                            while p < count:
                                _rank8(a, (start + p) * sw + kx, sw, b, part, p, 1)
                                p += 1
                    for p in range(count):
                        for v in range(CHANNELS):
                            total[p, v] += part[p, v]
                first = block * CHANNELS
                last = min(first + CHANNELS, y.shape[3])
                y[n, i, start : start + count, first:last] = total[:count, : last - first]


def _pad(x: np.ndarray, padding: Sides, multiple: int = 8) -> np.ndarray:
    """Return `x` with zeros around it and its channels rounded up to a multiple; `x` itself if nothing changes."""
    (top, bottom), (left, right) = padding
    n, h, w, c = x.shape
    extra = -c % multiple
    if not (top or bottom or left or right or extra):
        return np.ascontiguousarray(x)
    padded = np.zeros((n, h + top + bottom, w + left + right, c + extra), x.dtype)
    padded[:, top : top + h, left : left + w, :c] = x
    return padded


def _panels(weight: np.ndarray, depth: int) -> np.ndarray:
    """Return the weights as (C_out / 64, kh, kw, depth, 64), what one block reads lying together."""
    kh, kw, c_in, c_out = weight.shape
    blocks = -(-c_out // CHANNELS)
    padded = np.zeros((kh, kw, depth, blocks * CHANNELS), np.float32)
    padded[:, :, :c_in, :c_out] = weight
    return np.ascontiguousarray(padded.reshape(kh, kw, depth, blocks, CHANNELS).transpose(3, 0, 1, 2, 4))


def _forward_one_group(x, weight, bias, stride, padding):
    kh, kw, _, c_out = weight.shape
    padded = _pad(x, padding)
    n, h, w, depth = padded.shape
    y = np.empty((n, (h - kh) // stride[0] + 1, (w - kw) // stride[1] + 1, c_out), np.float32)
    panels = _panels(weight, depth)
    offsets = np.zeros(panels.shape[0] * CHANNELS, np.float32)
    if bias is not None:
        offsets[:c_out] = bias
    _correlate(padded, panels, offsets.reshape(-1, CHANNELS), stride[0], stride[1], y)
    return y


@one_at_a_time
def conv2d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the cross-correlation of `x` with `weight`; see `nst.kernels.reference.conv2d_forward`."""
    if groups == 1:
        return _forward_one_group(x, weight, bias, stride, padding)
    parts = zip(
        np.split(x, groups, axis=3),
        np.split(weight, groups, axis=3),
        [None] * groups if bias is None else np.split(bias, groups),
        strict=True,
    )
    return np.concatenate([_forward_one_group(a, w, b, stride, padding) for a, w, b in parts], axis=3)


@one_at_a_time
def conv2d_backward_input(
    dy: np.ndarray,
    weight: np.ndarray,
    input_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the gradient with respect to the input.

    For stride 1 it is itself a correlation: of `dy`, padded, with the kernel turned by 180 degrees and its two
    channel axes exchanged.
    """
    if groups > 1:
        one = (*input_shape[:3], input_shape[3] // groups)
        parts = zip(np.split(dy, groups, axis=3), np.split(weight, groups, axis=3), strict=True)
        return np.concatenate([conv2d_backward_input(d, w, one, stride, padding) for d, w in parts], axis=3)
    n, h, w, c_in = input_shape
    kh, kw, _, c_out = weight.shape
    if stride != (1, 1) or c_in < CHANNELS // 2:
        return _backward_input_by_columns(dy, weight, input_shape, stride, padding)
    (top, _), (left, _) = padding
    spread = np.zeros((n, h + kh - 1, w + kw - 1, c_out), np.float32)
    rows, from_rows = _place(kh - 1 - top, dy.shape[1], spread.shape[1])
    columns, from_columns = _place(kw - 1 - left, dy.shape[2], spread.shape[2])
    spread[:, rows, columns] = dy[:, from_rows, from_columns]
    turned = weight[::-1, ::-1].transpose(0, 1, 3, 2)
    return _forward_one_group(spread, turned, None, (1, 1), ((0, 0), (0, 0)))


def _place(before: int, count: int, size: int) -> tuple[slice, slice]:
    """Return where `count` rows go that start at `before` within `size`, and which of them find a place there.

    `before` is negative, and rows fall off, only when the padding is wider than the kernel less one.
    """
    first, last = max(0, -before), max(0, -before, min(count, size - before))
    return slice(before + first, before + last), slice(first, last)


def _backward_input_by_columns(dy, weight, input_shape, stride, padding):
    """The same gradient in two parts: what each dy sends to each tap, one 1x1 convolution, then one addition a tap.

    Spreading dy out would mostly multiply zeros when the stride is large, and a block of 64 output channels would be
    mostly empty when the input has three.
    """
    n, h, w, c_in = input_shape
    kh, kw, _, c_out = weight.shape
    (top, bottom), (left, right) = padding
    every_tap = weight.transpose(3, 0, 1, 2).reshape(1, 1, c_out, kh * kw * c_in)
    sent = _forward_one_group(dy, every_tap, None, (1, 1), ((0, 0), (0, 0)))
    dx = np.zeros((n, h + top + bottom, w + left + right, c_in), np.float32)
    rows, columns = (dy.shape[1] - 1) * stride[0] + 1, (dy.shape[2] - 1) * stride[1] + 1
    for tap in range(kh * kw):
        ky, kx = divmod(tap, kw)
        part = sent[..., tap * c_in : (tap + 1) * c_in]
        dx[:, ky : ky + rows : stride[0], kx : kx + columns : stride[1]] += part
    return dx[:, top : top + h, left : left + w]


@inlined
def _rank8_all(a, b, c):
    """Add `a[:, 0:8] @ b[0:8, :]` to `c`, all rows of it."""
    rows = c.shape[0]
    i = 0
    while i + 3 <= rows:
        _rank8(a, i, 1, b, c, i, 3)
        i += 3
    while i < rows:
        _rank8(a, i, 1, b, c, i, 1)
        i += 1


@jit(parallel=True)
def _correlate_backward_weights(x, dy, kh, kw, sh, sw, dw):
    """dw[b, ky, kx, c, :] = sum over n, i, j of x[n, i*sh + ky, j*sw + kx, c] * dy[b, n, i, j, :].

    dy is (C_out / 64, N, H, W, 64), its columns a multiple of 8; x is padded. A float32 sum over a megapixel may lose
    the third digit, so one runs over CHUNK pixels and these add up in float64.
    """
    blocks, images, height, width, _ = dy.shape
    depth = x.shape[3]
    for task in prange(blocks * kh * kw):
        block, ky, kx = task // (kh * kw), task // kw % kh, task % kw
        total, part, pixels = np.zeros((depth, CHANNELS)), np.zeros((depth, CHANNELS), np.float32), 0
        for n in range(images):
            for i in range(height):
                across = x[n, i * sh + ky].T
                for j in range(0, width, 8):
                    a = across[:, j * sw + kx : (j + 7) * sw + kx + 1 : sw]
                    b = dy[block, n, i, j : j + 8]
                    _rank8_all(a, b, part)
                    pixels += 8
                    if pixels == CHUNK:
                        total += part
                        part[:] = 0
                        pixels = 0
        dw[block, ky, kx] = total + part


@one_at_a_time
def conv2d_backward_weights(
    dy: np.ndarray,
    x: np.ndarray,
    weight_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
) -> np.ndarray:
    """Return the gradient of the weights, without groups: a correlation of the input with `dy`."""
    kh, kw, c_in, c_out = weight_shape
    (top, bottom), (left, right) = padding
    more = -dy.shape[2] % 8  # columns of zeros in dy, and whatever beside the picture in x they meet
    padded = _pad(x, ((top, bottom), (left, right + more * stride[1])), 1)
    blocks = _channel_blocks(_pad(dy, ((0, 0), (0, more)), CHANNELS))
    dw = np.empty((blocks.shape[0], kh, kw, padded.shape[3], CHANNELS), np.float32)
    _correlate_backward_weights(padded, blocks, kh, kw, stride[0], stride[1], dw)
    return np.ascontiguousarray(
        dw.transpose(1, 2, 3, 0, 4).reshape(kh, kw, padded.shape[3], -1)[:, :, :c_in, :c_out]
    )


def _channel_blocks(x: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) as (C / 64, N, H, W, 64): what the innermost loop runs along must lie together."""
    return np.ascontiguousarray(np.moveaxis(x.reshape(*x.shape[:3], x.shape[3] // CHANNELS, CHANNELS), 3, 0))


@jit(parallel=True)
def _gram(f, blocks, sums):
    """sums[t, b, c, :] = sum of f[p, c] * blocks[b, p, :] over the pixels p of chunk t."""
    depth = f.shape[1]
    for task in prange(sums.shape[0]):
        for block in range(blocks.shape[0]):
            total = np.zeros((depth, CHANNELS), np.float32)
            for p in range(task * CHUNK, min((task + 1) * CHUNK, f.shape[0]), 8):
                a = f[p : p + 8].T
                b = blocks[block, p : p + 8]
                _rank8_all(a, b, total)
            sums[task, block] = total


@one_at_a_time
def gram_sum(features: np.ndarray) -> np.ndarray:
    """Return F^T F for features F of shape (P, C), in float64; float32 within a chunk of pixels."""
    pixels, channels = features.shape
    f = _pad(features.reshape(1, 1, pixels, channels), ((0, 0), (0, -pixels % 8)), 1)
    blocks = _channel_blocks(_pad(f, ((0, 0), (0, 0)), CHANNELS))
    sums = np.empty((-(-f.shape[2] // CHUNK), len(blocks), channels, CHANNELS), np.float32)
    _gram(f[0, 0], blocks[:, 0, 0], sums)
    total = sums.sum(axis=0, dtype=np.float64)
    return np.moveaxis(total, 0, 1).reshape(channels, -1)[:, :channels]
