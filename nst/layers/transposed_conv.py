"""Transposed convolution."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.window import Pair, Sides, Window, pair

PADDINGS = ("same", "valid")

Saved = tuple[tuple[int, ...], "np.ndarray | None"]


class TransposedConv2d(Layer):
    r"""Convolution backwards: every input place *adds* its vector, times the kernel, to a window of the output.

    With stride `s`, a kernel of `k` taps and `p` places cut off before the first (rows and columns alike)::

        Y[n, a s + i, b s + j, o] += Σ_c x[n, a, b, c] weight[i, j, o, c]      y = Y[p : p + Ho, p : p + Wo] + bias

    It is the backward pass, with respect to the input, of the convolution of stride `s` whose weights these
    are: that one has `Cout` inputs and `Cin` outputs, hence the order of the axes (Zeiler et al., *Deconvolutional
    Networks*, 2010). The names of the paddings are TensorFlow's, and so are the sizes::

        valid   Ho = (H - 1) s + max(k, s)      nothing is cut off
        same    Ho = H s                        of the k - s places too many, half before, the odd one after

    **Backward.** y is linear in x, and its transpose is that convolution itself, under the same padding::

        dx[n, a, b, c]        = Σ_{i, j, o} dY[n, a s + i, b s + j, o] weight[i, j, o, c]
        dweight[i, j, o, c]   = Σ_{n, a, b} dY[n, a s + i, b s + j, o] x[n, a, b, c]
        dbias[o]              = Σ_{n, u, v} dy[n, u, v, o]

    where dY is dy, and zero in the places that were cut off. Where s does not divide k the windows overlap
    unevenly and leave checkerboards (Odena et al., 2016); `UpsampleNearest` before a convolution leaves none.

    `saved` is the input's shape and, for dweight alone, the input: absent when the layer is frozen.

    Parameters
    ----------
    weight : array (kh, kw, Cout, Cin)
    bias : array (Cout,) or None
    stride : int or (rows, columns)
    padding : {"same", "valid"}
    """

    parameter_names = ("weight", "bias")

    def __init__(
        self,
        weight: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        stride: int | Pair = 2,
        padding: str = "same",
    ) -> None:
        if weight.ndim != 4 or (bias is not None and bias.shape != weight.shape[2:3]):
            raise ValueError(
                f"weights of shape {weight.shape} are not (kh, kw, Cout, Cin), or the bias does not suit"
            )
        if padding not in PADDINGS:
            raise ValueError(f"padding {padding!r} is none of {', '.join(PADDINGS)}")
        self.weight, self.bias = weight, bias
        self.stride, self.padding = pair(stride), padding

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, Ho, Wo, Cout)."""
        kh, kw, c_out, c_in = self.weight.shape
        if len(shape) != 4 or shape[3] != c_in or min(shape[1:3]) < 1:
            raise NstError(f"transposed convolution expects (N, H, W, {c_in}), not {tuple(shape)}")
        sides = []
        for length, k, s in zip(shape[1:3], (kh, kw), self.stride, strict=True):
            sides.append(length * s + (max(k - s, 0) if self.padding == "valid" else 0))
        return shape[0], *sides, c_out

    def window(self) -> Window:
        """Return which places of the input reach an output: at most ceil(k / s), a strided few.

        Output u = a s + i - p takes from the places a from ceil((u + p - k + 1) / s) to floor((u + p) / s).
        """
        first, last = [], []
        for k, s, (p, _) in zip(self.weight.shape[:2], self.stride, self._cut(), strict=True):
            first.append((k - 1 - p) // s)
            last.append((s - 1 + p) // s)
        size = tuple(before + after + 1 for before, after in zip(first, last, strict=True))
        stride = tuple(Fraction(1, s) for s in self.stride)
        return Window(size, stride, tuple(zip(first, last, strict=True)))

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return the input while it is trained."""
        return 0 if self.frozen else itemsize * math.prod(shape), 0

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Return y (N, Ho, Wo, Cout), and what the backward passes need."""
        shape = self.output_shape(x.shape)
        kernel = kernels.of(x).conv2d_backward_input
        y = kernel(x, self.weight, shape, self.stride, self._cut())
        if self.bias is not None:
            y += self.bias.astype(x.dtype, copy=False)
        return y, (x.shape, None if self.frozen else x)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx (N, H, W, Cin): the convolution."""
        return kernels.of(dy).conv2d_forward(dy, self.weight, None, self.stride, self._cut())

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dweight and dbias; nothing when frozen."""
        if self.frozen:
            return {}
        _, x = saved
        kernel = kernels.of(dy).conv2d_backward_weights
        found = {"weight": kernel(x, dy, self.weight.shape, self.stride, self._cut())}
        if self.bias is not None:
            dbias = dy.sum(axis=(0, 1, 2), dtype=np.result_type(dy.dtype, np.float64))
            found["bias"] = dbias.astype(dy.dtype)
        return found

    def _cut(self) -> Sides:
        """Return how many places are cut off before and after, down and across."""
        found = []
        for k, s in zip(self.weight.shape[:2], self.stride, strict=True):
            total = max(k - s, 0) if self.padding == "same" else 0
            found.append((total // 2, total - total // 2))
        return found[0], found[1]
