"""Every tile that a product can be cut into, in full size also in the simulator, where other tests have toys."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cuda_choice, cuda_tiles, reference
from nst.kernels.cuda_array import put, to_host
from nst.kernels.cuda_choice import TILES, set_precision, widths
from nst.kernels.cuda_convolution import (
    conv2d_backward_weights,
    conv2d_relu_backward_input,
    conv2d_relu_forward,
    prepare,
)
from nst.kernels.cuda_device import SIMULATED
from nst.kernels.cuda_steps import put_across, put_along
from nst.kernels.cuda_tiles import BANKS, WARP_COLUMNS, WARP_ROWS, Tile, places, registers
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
    place = getattr(place, "py_func", place)  # what numba has compiled for a card cannot be called from here
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


class Touched:
    """Shared memory that notes which words are written or read, one access after the other."""

    def __init__(self) -> None:
        self.accesses: list[list[int]] = []

    def __len__(self) -> int:
        return 1 << 20

    def __setitem__(self, at: int, _: object) -> None:
        self.accesses.append([at])

    def __getitem__(self, at: int) -> np.uint32:
        self.accesses.append([at])
        return np.uint32(0)


def waits(tile: Tile, access, vector: int = 1) -> int:
    """Return how many threads of a warp at the most want different words of one bank at once, in some access.

    A warp's accesses to vectors of four are made by eight threads at a time.
    """
    worst, together = 0, 32 // vector
    for warp in range(0, tile.threads, 32):
        notes = []
        for thread in range(warp, warp + 32):
            shared = Touched()
            access(thread, shared)
            notes.append([first for (first,) in shared.accesses[::vector]])
        for at_once in zip(*notes, strict=True):
            for begin in range(0, 32, together):
                words = {at + i for at in at_once[begin : begin + together] for i in range(vector)}
                banks = np.bincount([word % BANKS for word in words])
                worst = max(worst, banks.max())
    return int(worst)


@pytest.mark.skipif(not SIMULATED, reason="on a card a thread's functions cannot be called from here")
@pytest.mark.parametrize("tile", ALL, ids=str)
def test_threads_meet_in_no_bank_of_shared_memory(tile, monkeypatch):
    """Those of a warp write and read in one go; but for pairs of bfloat16, of which two threads write at a time."""
    numbers = np.zeros(256, np.float32)
    across = waits(tile, lambda me, shared: put_across(tile, 4)(me, numbers, shared, 0))
    assert across == (2 if tile.precision == "bf16" else 1)
    if tile not in TILES["narrow"]:
        along = put_along(tile, tile.columns, 4, 4)
        assert waits(tile, lambda me, shared: along(me, numbers, shared, 0), 4) == 1
    for name in ("multiply_tf32", "multiply_bf16"):  # which in the simulator waits for the whole warp
        monkeypatch.setattr(cuda_tiles, name, lambda *_: None)
    add = {True: cuda_tiles._by_threads, False: cuda_tiles._by_warps}[
        tile.precision == "float32"
    ].__wrapped__(tile)

    def multiply(me, shared):
        dtype = registers(tile)[2]
        a, b, sums = np.zeros(16, dtype), np.zeros(8, dtype), np.zeros(64, np.float32)
        add(shared, 0, me, *places(tile)(me), a, b, sums)

    assert waits(tile, multiply, 4) == 1
