"""The two transforms that only the gradient of the weights needs, for one vector of channels of one tile.

A tile's outputs are ``y = A^T [ (G g G^T) * (B^T d B) ] A``, linear in the taps g. So the gradient that dy sends
to them goes the same way back, every matrix transposed::

    dg = G^T [ (A dy A^T) * (B^T d B) ] G

The product in the brackets is summed over all tiles and pictures before the last transform, which therefore costs
nothing to speak of. Addresses and distances are in bytes, as in `nst.kernels.vectors`.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import types
from numba.extending import intrinsic

from nst.kernels.vectors import at, load, store
from nst.kernels.winograd_points import F2, F4, Matrices
from nst.kernels.winograd_transforms import both_ways, columns_in_pairs, place, rows_in_pairs


def spread_transform(matrices: Matrices) -> Callable:
    """Return the intrinsic ``(dy, row, column, d, step)``: A dy A^T of the m x m outputs at `dy`.

    Value number e of the n x n goes to ``d + e step``.
    """
    m, n = matrices.tile, matrices.size

    @intrinsic
    def transform(typing_context, dy, row, column, d, step):
        return types.void(*[types.int64] * 5), emit

    def emit(context, b, signature, args):
        dy, row, column, d, step = args
        tile = [[load(b, place(b, dy, row, i, column, j)) for j in range(m)] for i in range(m)]
        for i, values in enumerate(both_ways(b, rows_in_pairs, matrices.output.T, tile)):
            for j, value in enumerate(values):
                store(b, value, at(b, d, (step, i * n + j)))
        return context.get_dummy_value()

    return transform


def tap_transform(matrices: Matrices) -> Callable:
    """Return the intrinsic ``(u, step, dg, tap)``: G^T u G, added to what is at `dg`.

    Value number e of the n x n is read at ``u + e step``, tap number e of the nine is at ``dg + e tap``.
    """
    n = matrices.size

    @intrinsic
    def transform(typing_context, u, step, dg, tap):
        return types.void(*[types.int64] * 4), emit

    def emit(context, b, signature, args):
        u, step, dg, tap = args
        values = [[load(b, at(b, u, (step, i * n + j))) for j in range(n)] for i in range(n)]
        for i, row in enumerate(both_ways(b, columns_in_pairs, matrices.weights.T, values)):
            for j, value in enumerate(row):
                to = at(b, dg, (tap, 3 * i + j))
                store(b, b.fadd(value, load(b, to)), to)
        return context.get_dummy_value()

    return transform


# An intrinsic has to be a global of its module, or numba cannot cache what calls it.
spread4, spread2 = spread_transform(F4), spread_transform(F2)
taps4, taps2 = tap_transform(F4), tap_transform(F2)
