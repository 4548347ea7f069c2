"""Compiling kernels for cards that are not there."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import pytest

from nst.kernels.cuda_device import Kernel

CARDS = ((7, 5), (8, 0), (9, 0))
"""Compute capabilities: of Turing, Ampere and Hopper."""


def assembly(kernel: Kernel, card: tuple[int, int]) -> str:
    """Return a kernel's PTX for cards of a compute capability; skip the test where nothing can compile it.

    numba compiles what a kernel calls for the card at hand: here that is said to be the one that is asked for.
    """
    pytest.importorskip("numba_cuda", reason="numba-cuda, which compiles without a card, is not installed")
    at_hand = SimpleNamespace(compute_capability=card)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=at_hand):
        return kernel.ptx(card)
