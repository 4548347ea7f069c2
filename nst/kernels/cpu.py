"""The kernels for float32 on the CPU: what `nst.kernels.select` hands to the layers."""

from nst.kernels.cpu_convolution import (
    conv2d_backward_input,
    conv2d_backward_weights,
    conv2d_forward,
    gram_sum,
)
from nst.kernels.cpu_pooling import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward",
    "gram_sum",
    "max_pool_backward",
    "max_pool_forward",
]
