"""What a run needs in memory, and how it is laid out to need no more than it may."""

from __future__ import annotations

import bisect
import dataclasses
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from nst.engine.layout import Layout
from nst.engine.machine import available_memory, resident, spell_memory
from nst.engine.style_transfer import StyleTransfer
from nst.errors import NstError
from nst.kernels import memory as recycled
from nst.networks import Network
from nst.networks.extent import grid, receptive_field, shapes
from nst.networks.footprint import walk_bytes
from nst.networks.tiling import Tiling

Shape = tuple[int, ...]

KERNELS = 40 << 20  # bytes: the buffers of Winograd's transforms, at their largest
GAPS = 1.08  # of a walk: between its arrays lie pages that were of no use to the next
LITTLE = 24 << 20  # bytes: bands of features and pixels, Gram matrices, what the interpreter makes on the way
SETTLED = 128  # pixels: all kernels that a larger picture needs run on one of these
FEWEST_PAIRS = 3  # of L-BFGS: with less it is hardly better than steepest descent
KEPT = ("memory", "file", "nothing")  # the content features of a tiled picture
SLOW = 3.0  # times the work of the whole picture: before tiles get that small, L-BFGS gives up pairs


def fit(
    network: Network,
    transfer: StyleTransfer,
    content_shape: Shape,
    style_shapes: Sequence[Shape],
    *,
    optimizer: str = "lbfgs",
    history: int = 10,
    memory: int | None = None,
    process: int | None = None,
    styles_by: Network | None = None,
    room: int | None = None,
) -> Layout:
    """Lay out a run so that the process stays within `memory`, and is as fast as it can be there.

    Whole where the picture fits. Otherwise in the largest tiles that do, with the content features in memory, in a
    file, or computed anew, whichever makes for the least work. When that would be slow, L-BFGS keeps fewer pairs.

    Parameters
    ----------
    network
        Frozen, and best fused, as it will run.
    transfer
    content_shape, style_shapes
        (1, H, W, 3).
    optimizer : {"lbfgs", "adam"}
    history : int
        How many pairs L-BFGS should keep.
    memory : int or None
        In bytes, for the whole process. Without it the picture is taken whole, and what is free is the limit.
    process : int or None
        What the process has now, with weights and pictures read and kernels loaded: measured when not given.
    styles_by : Network or None
        What measures the styles, where that is not `network`: the same one with other borders.
    room : int or None
        In bytes, all that there is for `process` and run where no `memory` is given: by default what is free, and what
        the process has.

    Raises
    ------
    NstError
        When the run cannot fit: the message has the `--memory` with which it would.
    """
    process = settled_process(network, transfer.taps, content_shape) if process is None else process
    demand = Demand(
        network, transfer, tuple(content_shape), tuple(style_shapes), optimizer, process, styles_by
    )
    if memory is None:
        return _whole(demand, history, room)
    fewest = history if optimizer == "adam" else min(history, FEWEST_PAIRS)
    found = None
    for pairs in range(history, fewest - 1, -1):
        found = demand.layout(memory, pairs) or found
        if found is not None and found.work <= SLOW:
            break
    if found is None:
        raise NstError(_too_little(demand, memory, fewest))
    if found.history < history:
        note = f"L-BFGS keeps {found.history} pairs in place of {history}: there is no memory for more"
        found = dataclasses.replace(found, notes=(note,))
    return found


def _whole(demand: Demand, history: int, room: int | None) -> Layout:
    free = available_memory() if room is None else room - demand.process
    room = resident() + free if room is None else room
    layout = demand.layout(room, history)
    if layout is not None and not layout.tiled:
        return layout
    text = (
        f"painting {_size(demand.content)} at once takes about {spell_memory(demand.whole_total(history))}, "
        f"and {spell_memory(free)} are free: "
    )
    least, usable = demand.least(min(history, FEWEST_PAIRS)), 0.9 * room
    if least <= usable:
        raise NstError(f"{text}give --memory {spell_memory(usable)} to paint it in tiles")
    raise NstError(
        f"{text}even in tiles it takes {spell_memory(least)}{_adam(demand, least)}; use a smaller --size"
    )


def _too_little(demand: Demand, memory: int, fewest: int) -> str:
    least = demand.least(fewest)
    return (
        f"--memory {spell_memory(memory)} is too little to paint {_size(demand.content)}: "
        f"--memory {spell_memory(least)} would do{_adam(demand, least)}"
    )


def _adam(demand: Demand, least: int) -> str:
    other = dataclasses.replace(demand, optimizer="adam").least(0)
    return f", and with --optimizer adam {spell_memory(other)}" if other < least else ""


def _size(shape: Shape) -> str:
    return f"{shape[2]}x{shape[1]} pixels"


def settled_process(network: Network, taps: Sequence[str], *pictures: Shape) -> int:
    """Return what the process has in memory after walks on small pictures: kernels loaded, weights prepared.

    What is large in the `pictures` is cut short to `SETTLED` pixels.
    """
    if taps:
        for height, width in dict.fromkeys((min(h, SETTLED), min(w, SETTLED)) for _, h, w, _ in pictures):
            network.backward(*network.forward(np.zeros((1, height, width, 3), np.float32), taps))
    recycled.release()  # what the walks lay in, which is counted with those of the run
    return resident()


@dataclass
class Demand:
    """What a run asks for, and how it could be laid out.

    Attributes
    ----------
    network, transfer, content, styles, optimizer, process, styles_by
        As `fit` takes them; `content` and `styles` are shapes.
    """

    network: Network
    transfer: StyleTransfer
    content: Shape
    styles: tuple[Shape, ...]
    optimizer: str
    process: int
    styles_by: Network | None = None

    def __post_init__(self) -> None:
        self._walk = lru_cache(maxsize=None)(self._walk_bytes)

    @cached_property
    def features(self) -> int:
        """The bytes of the content features of the whole picture."""
        taps = self.transfer.content_taps
        found = shapes(self.network, self.content, taps)
        return 4 * sum(math.prod(found[self.network.resolve(tap)]) for tap in taps)

    def optimiser(self, history: int) -> int:
        """Return the bytes of image, gradient, and what the optimiser makes of them.

        Adam has x, the next x, the gradient and two running means; L-BFGS has x and a trial, both with their
        gradients, the direction, and its pairs. Pictures that have been read are in `process`.
        """
        arrays = 5 if self.optimizer == "adam" else 5 + 2 * history
        return arrays * 4 * math.prod(self.content)

    def layout(self, memory: int, history: int) -> Layout | None:
        """Return the fastest layout within `memory`; None when there is none."""
        ways = [self._layout(memory, history, keep) for keep in KEPT if self._can_keep(keep)]
        return min(filter(None, ways), key=lambda layout: layout.work, default=None)

    def least(self, history: int) -> int:
        """Return the least memory that some layout stays within, in bytes."""
        pictures = (self.content, *self.styles)
        tile = max(self._walk(*self._crop(shape, self._most_tiles(shape))) for shape in pictures)
        kept = self._kept("file" if self._can_keep("file") else "nothing")
        return sum(self._parts(history, kept, tile).values())

    def whole_total(self, history: int) -> int:
        """Return the memory that taking all pictures whole needs, in bytes."""
        walk = max(self._walk(*shape[1:3]) for shape in (self.content, *self.styles))
        return sum(self._parts(history, self.features, walk).values())

    def _layout(self, memory: int, history: int, keep: str) -> Layout | None:
        room = memory - sum(self._parts(history, self._kept(keep), 0).values())
        pictures = (self.content, *self.styles)
        counts = [self._tiles(shape, room) for shape in pictures]
        if None in counts:
            return None
        walk = max(
            self._walk(*self._crop(shape, count)) for shape, count in zip(pictures, counts, strict=True)
        )
        networks = [self.network] + [self.styles_by or self.network] * len(self.styles)
        content, *styles = (
            None if count == (1, 1) else Tiling(network, self.transfer.taps, shape, count)
            for network, shape, count in zip(networks, pictures, counts, strict=True)
        )
        parts = self._parts(history, self._kept(keep), walk)
        return Layout(content, tuple(styles), keep, history, parts)

    def _parts(self, history: int, kept: int, walk: int) -> dict[str, int]:
        return {
            "process": self.process,
            "image and optimiser": self.optimiser(history),
            "content features": kept,
            "network": walk + KERNELS,
            "other": LITTLE,
        }

    def _kept(self, keep: str) -> int:
        return self.features if keep == "memory" else 0

    def _can_keep(self, keep: str) -> bool:
        room = shutil.disk_usage(tempfile.gettempdir()).free
        return keep != "file" or 1.1 * self.features < room

    def _tiles(self, shape: Shape, room: int) -> tuple[int, int] | None:
        """Return how many tiles, down and across, make for the least work while each fits into `room` bytes."""
        if self._walk(*shape[1:3]) <= room:
            return 1, 1
        most, best = self._most_tiles(shape), None
        for rows in range(1, most[0] + 1):
            columns = 1 + bisect.bisect_left(
                range(1, most[1] + 1),
                True,
                key=lambda count: self._walk(*self._crop(shape, (rows, count))) <= room,
            )
            if columns > most[1]:
                continue
            height, width = self._crop(shape, (rows, columns))
            if best is None or rows * height * columns * width < best[0]:
                best = rows * height * columns * width, (rows, columns)
        return best and best[1]

    @cached_property
    def _axes(self) -> list[tuple[int, int]]:
        """By axis: the step of the grid, and the width of both halos."""
        taps, found = self.transfer.taps, []
        for axis, unit in enumerate(grid(self.network, taps)):
            fields = [receptive_field(self.network, tap)[axis] for tap in taps]
            before = max(-(-field.before // unit) * unit for field in fields)
            found.append((unit, before + max(field.after for field in fields)))
        return found

    def _most_tiles(self, shape: Shape) -> tuple[int, int]:
        """Return the most tiles that are worth it: each as large as its halos."""
        rows, columns = (
            max(1, length // max(unit, halo))
            for length, (unit, halo) in zip(shape[1:3], self._axes, strict=True)
        )
        return rows, columns

    def _crop(self, shape: Shape, counts: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the largest tile with its halos."""
        found = []
        for length, (unit, halo), count in zip(shape[1:3], self._axes, counts, strict=True):
            core = -(-(length // unit) // count) * unit + length % unit
            found.append(min(length, core + halo))
        return found[0], found[1]

    def _walk_bytes(self, height: int, width: int) -> int:
        walk = GAPS * walk_bytes(self.network, self.transfer.taps, (1, height, width, 3))
        # Of a whole picture, the gradients through features and through pixels are two arrays before they are a third.
        whole = (height, width) == self.content[1:3]
        return int(walk) + (2 * 4 * math.prod(self.content) if whole else 0)
