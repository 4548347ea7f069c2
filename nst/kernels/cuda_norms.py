"""Normalisation on a card; see `nst.kernels.reference_norms`.

Values come as (G, P, C). What there is one of for each group and channel, a mean, a factor, stays with the host, in
float64 where it is a sum: it is little, and formulas are made of it there. Neighbouring threads have neighbouring
channels, each a stretch of places, and add with compensation as in `nst.kernels.cuda_sums`.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import Kernel, kernel

ZERO = np.float32(0)
STRETCHES = 256  # of places, at the most
SHORTEST = 32  # places

Table = np.ndarray


@kernel("void(f4[::1], f4[::1], f4[::1], i8, i8, i8, i8, i8)")
def _powers(x, mu, partial, places, channels, stretches, length, count):
    """Sum x - mu and its square over each stretch: both sums, each with what it has rounded away."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        stretch = i // channels % stretches
        group = i // (channels * stretches)
        middle = mu[group * channels + channel]
        total = ZERO
        lost = ZERO
        squares = ZERO
        lost_squares = ZERO
        for place in range(stretch * length, min(places, (stretch + 1) * length)):
            d = x[(group * places + place) * channels + channel] - middle
            term = d - lost
            new = total + term
            lost = (new - total) - term
            total = new
            term = d * d - lost_squares
            new = squares + term
            lost_squares = (new - squares) - term
            squares = new
        partial[4 * i] = total
        partial[4 * i + 1] = -lost
        partial[4 * i + 2] = squares
        partial[4 * i + 3] = -lost_squares


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8, i8, i8, i8)")
def _against(dy, x, mu, inv_sigma, partial, places, channels, stretches, length, count):
    """Sum dy and dy x_hat over each stretch."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        channel = i % channels
        stretch = i // channels % stretches
        group = i // (channels * stretches)
        middle = mu[group * channels + channel]
        scale = inv_sigma[group * channels + channel]
        total = ZERO
        lost = ZERO
        products = ZERO
        lost_products = ZERO
        for place in range(stretch * length, min(places, (stretch + 1) * length)):
            at = (group * places + place) * channels + channel
            term = dy[at] - lost
            new = total + term
            lost = (new - total) - term
            total = new
            term = dy[at] * ((x[at] - middle) * scale) - lost_products
            new = products + term
            lost_products = (new - products) - term
            products = new
        partial[4 * i] = total
        partial[4 * i + 1] = -lost
        partial[4 * i + 2] = products
        partial[4 * i + 3] = -lost_products


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8, i8)")
def _normalise(x, mu, factor, shift, y, places, channels, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        at = i // (channels * places) * channels + i % channels
        y[i] = (x[i] - mu[at]) * factor[at] + shift[at]


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8, i8)")
def _normalise_back(dy, x, mu, inv_sigma, factor, through_mu, through_sigma, dx, places, channels, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        at = i // (channels * places) * channels + i % channels
        x_hat = (x[i] - mu[at]) * inv_sigma[at]
        dx[i] = (dy[i] - through_mu[at] - x_hat * through_sigma[at]) * factor[at]


def _sums(made: Kernel, x: DeviceArray, *arrays: DeviceArray) -> tuple[Table, Table]:
    """Launch a kernel of two sums over the places, and return both, float64 (G, 1, C)."""
    groups, places, channels = x.shape
    stretches = max(1, min(STRETCHES, -(-places // SHORTEST)))
    length = -(-places // stretches)
    partial = DeviceArray((groups, stretches, channels, 2, 2))
    count = groups * stretches * channels
    data = [array.data for array in (*arrays, partial)]
    made.over(count, *data, places, channels, stretches, length, count)
    found = to_host(partial).sum(axis=(1, 4), dtype=np.float64)
    return found[:, None, :, 0], found[:, None, :, 1]


def _on_card(table: Table, x: DeviceArray) -> DeviceArray:
    """Return what there is one of for each channel, or each group and channel, for each of both, on the card."""
    return put(np.broadcast_to(np.asarray(table, np.float32), (x.shape[0], 1, x.shape[2])))


def moments(x: DeviceArray) -> tuple[Table, Table]:
    """Return the mean and the variance over the places, float64 (G, 1, C); 0 where there are no places."""
    m = max(1, x.shape[1])
    mu = _sums(_powers, x, x, _on_card(np.zeros(x.shape[2]), x))[0] / m
    return mu, _sums(_powers, x, x, _on_card(mu, x))[1] / m


def normalise(
    x: DeviceArray,
    mu: Table,
    inv_sigma: Table,
    gamma: Table | None = None,
    beta: Table | None = None,
) -> DeviceArray:
    """Return gamma (x - mu) inv_sigma + beta."""
    factor = inv_sigma if gamma is None else inv_sigma * gamma
    tables = [_on_card(table, x) for table in (mu, factor, 0 if beta is None else beta)]
    y = DeviceArray(x.shape)
    _normalise.over(x.size, x.data, *(table.data for table in tables), y.data, *x.shape[1:], x.size)
    return y


def normalise_sums(dy: DeviceArray, x: DeviceArray, mu: Table, inv_sigma: Table) -> tuple[Table, Table]:
    """Return the sums over the places of dy and of dy x_hat, float64 (G, 1, C)."""
    return _sums(_against, x, dy, x, _on_card(mu, x), _on_card(inv_sigma, x))


def normalise_backward(
    dy: DeviceArray,
    x: DeviceArray,
    mu: Table,
    inv_sigma: Table,
    gamma: Table | None,
    sums: tuple[Table, Table],
) -> DeviceArray:
    """Return the gradient with respect to `x` where mu and sigma are those of `x` itself."""
    m = max(1, x.shape[1])
    factor = inv_sigma if gamma is None else inv_sigma * gamma
    tables = [_on_card(table, x) for table in (mu, inv_sigma, factor, sums[0] / m, sums[1] / m)]
    dx = DeviceArray(x.shape)
    data = [table.data for table in tables]
    _normalise_back.over(x.size, dy.data, x.data, *data, dx.data, *x.shape[1:], x.size)
    return dx
