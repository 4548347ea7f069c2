"""Fast 3x3 convolution of stride 1 on the CPU by Winograd's method: forward and backward to the input, float32.

A convolution is three steps: transform tiles of the input to V, multiply V by the transformed weights U at each of the
n x n values of a tile (a matrix product over channels, where nearly all the time goes), transform the products M back.
Two ways to go about it:

- *fused*: each task takes a block of tiles through all three steps, so that V and M stay in its core's own cache.
  It reads all of U, which is four times as large as the weights: for layers of less than 512 channels,
  where each thread has tiles enough.
- *phased*: each step for all tiles before the next. A task of the second step makes the panels of U that it multiplies
  by, from the nine taps, so that U never exists as a whole; each is made once for hundreds of tiles.

The gradient of the input is the same convolution of the gradient of the output, the kernel turned by 180 degrees and
its channel axes exchanged. The mask of a ReLU or the unpooling is done as tiles of the gradient are read; bias, ReLU
and pooling as tiles of the result are written.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nst.kernels import memory
from nst.kernels.threads import THREADS, one_at_a_time
from nst.kernels.vectors import FLOATS, LINE, PANEL, ROWS, SIMD, WIDTH, round_up
from nst.kernels.winograd_points import F2, F4
from nst.kernels.winograd_stages import DEEP, FEW, FUSED, INPUT, OUTPUT, PRODUCT, WEIGHTS, run
from nst.kernels.winograd_tiles import (
    ADDED,
    AVG_POOLED,
    CHANNELS,
    MASKED,
    MAX_POOLED,
    PLAIN,
    ROW,
    STORED,
    UNPOOLED,
    Plan,
)

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Launches = tuple[int, "np.ndarray | None", "np.ndarray | None", list[tuple[int, int, tuple[int, ...]]]]
"""Bytes of scratch, taps, U, and what to run: number of tasks, stage, and the plan but for what is of one call."""

MATRICES = {"F4": F4, "F2": F2}
G = {kind: np.ascontiguousarray(matrices.weights, np.float32) for kind, matrices in MATRICES.items()}
FEWEST_CHANNELS = 16  # below, the transforms cost as much as they save
STORED_BELOW = 512  # channels from which on U is made on the fly
MANY = 256  # tiles that go through the phases together
OF_A_CALL = Plan._fields.index("u") + 1  # fields of a plan


class Filters:
    """The weights of one convolution as the kernels want them: what is computed is kept for the next call.

    Parameters
    ----------
    weight : numpy.ndarray
        (3, 3, C_in, C_out) float32.
    kind : {"F4", "F2"}
        Tiles of 4x4 outputs, or of 2x2: twice the multiplications, a third of the rounding error.
    """

    def __init__(self, weight: np.ndarray, kind: str = "F4") -> None:
        self.weight, self.kind = weight, kind
        self._taps: dict[bool, np.ndarray] = {}
        self._transformed: dict[tuple[bool, str], np.ndarray] = {}
        self._launches: dict[tuple[int, ...], Launches] = {}
        self._bias = _zeros(weight.shape[3]).copy()

    def channels(self, backward: bool) -> Pair:
        """Return the channels read and written."""
        c_in, c_out = self.weight.shape[2:]
        return (c_out, c_in) if backward else (c_in, c_out)

    def taps(self, backward: bool) -> np.ndarray:
        """Return what `_in_order` does, kept."""
        if backward not in self._taps:
            self._taps[backward] = self._in_order(backward)
        return self._taps[backward]

    def _in_order(self, backward: bool) -> np.ndarray:
        """Return the weights in the order in which U is made, (panels, 3, channels read, 3, PANEL), and zeros."""
        weight = self.weight[::-1, ::-1].transpose(0, 1, 3, 2) if backward else self.weight
        _, _, channels, outputs = weight.shape
        found = memory.zeros((-(-outputs // PANEL), 3, channels, 3, PANEL))
        for panel, to in enumerate(found):
            part = weight[..., panel * PANEL : (panel + 1) * PANEL]
            to[..., : part.shape[3]] = part.transpose(0, 2, 1, 3)
        return found

    @property
    def stored(self) -> bool:
        """Whether the transformed weights are small enough to be kept."""
        return max(self.weight.shape[2:]) < STORED_BELOW

    def transformed(self, backward: bool, kind: str) -> np.ndarray:
        """Return U, (n * n, panels, channels read, PANEL)."""
        if (found := self._transformed.get((backward, kind))) is None:
            taps, size = self._in_order(backward), MATRICES[kind].size
            count, _, channels = taps.shape[:3]
            found = memory.empty((size * size, count, channels, PANEL))
            plan = _plan(kind, taps=_address(taps), u=_address(found), channels=channels, panels=count)
            run(size * count, WEIGHTS, plan)
            self._transformed[backward, kind] = found
        return found

    def launches(self, backward: bool, images: int, **fields: int) -> Launches:
        """Return what `_launches` does, found once for each choice of sizes."""
        key = backward, images, *fields.values()
        if (found := self._launches.get(key)) is None:
            found = self._launches[key] = _launches(self, backward, images, **fields)
        return found

    def bias(self, bias: np.ndarray | None) -> np.ndarray:
        """Return the numbers that are added to each output channel, with zeros after them, in a buffer that is kept."""
        self._bias[: self.weight.shape[3]] = 0 if bias is None else bias
        return self._bias


def _address(array: np.ndarray | None) -> int:
    return 0 if array is None else array.__array_interface__["data"][0]


def _plan(kind: str, **fields: int) -> Plan:
    return Plan(
        **{**dict.fromkeys(Plan._fields, 0), "tile": MATRICES[kind].tile, "g": _address(G[kind]), **fields}
    )


def _kind(out_hw: Pair, wanted: str) -> str:
    """Return which tiles to use: small ones where large ones would mostly hang over the edges."""
    return min(
        ("F4", "F2") if wanted == "F4" else ("F2",),
        key=lambda kind: MATRICES[kind].multiplications(*out_hw),
    )


@cache
def suits(weight_shape: tuple[int, ...], stride: Pair, groups: int, out_hw: Pair, kind: str = "F4") -> bool:
    """Return whether Winograd's method is the one for this convolution: it applies, and it saves multiplications.

    `out_hw` is the size of the map that would be computed.
    """
    if weight_shape[:2] != (3, 3) or stride != (1, 1) or groups != 1:
        return False
    if SIMD == "plain" or kind not in MATRICES:
        return False
    if min(weight_shape[2:]) < FEWEST_CHANNELS or min(out_hw) < 1:
        return False
    return MATRICES[_kind(out_hw, kind)].multiplications(*out_hw) <= 0.75 * 9 * out_hw[0] * out_hw[1]


def _convolve(filters: Filters, backward: bool, images: int, arrays: tuple, **fields: int) -> None:
    """Do one convolution, from and to `arrays`: x, kept, y, bits and bias."""
    size, taps, u, launches = filters.launches(backward, images, **fields)
    room = memory.scratch(size // FLOATS)
    addresses = *map(_address, arrays), *map(_address, (room, taps, u))
    for count, stage, plan in launches:
        run(count, stage, Plan(*addresses, *plan))


def _launches(filters: Filters, backward: bool, images: int, **fields: int) -> Launches:
    """Return what a convolution wants, and what is to be run one after the other."""
    kind = _kind((fields["out_height"], fields["out_width"]), filters.kind)
    p = _plan(kind, **fields)
    values = (p.tile + 2) ** 2
    channels, out_channels = filters.channels(backward)
    down, across = -(-p.out_height // p.tile), -(-p.out_width // p.tile)
    tiles, count = images * down * across, -(-out_channels // PANEL)
    depth = FLOATS * round_up(channels, WIDTH)
    spare = round_up(values * depth + 5 * p.tile**2 * CHANNELS, LINE)
    p = p._replace(
        channels=channels, out_channels=out_channels, down=down, across=across, panels=count, depth=depth
    )
    block = _block(tiles, channels) if filters.stored else 0
    if block:
        u = filters.transformed(backward, kind)
        m_row = FLOATS * min(CHANNELS, count * PANEL)
        rows = round_up(block, ROWS)
        v_step, m_step = rows * depth + LINE, rows * m_row + LINE
        own = round_up(values * (v_step + m_step) + spare, 4096)
        p = p._replace(piece=depth, block=block, last=tiles, v_step=v_step, m_step=m_step, m_row=m_row)
        return THREADS * own, None, u, [(-(-tiles // block), FUSED, p._replace(own_step=own)[OF_A_CALL:])]
    many = min(MANY, round_up(tiles, ROWS))
    m_row = count * ROW
    piece, rows = FLOATS * DEEP, round_up(many, ROWS)
    v_step, m_step = -(-depth // piece) * rows * piece + LINE, rows * m_row + LINE
    own = round_up(max((p.tile + 2) * (DEEP * ROW + LINE), spare), 4096)
    shared = round_up(values * (v_step + m_step), 4096)
    p = p._replace(v_step=v_step, m_step=m_step, m_row=m_row)
    p = p._replace(m=values * v_step, own=shared, own_step=own, piece=piece, piece_step=rows * piece)
    found = []
    for first in range(0, tiles, many):
        part = p._replace(first=first, last=min(tiles, first + many))
        few = -(-(part.last - first) // FEW)
        for tasks, stage in (
            (few, INPUT),
            ((p.tile + 2) * -(-out_channels // CHANNELS), PRODUCT),
            (few, OUTPUT),
        ):
            found.append((tasks, stage, part[OF_A_CALL:]))
    return shared + THREADS * own, filters.taps(backward), None, found


def _block(tiles: int, channels: int) -> int:
    """Return how many tiles a block of the fused way has, or 0 where there are too few for it.

    With 48 tiles of 64 channels, V and M take 0.4 MiB each and stay in a cache of 1 MiB. With more channels V does not,
    but each of its numbers then serves more products, and blocks are larger so that U is read fewer times: from
    24 to 96 tiles, the time changes by a few hundredths. Blocks are alike, and equally many for each thread.
    """
    most = 64 if channels > 64 else 48
    if tiles < 24 * THREADS:
        return 0
    blocks = round_up(-(-tiles // most), THREADS)
    return -(-tiles // blocks)


@cache
def _zeros(count: int) -> np.ndarray:
    """Return zeros for `count` channels, rounded up to whole panels."""
    return np.zeros(round_up(count, CHANNELS), np.float32)


@one_at_a_time
def forward(
    x: np.ndarray,
    filters: Filters,
    bias: np.ndarray | None,
    padding: Padding,
    pool: str | None = None,
    relu: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the convolution, its ReLU and pooling if wanted, and what backward needs to undo them.

    See `nst.kernels.reference.conv2d_relu_forward`.
    """
    (top, bottom), (left, right) = padding
    x = np.ascontiguousarray(x)
    n, height, width, _ = x.shape
    oh, ow, channels = height + top + bottom - 2, width + left + right - 2, filters.weight.shape[3]
    y = memory.empty((n, oh // 2, ow // 2, channels) if pool else (n, oh, ow, channels))
    bits = memory.empty(y.shape, np.uint8) if pool else None
    if y.size:
        _convolve(
            filters, False, n, (x, None, y, bits, filters.bias(bias)), reading=PLAIN,
            quarter=0, writing={None: STORED, "max": MAX_POOLED, "avg": AVG_POOLED}[pool], relu=int(relu),
            height=height, width=width, out_height=oh, out_width=ow, top=top, left=left,
        )  # fmt: skip
    return y, bits if pool else y if relu else None


@one_at_a_time
def backward_input(
    dy: np.ndarray,
    filters: Filters,
    input_shape: tuple[int, ...],
    padding: Padding,
    kept: np.ndarray | None = None,
    pool: str | None = None,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """Return the gradient of the input from that of the result of `forward`, or add it to `into`.

    `kept` is what `forward` gave; None where there was no ReLU. See `nst.kernels.reference.conv2d_relu_backward_input`.
    """
    (top, _), (left, _) = padding
    dy, n = np.ascontiguousarray(dy), input_shape[0]
    if into is not None and not into.flags.c_contiguous:
        into += backward_input(dy, filters, input_shape, padding, kept, pool)
        return into
    dx = memory.empty(input_shape) if into is None else into
    kept = None if kept is None else np.ascontiguousarray(kept)
    if dx.size:
        _convolve(
            filters, True, n, (dy, kept, dx, None, _zeros(input_shape[3])),
            reading=UNPOOLED if pool else PLAIN if kept is None else MASKED, writing=STORED if into is None else ADDED,
            quarter=int(pool == "avg"), height=dy.shape[1], width=dy.shape[2], out_height=input_shape[1],
            out_width=input_shape[2], top=2 - top, left=2 - left,
        )  # fmt: skip
    return dx
