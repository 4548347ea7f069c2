"""Matrix products of float32 on the CPU."""

from __future__ import annotations

import numpy as np

from nst.kernels import cpu_plain
from nst.kernels.threads import one_at_a_time


@one_at_a_time
def gram_sum(features: np.ndarray) -> np.ndarray:
    """Return F^T F for features F of shape (P, C), in float64; float32 within a chunk of pixels."""
    return cpu_plain.gram_sum(features)


@one_at_a_time
def matrix_product(
    a: np.ndarray, b: np.ndarray, *, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    """Return A B for A of shape (M, K) and B (K, N), either of them given transposed where it is said so."""
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)
