"""Factors as tensor cores round them, for tests that compare with products of what was rounded."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from nst.kernels.cuda_device import SIMULATED
from nst.kernels.cuda_emulated import round_bf16, round_tf32
from nst.kernels.cuda_tiles import TENSOR_CORES

ROUNDED = {
    "tf32": np.vectorize(lambda x: round_tf32(x).view(np.float32), otypes=[np.float32]),
    "bf16": np.vectorize(lambda x: np.uint32(round_bf16(x) << 16).view(np.float32), otypes=[np.float32]),
}


def on_this_card(precision: str) -> None:
    """Skip the test where the card's tensor cores do not know a precision, or there are none."""
    if precision == "float32" or SIMULATED:
        return
    capability = cuda.get_current_device().compute_capability
    if tuple(capability) < TENSOR_CORES:
        pytest.skip(f"a card of compute capability {capability} has no {precision}")
