"""The job of a training step."""

from __future__ import annotations

import numpy as np

from nst.measure.job import Job
from nst.networks.vgg_cifar import SIDE, vgg_cifar


def train_job(batch: int, width: float = 1.0, seed: int = 0) -> Job:
    """Return the job of a training step of VGG-19 with batch normalisation, on pictures like those of CIFAR-10."""
    told = {"seed": seed, "width": max(1, round(64 * width)), "hidden": max(1, round(4096 * width))}
    network = vgg_cifar(**told)
    rng = np.random.default_rng(seed)
    settings = {
        "network": told,
        "layers": network.names,
        "mean": [float(value) for value in network.nodes["input"].layer.mean],
        "dropout": 0.5,
        "sgd": {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        "learning_rate": 0.01,
    }
    arrays = {
        f"{layer}.{name}": array
        for layer, found in network.parameters().items()
        for name, array in found.items()
    }
    arrays["images"] = rng.integers(0, 256, (batch, SIDE, SIDE, 3)).astype(np.float32)
    arrays["labels"] = rng.integers(0, 10, batch)
    return Job("train", settings, arrays)
