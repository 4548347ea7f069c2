"""Which tile a convolution or a product is cut into, and with which precision its factors are multiplied."""

from __future__ import annotations

from nst.kernels.cuda_device import SIMULATED
from nst.kernels.cuda_tiles import PRECISIONS, Tile

TILES = {
    "narrow": (Tile(128, 16, 16, 4, 4),),  # for the gradient of a picture, which has 3 channels
    "float32": (Tile(128, 128, 8), Tile(128, 64, 8), Tile(64, 64, 16, 8, 4)),
    "tf32": tuple(Tile(*size, 16, precision="tf32") for size in ((128, 128), (128, 64), (64, 64))),
    "bf16": tuple(Tile(*size, 32, precision="bf16") for size in ((128, 128), (128, 64), (64, 64))),
}
TOYS = {
    "narrow": (Tile(16, 16, 4, 4, 4),),
    "float32": (Tile(32, 32, 4, 8, 4),),
    "tf32": (Tile(64, 32, 8, precision="tf32"),),
    "bf16": (Tile(64, 32, 16, precision="bf16"),),
}
"""What numba's simulator has the patience for: 16 or 32 threads."""
in_use = TOYS if SIMULATED else TILES
BLOCKS = 264  # two for each processor of a large card: with fewer, smaller tiles are faster
# Places whose products are summed by themselves, so that rounding stays small.
LONGEST = 16 if SIMULATED else 4096
SHORTEST = 8 if SIMULATED else 256  # of them for which a block is worth its while

_precision = "float32"


def set_precision(precision: str) -> None:
    """Say how exact the factors of convolutions are from now on; see `nst.kernels.cuda_tiles.Tile`.

    Gram matrices, matrix products and layers whose channels are not a multiple of 4 stay float32.
    """
    global _precision
    if precision not in PRECISIONS:
        raise ValueError(f"the precision {precision!r} is none of {', '.join(PRECISIONS)}")
    _precision = precision


def precision() -> str:
    """Return what was last said."""
    return _precision


def choose(places: int, c_in: int, c_out: int, groups: int = 1, precision: str | None = None) -> Tile:
    """Return the tile for a product of `places` rows and `c_out` columns, of each of some groups.

    It depends on the sizes alone, and not on the card, so that results do not either.
    """
    wanted = (precision or _precision) if c_in % 4 == 0 and c_out % 4 == 0 else "float32"
    (narrow,), tiles = in_use["narrow"], in_use[wanted]
    if c_out <= narrow.columns:
        return narrow
    fitting = [tile for tile in tiles if c_out > tile.columns // 2] or [tiles[-1]]
    for tile in fitting:
        if -(-places // tile.rows) * -(-c_out // tile.columns) * groups >= BLOCKS:
            return tile
    return fitting[-1]


def choose_parts(places: int, rows: int, c_out: int, groups: int, precision: str) -> tuple[Tile, int]:
    """Return the tile for sums over places, `rows` by `c_out` of them, and how many places make a part."""
    of_rows = choose(rows if rows < 128 else 1 << 30, 4 if rows % 4 == 0 else 1, c_out, groups, precision)
    tiles = -(-rows // of_rows.rows) * -(-c_out // of_rows.columns) * groups
    parts = max(-(-places // LONGEST), min(-(-BLOCKS // tiles), -(-places // SHORTEST)), 1)
    span = -(-places // parts)
    return of_rows, -(-span // of_rows.depth) * of_rows.depth


def widths(tile: Tile, c_in: int, c_out: int) -> tuple[int, int]:
    """Return how many channels of input and output are read at once."""
    return (1 if c_in % 4 else 4), (1 if c_out % 4 or tile.columns * tile.depth < 4 * tile.threads else 4)
