"""How much arithmetic a layer is: as the formula has it, and as the kernels do it."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from nst.kernels.cpu_winograd import suits
from nst.measure.job import Job

TILES = (4, 2)  # places along each side of the tiles that Winograd's algorithm may use


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

    Winograd's algorithm F(m x m, 3x3) takes (m + 2)^2 products for a tile of m x m places where the formula has
    9 m^2, and tiles hang over the edges. What its transforms add is left out: the time that they take counts against
    the share of the peak that a layer reaches.
    """
    count, height, width, channels = row["shape"]
    kernel = (3, 3, channels, row["channels"])
    if row["kind"] != "conv" or not suits(kernel, (1, 1), 1, (height, width)):
        return direct(row)
    products = min((m + 2) ** 2 * ceil(height / m) * ceil(width / m) for m in TILES)
    return 2 * count * products * channels * row["channels"]


def of_step(rows: list[dict[str, Any]]) -> int:
    """Return the operations of a whole step by its formulas: convolutions and Gram matrices, both ways."""
    return 2 * sum(direct(row) for row in rows)


def of_training(job: Job) -> int:
    """Return the operations of a training step by its formulas: three for each product of the forward pass.

    These are the product itself and its two gradients; the first layer has but one, as nobody asks for that of the
    pictures.
    """
    batch, side, _, _ = job.arrays["images"].shape
    forward, first = 0, 0
    for name in job.settings["layers"]:
        side //= 2 if name.startswith("pool") else 1
        if f"{name}.weight" in job.arrays:
            weight = job.arrays[f"{name}.weight"]
            count = 2 * batch * weight.size * (side * side if weight.ndim == 4 else 1)
            forward, first = forward + count, first or count
    return 3 * forward - first
