"""Every tile that a product can be cut into, in full size also in the simulator, where other tests have toys."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cuda_choice, reference
from nst.kernels.cuda_array import put, to_host
from nst.kernels.cuda_choice import TILES, set_precision, widths
from nst.kernels.cuda_convolution import (
    conv2d_backward_weights,
    conv2d_relu_backward_input,
    conv2d_relu_forward,
    prepare,
)
from nst.kernels.cuda_device import SIMULATED
from nst.kernels.cuda_tiles import WARP_COLUMNS, WARP_ROWS, Tile, places
from tests.cuda.precisions import ROUNDED, on_this_card
from tests.tolerances import assert_close

ALL = [tile for tiles in TILES.values() for tile in tiles]
# Image (N, H, W), channels in -> out, kernel: several steps of any tile, and several blocks of the smaller ones.
LAYERS = [((2, 3, 7), 8, 12, (1, 3))]
if not SIMULATED:
    LAYERS += [((3, 37, 23), 36, 140, (3, 3)), ((2, 31, 33), 140, 68, (2, 1))]


@pytest.fixture(params=ALL, ids=str)
def tile(request, monkeypatch):
    """Every product is cut into this tile, as long as the test runs."""
    found = request.param
    on_this_card(found.precision)
    monkeypatch.setattr(cuda_choice, "in_use", {kind: (found,) for kind in TILES})
    monkeypatch.setattr(cuda_choice, "LONGEST", 2 * found.depth)
    set_precision(found.precision)
    return found


def rounded(tile: Tile, *arrays: np.ndarray) -> list[np.ndarray]:
    """Return what the tile makes of factors."""
    return [ROUNDED[tile.precision](array) if tile.precision != "float32" else array for array in arrays]


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_tiles_of_full_size_are_the_reference(tile, case):
    """Forward with a pooling, backward to the input and to the weights: batches, odd sizes, no multiples of a tile."""
    image, c_in, c_out, kernel = case
    rng = np.random.default_rng(8)
    x, bias = rng.standard_normal((*image, c_in), np.float32), rng.standard_normal(c_out, np.float32)
    weight = rng.standard_normal((*kernel, c_in, c_out), np.float32)
    how = (1, 1), ((kernel[0] // 2, 0), (1, kernel[1] // 2))
    ours = prepare(weight, *how)
    x_as_is, weight_as_is = rounded(tile, x, weight)
    theirs = reference.prepare(weight_as_is, *how)
    y, _ = conv2d_relu_forward(put(x), ours, put(bias), "max")
    expected, _ = reference.conv2d_relu_forward(x_as_is, theirs, bias, "max")
    assert_close(to_host(y), expected, length=weight[..., 0].size)
    kept = np.maximum(reference.conv2d_forward(x_as_is, weight_as_is, bias, *how), 0)
    dy = rng.standard_normal(kept.shape, np.float32)
    into = put(x)
    conv2d_relu_backward_input(put(dy), put(kept), ours, x.shape, into=into)
    (dy_as_is,) = rounded(tile, dy)
    expected = x + reference.conv2d_relu_backward_input(dy_as_is, kept, theirs, x.shape)
    assert_close(to_host(into), expected, length=weight[:, :, 0].size)
    dw = conv2d_backward_weights(put(dy), put(x), weight.shape, *how)
    expected = reference.conv2d_backward_weights(dy_as_is, x_as_is, weight.shape, *how)
    assert_close(to_host(dw), expected, length=dy[..., 0].size)


def test_the_tile_depends_on_the_sizes():
    """Few windows get small tiles, and many get large ones, and pictures narrow ones."""
    if SIMULATED:
        pytest.skip("the simulator has one tile of each kind")
    for precision in ("float32", "tf32", "bf16"):
        found = [
            cuda_choice.choose(places, 256, 256, precision=precision) for places in (1 << 20, 1 << 14, 64)
        ]
        assert found == list(TILES[precision])
    assert cuda_choice.choose(1 << 20, 64, 3, precision="tf32") == TILES["narrow"][0]
    assert cuda_choice.choose(1 << 20, 3, 64, precision="tf32") == TILES["float32"][1]


@pytest.mark.parametrize("tile", ALL, ids=str)
def test_every_number_of_a_tile_has_one_thread(tile):
    """The rows and columns of all threads of a block are the whole tile, each number once: also of several warps."""
    place, found = places(tile), []
    for thread in range(tile.threads):
        row, column = place(thread)
        rows = [row + i // 4 * tile.row_gap + i % 4 for i in range(tile.high)]
        columns = [column + j // 4 * tile.column_gap + j % 4 for j in range(tile.wide)]
        found += [(i, j) for i in rows for j in columns]
    assert sorted(found) == list(np.ndindex(tile.rows, tile.columns))


@pytest.mark.parametrize("tile", ALL, ids=str)
def test_tiles_fit_threads_and_shared_memory(tile):
    """Each thread has a share of what is read, warps are whole, and two steps fit into the 48 KB of every card."""
    assert tile.threads % 32 == 0 and tile.threads >= max(tile.rows, tile.columns)
    assert tile.rows * tile.depth % (4 * tile.threads) == 0
    assert 2 * 4 * tile.stage <= 48 << 10
    if tile.precision != "float32":
        assert (tile.rows % WARP_ROWS, tile.columns % WARP_COLUMNS, tile.words % 8) == (0, 0, 0)
        assert (tile.high, tile.wide) == (8, 8) and tile.threads * 64 == tile.rows * tile.columns
    wide = 1 if tile in TILES["narrow"] else 4
    assert widths(tile, 3, 64) == (1, wide) and widths(tile, 64, 3) == (4, 1)
