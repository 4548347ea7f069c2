"""Which tile a product on a card is cut into."""

from __future__ import annotations

import pytest

pytest.importorskip("numba.cuda", reason="numba has no CUDA here")

from nst.kernels.cuda_choice import choose, choose_parts
from nst.kernels.cuda_tiles import PRECISIONS


@pytest.mark.parametrize("precision", PRECISIONS)
def test_there_is_a_tile_for_every_number_of_channels(precision):
    """Wide and narrow, many places and few; the tiles of a real card, and not those of the simulator."""
    for c_out in range(1, 600):
        for places in (1, 1000, 100_000):
            assert choose(places, 32, c_out, precision=precision).columns <= max(64, 2 * c_out)
            assert choose_parts(places, 27, c_out, 1, precision)[1] > 0
