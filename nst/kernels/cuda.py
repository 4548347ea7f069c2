"""The kernels for arrays on a card: what `nst.kernels.of` hands to the layers for them.

Like `nst.kernels.cpu`, this module only chooses. What there is one of for each channel may lie with the host, and is
brought over: formulas are made of it there.
"""

from __future__ import annotations

import numpy as np

from nst.kernels import cpu_ranks
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_choice import set_precision
from nst.kernels.cuda_convolution import (
    conv2d_backward_input,
    conv2d_backward_weights,
    conv2d_forward,
    conv2d_relu_backward_input,
    conv2d_relu_forward,
    prepare,
)
from nst.kernels.cuda_device import lacks, memory_info, name, pool, synchronize
from nst.kernels.cuda_elementwise import (
    adam_step,
    preprocess_backward,
    preprocess_forward,
    relu_backward,
    relu_forward,
)
from nst.kernels.cuda_norms import moments, normalise, normalise_backward, normalise_sums
from nst.kernels.cuda_padding import pad_backward, pad_forward
from nst.kernels.cuda_pooling import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from nst.kernels.cuda_products import gram_sum, matrix_product
from nst.kernels.cuda_sums import combine, dot, squared_error, squared_overshoot, total_variation

__all__ = [
    "adam_step",
    "avg_pool_backward",
    "avg_pool_forward",
    "bound",
    "by_rank",
    "combine",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward",
    "conv2d_relu_backward_input",
    "conv2d_relu_forward",
    "dot",
    "gram_sum",
    "lacks",
    "matrix_product",
    "max_pool_backward",
    "max_pool_forward",
    "memory_info",
    "moments",
    "name",
    "normalise",
    "normalise_backward",
    "normalise_sums",
    "pad_backward",
    "pad_forward",
    "pool",
    "prepare",
    "preprocess_backward",
    "preprocess_forward",
    "put",
    "relu_backward",
    "relu_forward",
    "squared_error",
    "squared_overshoot",
    "synchronize",
    "to_host",
    "total_variation",
]


def bound(memory: int | None, precision: str) -> None:
    """Let arrays on the card take no more than `memory` bytes; let products there have factors of this precision."""
    pool.limit = memory
    set_precision(precision)


def by_rank(x: DeviceArray, quantiles: np.ndarray) -> DeviceArray:
    """Return `x` (P, C) with the k-th smallest value of each column in the place of the k-th of `quantiles` (C, Q).

    By way of the host, which sorts: the one loss whose features travel.
    """
    return put(cpu_ranks.by_rank(to_host(x), to_host(quantiles)))
