"""Painting in one pass, as a job and on this library's side: Johnson's net at its full width."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nst.measure.job import Job, noise
from nst.measure.jobs import picture
from nst.measure.peak import facts
from nst.networks.extent import shapes
from nst.networks.fast_style import STEP, fast_style, fast_style_shapes

EPS = 1e-3


def painting_job(height: int, width: int, seed: int = 0) -> Job:
    """Return the job of painting a picture, whose sides are multiples of 4, with random numbers in the net."""
    arrays = {}
    for name, shape in fast_style_shapes().items():
        scale = np.sqrt(2 / prod(shape[:-1])) if len(shape) == 4 else 0.1
        arrays[name] = noise(seed, name, shape, scale) + np.float32(name.endswith(".gamma"))
    height, width = (-(-side // STEP) * STEP for side in (height, width))
    arrays["image"] = picture(seed, "image", height, width)
    return Job("painting", {"eps": EPS}, arrays)


def of_painting(job: Job) -> int:
    """Return the operations of a painting by its formulas: those of the convolutions."""
    network = fast_style(job.arrays)
    found = {network.IMAGE: job.arrays["image"].shape} | shapes(
        network, job.arrays["image"].shape, ["painting"]
    )
    total = 0
    for node in network.nodes.values():
        if (weight := job.arrays.get(f"{node.name}.weight")) is not None:
            # Each place of the smaller of the two maps meets the whole kernel.
            places = min(prod(found[name][:3]) for name in (node.name, node.inputs[0]))
            total += 2 * places * weight.size
    return total


class Painting:
    """A picture through the net, as `nst.fast apply` takes it."""

    def __init__(self, job: Job) -> None:
        self.job, self.network = job, fast_style(job.arrays, job.settings["eps"])

    def run(self, item: str) -> dict[str, float]:
        """Paint once."""
        self.network.features(self.job.arrays["image"], ["painting"])
        return {}

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the painting."""
        return self.network.features(self.job.arrays["image"], ["painting"])

    def exact(self, item: str) -> dict[str, np.ndarray]:
        """Return the same from the definition in float64."""
        image = self.job.arrays["image"].astype(np.float64)
        return self.network.astype(np.float64).features(image, ["painting"])

    def facts(self) -> dict[str, Any]:
        """Return the choice of vectors, and the peak of the micro-kernel."""
        return facts()
