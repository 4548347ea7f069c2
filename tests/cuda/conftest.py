"""Where the tests of this folder run: on a card, or in the simulator, or not in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
