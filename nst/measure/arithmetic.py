"""How much arithmetic a layer is: as the formula has it, and as the kernels do it."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

# Multiplications of F(m x m, 3x3) for a tile of m x m places: (m + 2)^2 where the formula has 9 m^2.
TILE = 4
FEWEST = 16  # channels below which a convolution is done directly


def direct(row: dict[str, Any]) -> int:
    """Return the floating-point operations of a layer's formula, forward or backward: both are the same.

    A multiplication and an addition count as two. Pooling is counted as none: it moves memory.

    Parameters
    ----------
    row : dict
        `kind` (`"conv"`, 3x3 with stride 1, `"gram"` or `"pool"`), `shape` (N, H, W, Cin), `channels` Cout.
    """
    *places, channels = row["shape"]
    taps = {"conv": 9, "gram": 1, "pool": 0}[row["kind"]]
    return 2 * taps * prod(places) * channels * row["channels"]


def done(row: dict[str, Any]) -> int:
    """Return the operations of the products that the kernels do instead.

    With Winograd's F(4x4, 3x3) a tile of 16 places takes 36 products where the formula has 144, and tiles hang over the
    edges. What its transforms add is left out, as they are overhead: the share of the peak that a layer reaches is
    smaller for them.
    """
    if row["kind"] != "conv" or min(row["shape"][3], row["channels"]) < FEWEST:
        return direct(row)
    count, height, width, channels = row["shape"]
    tiles = count * ceil(height / TILE) * ceil(width / TILE)
    return 2 * (TILE + 2) ** 2 * tiles * channels * row["channels"]


def of_step(rows: list[dict[str, Any]]) -> int:
    """Return the operations of a whole step by its formulas: convolutions and Gram matrices, both ways."""
    return 2 * sum(direct(row) for row in rows)
