"""This library's layers, each alone: the kernels that a frozen network runs, and their definition in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nst import kernels
from nst.measure.job import CORNER, Job, corner, noise
from nst.measure.peak import facts

ONE, BORDER, NONE = (1, 1), ((1, 1), (1, 1)), ((0, 0), (0, 0))
WINDOW = (2, 2)
Passes = dict[str, Callable[[], Any]]


class Layers:
    """One layer at a time, ready to run either way; the arrays of the one before are gone by then."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rows = {row["name"]: row for row in job.settings["rows"]}
        self._name, self._passes = "", {}

    def run(self, item: str) -> dict[str, float]:
        """Run one layer one way."""
        self._layer(item)
        return {}

    def _layer(self, item: str) -> Any:
        name, _, way = item.rpartition(" ")
        if name != self._name:
            self._passes = {}  # before the next arrays are made
            self._name, self._passes = name, MAKERS[self.rows[name]["kind"]](self.job, self.rows[name])
        return self._passes[way]()

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return what is compared: of a convolution it is the linear part alone, and a corner."""
        return {"result": compared(self.job, self.rows[item.rpartition(" ")[0]], item, np.float32)}

    def exact(self, item: str) -> dict[str, np.ndarray]:
        """Return the same from the definition in float64."""
        return {"result": compared(self.job, self.rows[item.rpartition(" ")[0]], item, np.float64)}

    def facts(self) -> dict[str, Any]:
        """Return the choice of vectors, and the peak of the micro-kernel."""
        return facts()


def inputs(job: Job, row: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the features that a layer reads, none negative, and a gradient of what it gives before any pooling."""
    shape, seed = tuple(row["shape"]), job.settings["seed"]
    out = (*shape[:3], row["channels"])
    return np.abs(noise(seed, f"{row['name']} x", shape)), noise(seed, f"{row['name']} dy", out)


def _convolution(job: Job, row: dict[str, Any]) -> Passes:
    kernel = kernels.select(np.float32)
    x, dy = inputs(job, row)
    weight, bias = (job.arrays[f"{row['name']}.{part}"] for part in ("weight", "bias"))
    pool = row.get("pool")
    filters = kernel.prepare(weight, ONE, BORDER, 1)
    y, kept = kernel.conv2d_relu_forward(x, filters, bias, pool)
    dy = np.ascontiguousarray(dy[:, : y.shape[1], : y.shape[2]])
    return {
        "forward": lambda: kernel.conv2d_relu_forward(x, filters, bias, pool),
        "backward": lambda: kernel.conv2d_relu_backward_input(dy, kept, filters, x.shape, pool),
    }


def _pooling(job: Job, row: dict[str, Any]) -> Passes:
    return _pooling_passes(*inputs(job, row))


def _pooling_passes(x: np.ndarray, dy: np.ndarray) -> Passes:
    kernel, out_hw = kernels.select(x.dtype), (x.shape[1] // 2, x.shape[2] // 2)
    dy = np.ascontiguousarray(dy[:, : out_hw[0], : out_hw[1]])
    _, argmax = kernel.max_pool_forward(x, WINDOW, WINDOW, NONE, out_hw)
    return {
        "forward": lambda: kernel.max_pool_forward(x, WINDOW, WINDOW, NONE, out_hw),
        "backward": lambda: kernel.max_pool_backward(dy, argmax, x.shape, WINDOW, WINDOW, NONE),
    }


def _gram(job: Job, row: dict[str, Any]) -> Passes:
    kernel = kernels.select(np.float32)
    f, d = gram_inputs(job, row)
    return {"forward": lambda: kernel.gram_sum(f), "backward": lambda: kernel.matrix_product(f, d)}


def gram_inputs(job: Job, row: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return features as a matrix of pixels by channels, and a symmetric matrix such as `gram_loss` multiplies by."""
    channels = row["channels"]
    square = noise(job.settings["seed"], f"{row['name']} d", (channels, channels), channels**-0.5)
    f = np.abs(noise(job.settings["seed"], f"{row['name']} x", tuple(row["shape"])))
    return f.reshape(-1, channels), square + square.T


MAKERS = {"conv": _convolution, "pool": _pooling, "gram": _gram}


def compared(job: Job, row: dict[str, Any], item: str, dtype: type) -> np.ndarray:
    """Return the part of a layer's result that is compared, computed in `dtype`: of a convolution without its ReLU.

    In float32 it is cut out of the whole, so that the kernels run as they do when they are timed. In float64 little
    else is computed.
    """
    forward = item.endswith("forward")
    if row["kind"] == "gram":
        f, d = (array.astype(dtype) for array in gram_inputs(job, row))
        kernel = kernels.select(dtype)
        return kernel.gram_sum(f) if forward else corner(kernel.matrix_product(f, d))
    arrays = [array.astype(dtype) for array in inputs(job, row)]
    if dtype != np.float32:  # all that the corner's windows see, and what a pooling makes a corner of
        arrays = [array[:, : 2 * CORNER, : 2 * CORNER] for array in arrays]
    if row["kind"] == "pool":
        return corner(_pooled(*arrays, forward))
    arrays += [job.arrays[f"{row['name']}.{part}"].astype(dtype) for part in ("weight", "bias")]
    return corner(_linear(*arrays, forward))


def _linear(x: np.ndarray, dy: np.ndarray, weight: np.ndarray, bias: np.ndarray, forward: bool) -> np.ndarray:
    kernel = kernels.select(x.dtype)
    filters = kernel.prepare(weight, ONE, BORDER, 1)
    if forward:
        return kernel.conv2d_relu_forward(x, filters, bias, relu=False)[0]
    return kernel.conv2d_relu_backward_input(dy, None, filters, x.shape, relu=False)


def _pooled(x: np.ndarray, dy: np.ndarray, forward: bool) -> np.ndarray:
    passes = _pooling_passes(x, dy)
    return passes["forward"]()[0] if forward else passes["backward"]()
