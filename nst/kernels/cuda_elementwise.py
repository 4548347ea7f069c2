"""What is done to every number by itself, on a card; see `nst.kernels.reference_elementwise`."""

from __future__ import annotations

import math

import numpy as np
from numba import cuda

from nst.kernels.cuda_array import DeviceArray
from nst.kernels.cuda_device import kernel

ZERO = np.float32(0)


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4, f4, f4, f4, f4, f4, f4, f4, i8)")
def _adam(x, gradient, m, v, new, rate, beta1, beta2, rest1, rest2, correction1, correction2, eps, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        g = gradient[i]
        mean = beta1 * m[i] + rest1 * g
        square = beta2 * v[i] + rest2 * g * g
        m[i] = mean
        v[i] = square
        new[i] = x[i] - rate * (mean / correction1) / (math.sqrt(square / correction2) + eps)


def adam_step(
    x: DeviceArray,
    gradient: DeviceArray,
    m: DeviceArray,
    v: DeviceArray,
    rate: float,
    betas: tuple[float, float],
    corrections: tuple[float, float],
    eps: float,
) -> DeviceArray:
    """Update the running means `m` and `v` in place; return the next `x`."""
    new = DeviceArray(x.shape)
    # Here, and not of float32, where 1 - 0.999 would be off in the fifth digit.
    rests = (1 - beta for beta in betas)
    arrays = x.data, gradient.data, m.data, v.data, new.data
    _adam.over(x.size, *arrays, rate, *betas, *rests, *corrections, eps, x.size)
    return new


@kernel("void(f4[::1], f4[::1], f4, f4, f4, f4, f4, f4, i8, i8)")
def _shift_and_scale(x, y, mean0, mean1, mean2, scale0, scale1, scale2, first, pixels):
    for pixel in range(cuda.grid(1), pixels, cuda.gridsize(1)):
        p = 3 * pixel
        y[p] = (x[p + first] - mean0) * scale0
        y[p + 1] = (x[p + 1] - mean1) * scale1
        y[p + 2] = (x[p + 2 - first] - mean2) * scale2


def preprocess_forward(x: DeviceArray, mean: np.ndarray, scale: np.ndarray, reverse: bool) -> DeviceArray:
    """Return ``(x - mean) scale`` by channel, the three of `x` in reverse order first where it is said so."""
    if x.shape[-1] != 3:
        raise ValueError(f"on the card pictures have three channels, and not {x.shape[-1]}")
    y = DeviceArray(x.shape)
    pixels = x.size // 3
    _shift_and_scale.over(pixels, x.data, y.data, *mean, *scale, 2 if reverse else 0, pixels)
    return y


def preprocess_backward(dy: DeviceArray, scale: np.ndarray, reverse: bool) -> DeviceArray:
    """Return the gradient of the input: ``dy scale`` by channel, back in the order of the input."""
    return preprocess_forward(dy, np.zeros(3), scale[::-1] if reverse else scale, reverse)


@kernel("void(f4[::1], f4[::1], u1[::1], i8)")
def _rectify(x, y, mask, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        value = x[i]
        y[i] = ZERO if value <= ZERO else value  # a NaN stays one
        mask[i] = 1 if value > ZERO else 0


def relu_forward(x: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """Return max(x, 0), in which a NaN stays one, and the mask x > 0."""
    y, mask = DeviceArray(x.shape), DeviceArray(x.shape, np.uint8)
    _rectify.over(x.size, x.data, y.data, mask.data, x.size)
    return y, mask


@kernel("void(f4[::1], u1[::1], f4[::1], i8)")
def _masked(dy, mask, dx, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        dx[i] = dy[i] * np.float32(mask[i])


def relu_backward(dy: DeviceArray, mask: DeviceArray) -> DeviceArray:
    """Return dy times the mask."""
    dx = DeviceArray(dy.shape)
    _masked.over(dy.size, dy.data, mask.data, dx.data, dy.size)
    return dx
