"""The jobs that are measured: which network, which numbers, which pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from nst.measure.job import Job, noise
from nst.networks import Weights, build, vgg_shapes

LAST = "conv5_1"
CONTENT = ("relu4_2", "relu3_2")  # the first that the weights reach
STYLES = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # as many as they reach
BLURS = (0.7, 2, 6, 20)  # pixels: detail of every size, as pictures have


def he_weights(seed: int = 0, width: float = 1.0) -> Weights:
    """Return a VGG-19 to relu5_1 with normally distributed weights (He et al., 2015), as fast as a trained one.

    Parameters
    ----------
    seed
        The same gives the same weights.
    width
        The share of the channels that each layer keeps.
    """
    arrays = {}
    for name, shape in vgg_shapes("vgg19").items():
        narrow = tuple(length if length <= 3 else max(1, round(width * length)) for length in shape)
        scale = 0.05 if len(shape) == 1 else np.sqrt(2 / np.prod(narrow[:-1]))
        arrays[name] = noise(seed, name, narrow, scale)
        if name == f"{LAST}.bias":
            break
    return Weights(arrays, "vgg19", source=f"normally distributed, seed {seed}")


def picture(seed: int, name: str, height: int, width: int) -> np.ndarray:
    """Return smooth noise of shape (1, H, W, 3) within 0 to 255."""
    grain = noise(seed, name, (height, width, 3))
    layers = [ndimage.gaussian_filter(grain, (blur, blur, 0)) * blur for blur in BLURS]
    smooth = np.sum(layers, axis=0)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.float32)[None]


def step_job(weights: Weights, height: int, width: int, pooling: str = "max", seed: int = 0) -> Job:
    """Return the job of a style-transfer step: content, Gram matrices and total variation of one picture."""
    network = build(weights)
    names = [name.removesuffix(".weight") for name in weights.arrays if name.startswith("conv")]
    layers = [name for name in network.names if name.startswith("pool") or name in names]
    settings = {
        "network": weights.network,
        "layers": layers,
        "pooling": pooling,
        "order": weights.channel_order,
        "mean": [float(value) for value in weights.mean],
        "scale": [float(value) for value in weights.scale],
        "content": [name for name in CONTENT if name in network.nodes][:1],
        "styles": [name for name in STYLES if name in network.nodes],
        "weights": {"content": 5.0, "style": 100.0, "tv": 10.0},
    }
    pictures = {name: picture(seed, name, height, width) for name in ("image", "content", "style")}
    kept = {name: array for name, array in weights.arrays.items() if name.startswith("conv")}
    return Job("step", settings, {**kept, **pictures})


def layers_job(weights: Weights, height: int, width: int, seed: int = 0) -> Job:
    """Return the job of a VGG's layers, each alone: convolutions with the ReLU and pooling that follow, Grams.

    The poolings are there alone as well.
    """
    network, shape, rows = build(weights), (1, height, width, 3), []
    for node in network.nodes.values():
        kind, out = _kind(node.name), node.layer.output_shape(shape)
        if kind:
            rows.append({"name": node.name, "kind": kind, "shape": shape, "channels": out[3]})
        if kind == "pool":  # belongs to the convolution before it
            next(row for row in reversed(rows) if row["kind"] == "conv")["pool"] = "max"
        if node.name in STYLES:
            rows.append({"name": f"gram {node.name}", "kind": "gram", "shape": out, "channels": out[3]})
        shape = out
    order = ("conv", "pool", "gram")
    rows.sort(key=lambda row: order.index(row["kind"]))
    arrays = {name: array for name, array in weights.arrays.items() if name.startswith("conv")}
    return Job("layers", {"rows": rows, "seed": seed}, arrays)


def _kind(name: str) -> str:
    return next((kind for kind in ("conv", "pool") if name.startswith(kind)), "")


def items(job: Job) -> list[str]:
    """Return what the job consists of: every layer forward and backward, or the one step."""
    rows: list[dict[str, Any]] = job.settings.get("rows", [])
    return [f"{row['name']} {way}" for row in rows for way in ("forward", "backward")] or [""]
