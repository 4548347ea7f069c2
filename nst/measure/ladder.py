"""From a loop to Winograd: one convolution, each rung of the ladder faster than the one below (lesson 6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nst.kernels import cpu, cpu_plain, reference
from nst.kernels.compiled import jit
from nst.kernels.vectors import SIMD

PADDING = ((1, 1), (1, 1))


def loop(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Convolve as the definition says: for each output, one sum over the window and its channels.

    Parameters
    ----------
    x : ndarray, shape (H, W, C_in)
        Padded already.
    weight : ndarray, shape (kh, kw, C_in, C_out)

    Returns
    -------
    ndarray, shape (H - kh + 1, W - kw + 1, C_out)
    """
    kh, kw, c_in, c_out = weight.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, c_out), x.dtype)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for o in range(c_out):
                total = x.dtype.type(0)
                for ky in range(kh):
                    for kx in range(kw):
                        for c in range(c_in):
                            total += x[i + ky, j + kx, c] * weight[ky, kx, c, o]
                y[i, j, o] = total
    return y


def turned_loop(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Convolve with the same loops in another order: the innermost runs along the output channels.

    These lie together in memory, in the weights and in the output, so that a compiler can use vectors.
    """
    kh, kw, c_in, c_out = weight.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, c_out), x.dtype)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for ky in range(kh):
                for kx in range(kw):
                    for c in range(c_in):
                        pixel = x[i + ky, j + kx, c]
                        for o in range(c_out):
                            y[i, j, o] += pixel * weight[ky, kx, c, o]
    return y


def im2col(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Convolve by one product of matrices: every window is laid out as a row, so each pixel is copied kh kw times."""
    kh, kw, _, c_out = weight.shape
    windows = sliding_window_view(x, (kh, kw), axis=(0, 1))  # (H, W, C_in, kh, kw), nothing copied yet
    rows = windows.transpose(0, 1, 3, 4, 2).reshape(windows.shape[0] * windows.shape[1], -1)
    return (rows @ weight.reshape(-1, c_out)).reshape(*windows.shape[:2], c_out)


@dataclass(frozen=True)
class Rung:
    """One way to convolve: what it is called, how long it took (median, seconds), and its error.

    The error is the relative distance (L2) from the result in float64.
    """

    name: str
    seconds: float
    error: float


def climb(size: int, channels: int, repeats: int = 5) -> list[Rung]:
    """Measure every rung on a 3x3 convolution of `channels` to `channels` on a map of `size` by `size`, float32.

    Pictures and weights are random, the weights with He's scale. The loops run compiled, with one thread; im2col with
    the threads of NumPy's BLAS, the rest with all of ours.
    """
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((1, size, size, channels), np.float32), 0)
    weight = rng.standard_normal((3, 3, channels, channels), np.float32) * np.float32(
        np.sqrt(2 / (9 * channels))
    )
    exact = reference.conv2d_forward(x.astype(np.float64), weight.astype(np.float64), None, (1, 1), PADDING)
    rungs = []
    for name, way in reversed(_ways(x, weight).items()):  # the pool of NumPy's BLAS wakes up last
        y = way()  # compiles, where there is something to compile
        count = repeats if _clock(way) > 0.05 else 10 * repeats
        seconds = sorted(_clock(way) for _ in range(count))[count // 2]
        rungs.append(Rung(name, seconds, float(np.linalg.norm(y - exact) / np.linalg.norm(exact))))
    return rungs[::-1]


def _ways(x: np.ndarray, weight: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Return the ways to convolve `x` under zero padding, slowest first."""

    def padded(function: Callable) -> Callable[[], np.ndarray]:
        return lambda: function(np.pad(x[0], (*PADDING, (0, 0))), weight)[None]

    def prepared(winograd: str) -> Callable[[], np.ndarray]:
        filters = cpu.prepare(weight, (1, 1), PADDING, 1, winograd=winograd)
        return lambda: cpu.conv2d_relu_forward(x, filters, None, relu=False)[0]

    ways = {
        "the loop": padded(jit(loop)),
        "another order": padded(jit(turned_loop)),
        "im2col": padded(im2col),
        "blocks": lambda: cpu_plain.conv2d_forward(x, weight, None, (1, 1), PADDING),
    }
    if SIMD != "plain":
        ways |= {"vectors": prepared("none"), "F(2x2, 3x3)": prepared("F2"), "F(4x4, 3x3)": prepared("F4")}
    return ways


def _clock(way: Callable[[], np.ndarray]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start
