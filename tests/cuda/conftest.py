"""Where the tests of this folder run: on a card, or in the simulator, or not in this process."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import types
from numba.core.sigutils import normalize_signature
from numba.np.numpy_support import as_dtype

from nst import kernels

collect_ignore_glob = [] if kernels.no_card() is None else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the simulator's threads meet NaN and infinity as a card does, which does not warn."""
    for item in items:  # of the whole session
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning"))


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Each test begins without a bound on memory, and in float32."""
    from nst.kernels import cuda

    cuda.bound(None, "float32")
    yield
    cuda.bound(None, "float32")


@pytest.fixture(autouse=True)
def arguments_are_what_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is launched gets arguments of its signature: a card would take any bytes for them, unasked."""
    from nst.kernels.cuda_device import Kernel

    launch = Kernel._launch

    def checked(kernel: Kernel, how: tuple, *arguments: object) -> None:
        promised = _promised(kernel.signature)
        assert len(arguments) == len(promised), kernel.name
        for number, (kind, given) in enumerate(zip(promised, arguments, strict=True)):
            assert _fits(kind, given), f"argument {number} of {kernel.name}: {given!r} is no {kind}"
        launch(kernel, how, *arguments)

    monkeypatch.setattr(Kernel, "_launch", checked)


@cache
def _promised(signature: str) -> tuple[types.Type, ...]:
    return normalize_signature(signature)[0]


def _fits(kind: types.Type, given: Any) -> bool:
    if isinstance(kind, types.Array):
        return np.dtype(given.dtype) == as_dtype(kind.dtype) and given.ndim == kind.ndim
    if isinstance(kind, types.BaseTuple):
        return len(kind) == len(given) and all(map(_fits, kind, given))
    if isinstance(kind, types.Integer):
        return kind.minval <= operator.index(given) <= kind.maxval
    return isinstance(given, (int, float, np.floating))
