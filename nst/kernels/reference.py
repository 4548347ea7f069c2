"""The definition of every kernel, in plain NumPy: short, for any dtype, the measure of the fast ones.

Each operation slides a window of `kh` by `kw` taps over a padded image. Instead of visiting the windows one
by one, every function here visits the *taps*: tap `(i, j)` of all windows together is one strided slice of
the padded image, `padded[:, i::sh, j::sw]`. A forward pass reads these slices; the matching backward pass
adds to the very same slices, so that where windows overlap the gradients accumulate.

Images are `(N, H, W, C)`, convolution weights `(kh, kw, Cin / groups, Cout)`; `size` and `stride` are pairs
`(rows, columns)`, `padding` is `((top, bottom), (left, right))`. Results have the dtype of the first
argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.kernels.reference_elementwise import (
    adam_step,
    combine,
    dot,
    preprocess_backward,
    preprocess_forward,
    squared_error,
    squared_overshoot,
    total_variation,
)
from nst.kernels.reference_norms import (
    moments,
    normalise,
    normalise_backward,
    normalise_sums,
    relu_backward,
    relu_forward,
)
from nst.kernels.reference_padding import pad_backward, pad_forward
from nst.kernels.reference_pooling import (
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from nst.kernels.reference_ranks import by_rank
from nst.kernels.reference_updates import sgd_step
from nst.kernels.reference_windows import (
    NO_PADDING,
    Pair,
    Sides,
    channel_groups,
    crop,
    out_size,
    pad,
    padded_shape,
    taps,
    window_counts,
)

__all__ = [
    "Filters",
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
    "rectify",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "squared_error",
    "squared_overshoot",
    "total_variation",
    "unrectify",
    "window_counts",
]


def conv2d_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Cross-correlate `x` with `weight` under zero padding: y = bias + Σ over taps of slice @ weight[i, j].

    Windows that do not fit at the far edges are left out: Ho = (H + top + bottom - kh) // stride + 1.
    """
    kh, kw, _, cout = weight.shape
    out_hw = out_size(x.shape[1:3], (kh, kw), stride, padding)
    padded = pad(x, (kh, kw), stride, padding, out_hw)
    y = np.zeros((len(x), *out_hw, cout), x.dtype)
    for i, j, where in taps((kh, kw), stride, out_hw):
        for cin, out in channel_groups(x.shape[3], cout, groups):
            y[..., out] += padded[where][..., cin] @ weight[i, j, :, out]
    if bias is not None:
        y += bias
    return y


def conv2d_backward_input(
    dy: np.ndarray,
    weight: np.ndarray,
    input_shape: tuple[int, ...],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the gradient of the input: each tap's slice receives dy @ weight[i, j] transposed."""
    kh, kw, _, cout = weight.shape
    out_hw = dy.shape[1:3]
    padded = np.zeros(padded_shape(input_shape, (kh, kw), stride, padding, out_hw), dy.dtype)
    for i, j, where in taps((kh, kw), stride, out_hw):
        for cin, out in channel_groups(input_shape[3], cout, groups):
            padded[where][..., cin] += dy[..., out] @ weight[i, j, :, out].T
    return crop(padded, input_shape, padding)


def conv2d_backward_weights(
    dy: np.ndarray,
    x: np.ndarray,
    weight_shape: tuple[int, int, int, int],
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
) -> np.ndarray:
    """Return the gradient of the weights: dweight[i, j] = sliceᵀ @ dy, summed over images and places."""
    kh, kw, _, cout = weight_shape
    out_hw = dy.shape[1:3]
    padded = pad(x, (kh, kw), stride, padding, out_hw)
    dweight = np.zeros(weight_shape, dy.dtype)
    for i, j, where in taps((kh, kw), stride, out_hw):
        for cin, out in channel_groups(x.shape[3], cout, groups):
            dweight[i, j, :, out] = np.tensordot(padded[where][..., cin], dy[..., out], axes=((0, 1, 2),) * 2)
    return dweight


def gram_sum(features: np.ndarray) -> np.ndarray:
    """Return F^T F for features F of shape (P, C): in float64, or in the features' own dtype if that is wider."""
    f = features.astype(np.result_type(features.dtype, np.float64), copy=False)
    return f.T @ f


def matrix_product(
    a: np.ndarray, b: np.ndarray, *, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    """Return A B for A of shape (M, K) and B (K, N), either of them given transposed where it is said so."""
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


@dataclass(frozen=True)
class Filters:
    """A convolution whose weights stay as they are. The fast kernels keep here what they compute of them once."""

    weight: np.ndarray
    stride: Pair = (1, 1)
    padding: Sides = NO_PADDING
    groups: int = 1

    def forward(self, x: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """Return the convolution of `x`."""
        return conv2d_forward(x, self.weight, bias, self.stride, self.padding, self.groups)

    def backward_input(self, dy: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
        """Return what a gradient of the output is for the input."""
        return conv2d_backward_input(dy, self.weight, input_shape, self.stride, self.padding, self.groups)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape (N, Ho, Wo, Cout) of what `forward` makes of an input of this shape."""
        out_hw = out_size(input_shape[1:3], self.weight.shape[:2], self.stride, self.padding)
        return (input_shape[0], *out_hw, self.weight.shape[3])


def prepare(
    weight: np.ndarray,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    groups: int = 1,
    winograd: str = "F4",
) -> Filters:
    """Return what `conv2d_relu_forward` and its backward pass want of a convolution.

    `winograd` says how 3x3 convolutions may save multiplications in the fast kernels: "F4" to a quarter, "F2" to four
    ninths, with less rounding, or "none". The definition computes every one of them in any case.
    """
    return Filters(weight, stride, padding, groups)


def conv2d_relu_forward(
    x: np.ndarray,
    filters: Filters,
    bias: np.ndarray | None = None,
    pool: str | None = None,
    relu: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Convolution, ReLU and 2x2 pooling as one: return y, and what the backward pass needs of it; see `rectify`."""
    return rectify(filters.forward(x, bias), pool, relu)


def conv2d_relu_backward_input(
    dy: np.ndarray,
    kept: np.ndarray | None,
    filters: Filters,
    input_shape: tuple[int, ...],
    pool: str | None = None,
    relu: bool = True,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """Return the gradient of the input of `conv2d_relu_forward`; with `into`, add it there and return that array."""
    dx = filters.backward_input(
        unrectify(dy, kept, filters.output_shape(input_shape), pool, relu), input_shape
    )
    if into is None:
        return dx
    into += dx
    return into


def rectify(
    y: np.ndarray, pool: str | None = None, relu: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return max(y, 0), pooled by 2x2 windows if asked for, and what `unrectify` needs: which numbers get gradient.

    Without pooling that is the result itself, which is above 0 exactly there; without ReLU nothing. With pooling
    ("max" or "avg", stride 2; a last odd row or column is left out) it is one byte for each window, whose bits 1, 2,
    4, 8 stand for its four pixels in reading order: for "max" the first maximum if it is above 0, for "avg" every
    pixel above 0.
    """
    if not relu:
        return y, None
    y = np.maximum(y, 0)
    if pool is None:
        return y, y
    n, h, w, c = y.shape
    windows = y[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
    pixels = windows.transpose(2, 4, 0, 1, 3, 5).reshape(4, n, h // 2, w // 2, c)
    alive = pixels > 0
    if pool == "max":
        alive &= pixels.argmax(axis=0) == np.arange(4).reshape(4, 1, 1, 1, 1)
    kept = np.tensordot(np.array([1, 2, 4, 8], np.uint8), alive.astype(np.uint8), 1)
    return pixels.max(axis=0) if pool == "max" else pixels.mean(axis=0), kept


def unrectify(
    dy: np.ndarray,
    kept: np.ndarray | None,
    shape: tuple[int, ...],
    pool: str | None = None,
    relu: bool = True,
) -> np.ndarray:
    """Return the gradient, of this shape, of what was given to `rectify`: a window's, or a quarter of it, or 0."""
    if not relu:
        return dy
    if pool is None:
        return np.where(kept > 0, dy, 0)
    dx = np.zeros(shape, dy.dtype)
    share = dy if pool == "max" else dy / 4
    for bit, (i, j) in enumerate(np.ndindex(2, 2)):
        inside = dx[:, i : shape[1] // 2 * 2 : 2, j : shape[2] // 2 * 2 : 2]
        inside[...] = np.where(kept >> bit & 1, share, 0)
    return dx
