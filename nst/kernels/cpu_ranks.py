"""Values by rank on the CPU: float32, in parallel, sorted digit by digit.

The bits of a float, all of them turned where it is negative and its sign alone where it is not, are in the order of
the floats. So a radix sort needs three passes, of eleven bits each, in place of the eighteen of a comparison sort of a
picture; it is stable, and takes as long whatever the values.
"""

from __future__ import annotations

import numpy as np

from nst.kernels import memory
from nst.kernels.compiled import jit
from nst.kernels.parallel import given, parallel
from nst.kernels.threads import one_at_a_time

CHANNELS = 16  # of a task: the floats of one line of the cache
BITS = 11
DIGITS = 1 << BITS


@one_at_a_time
def by_rank(x: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return the values of `quantiles` in the order of those of `x`; see `nst.kernels.reference_ranks.by_rank`."""
    x, y = np.ascontiguousarray(x), memory.empty(x.shape)
    if not x.size:
        return y
    integral = np.zeros((x.shape[1], quantiles.shape[1] + 1))
    np.cumsum(quantiles, axis=1, dtype=np.float64, out=integral[:, 1:])
    _match(-(-x.shape[1] // CHANNELS), x, integral, y)
    return y


@parallel
def _match(task, arguments):
    x, integral, y = given(arguments)
    places = x.shape[0]
    first = task * CHANNELS
    count = min(CHANNELS, x.shape[1] - first)
    columns = np.empty((count, places), np.float32)
    for p in range(places):
        for c in range(count):
            columns[c, p] = x[p, first + c]
    keys, order = np.empty((2, places), np.uint32), np.empty((2, places), np.int32)
    for c in range(count):
        _sort(columns[c].view(np.uint32), keys, order)
        _deal(integral[first + c], order[1], columns[c])
    for p in range(places):
        for c in range(count):
            y[p, first + c] = columns[c, p]


@jit
def _sort(bits, keys, order):
    """order[1] = the places of the floats with these bits, in the order of the floats."""
    for p in range(bits.size):
        b = bits[p]
        keys[0, p] = ~b if b >> np.uint32(31) else b | np.uint32(0x80000000)
        order[0, p] = p
    starts = np.empty(DIGITS, np.int64)
    for turn in range(3):
        here, there = turn % 2, 1 - turn % 2
        shift = np.uint32(turn * BITS)
        starts[:] = 0
        for p in range(bits.size):
            starts[(keys[here, p] >> shift) & np.uint32(DIGITS - 1)] += 1
        total = 0
        for digit in range(DIGITS):
            total, starts[digit] = total + starts[digit], total
        for p in range(bits.size):
            digit = (keys[here, p] >> shift) & np.uint32(DIGITS - 1)
            to = starts[digit]
            starts[digit] = to + 1
            keys[there, to] = keys[here, p]
            order[there, to] = order[here, p]


@jit
def _deal(integral, order, column):
    """Write the k-th step of the quantiles with this running integral to the place of rank k."""
    steps, count = integral.size - 1, order.size
    before = 0.0
    for k in range(count):
        whole, part = (k + 1) * steps // count, (k + 1) * steps % count
        after = integral[whole]
        if part:
            after += (integral[whole + 1] - after) * part / count
        column[order[k]] = (after - before) * count / steps
        before = after
