"""The fully connected layer."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.layers.base import Layer


class Linear(Layer):
    """Fully connected (affine) layer: y = x weight + bias.

    Written out, for x (N, D) and y (N, M)::

        y[n, m] = bias[m] + Σ_d x[n, d] weight[d, m]

    Backward. x[n, d] enters every output of its own row, with the factor weight[d, m]; weight[d, m] enters
    output m of every row, with the factor x[n, d]; bias[m] enters it with 1. Summing over what each reaches::

        dx[n, d]      = Σ_m dy[n, m] weight[d, m]      dx      = dy weightᵀ
        dweight[d, m] = Σ_n x[n, d] dy[n, m]           dweight = xᵀ dy
        dbias[m]      = Σ_n dy[n, m]

    The shapes alone leave no other choice. The products are sums over the batch, not means: a mean belongs to
    the loss. `saved` is the input, which only dweight needs: None when the layer is frozen.

    Parameters
    ----------
    weight : array (D, M)
    bias : array (M,) or None
    """

    parameter_names = ("weight", "bias")

    def __init__(self, weight: np.ndarray, bias: np.ndarray | None = None) -> None:
        if weight.ndim != 2:
            raise ValueError(f"weights of shape {weight.shape} are not (in, out)")
        if bias is not None and bias.shape != weight.shape[1:]:
            raise ValueError(f"a bias of shape {bias.shape} does not suit {weight.shape[1]} outputs")
        self.weight = weight
        self.bias = bias

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (N, M)."""
        if len(shape) != 2 or shape[1] != len(self.weight):
            raise ValueError(f"a linear layer expects (N, {len(self.weight)}), not {tuple(shape)}")
        return shape[0], self.weight.shape[1]

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return y (N, M), and x unless frozen."""
        self.output_shape(x.shape)
        y = kernels.of(x).matrix_product(x, self.weight.astype(x.dtype, copy=False))
        if self.bias is not None:
            y += self.bias
        return y, None if self.frozen else x

    def backward(self, dy: np.ndarray, saved: np.ndarray | None) -> np.ndarray:
        """Return dx (N, D)."""
        weight = self.weight.astype(dy.dtype, copy=False)
        return kernels.of(dy).matrix_product(dy, weight, transpose_b=True)

    def gradients(self, dy: np.ndarray, saved: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return dweight and dbias; nothing when frozen."""
        if self.frozen:
            return {}
        dweight = kernels.of(dy).matrix_product(saved, dy, transpose_a=True)
        if self.bias is None:
            return {"weight": dweight}
        # NumPy adds along the batch one by one: in float32 a sum over many rows would lose digits.
        dbias = dy.sum(axis=0, dtype=np.result_type(dy.dtype, np.float64))
        return {"weight": dweight, "bias": dbias.astype(dy.dtype)}
