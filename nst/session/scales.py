"""Coarse to fine: the sizes at which a picture is painted, one after the other, and how long at each.

What an iteration changes reaches as far as the network sees, some 150 pixels of a picture of any size. In a small
picture that is a good part of it: colours and large shapes settle in few and cheap iterations. Enlarged, they are where
the next size begins, which then has only the strokes to add.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from nst.errors import NstError

COARSEST = (
    512  # pixels of the longest side; what fits into this is painted at one size unless more are asked for
)
SMALLEST = 16


@dataclass(frozen=True)
class Scale:
    """One size of the pyramid: its longest side in pixels, and how many iterations it gets."""

    size: int
    iterations: int


def schedule(options: argparse.Namespace) -> list[Scale]:
    """Return the sizes, each twice the one before, the last being `--size`, with the iterations of each.

    A single number of iterations is that of the coarsest size; each further one gets half as many.

    Raises
    ------
    NstError
        When there are more sizes than halvings, or not as many numbers of iterations as sizes.
    """
    asked = options.iterations
    count = options.scales or (len(asked) if len(asked) > 1 else _halvings(options.size) + 1)
    sizes = [round(options.size / 2**k) for k in reversed(range(count))]
    if count > 1 and sizes[0] < SMALLEST:
        raise NstError(
            f"--scales {count} would begin at {sizes[0]} pixels; "
            f"{options.size} pixels can be halved to no less than {SMALLEST}: use fewer"
        )
    if len(asked) == 1:
        asked = [max(1, round(asked[0] / 2**k)) for k in range(count)]
    if len(asked) != count:
        raise NstError(f"--iterations has {len(asked)} numbers for {count} scales; give one, or one for each")
    return [Scale(size, iterations) for size, iterations in zip(sizes, asked, strict=True)]


def left(scales: Sequence[Scale], scale: int = 0, done: int = 0) -> list[int]:
    """Return how many iterations are left at each scale, when so many are done at one of them."""
    ahead = [later.iterations for later in scales[scale + 1 :]]
    return [0] * scale + [max(0, scales[scale].iterations - done)] + ahead


def _halvings(size: int) -> int:
    """Return how often a size must be halved to be no more than `COARSEST`."""
    return 0 if size <= COARSEST else 1 + _halvings(size // 2 + size % 2)
