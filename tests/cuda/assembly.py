"""Compiling kernels for cards that are not there."""

from __future__ import annotations

import pytest

from nst.kernels.cuda_device import Kernel

CARDS = ((7, 5), (8, 0), (9, 0))
"""Compute capabilities: of Turing, Ampere and Hopper."""


def assembly(kernel: Kernel, card: tuple[int, int]) -> str:
    """Return a kernel's PTX for cards of a compute capability; skip the test where nothing can compile it."""
    pytest.importorskip("numba_cuda", reason="numba-cuda, which compiles without a card, is not installed")
    return kernel.ptx(card)
