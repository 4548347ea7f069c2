"""This library's side of a measurement: `python -m nst.measure.ours FOLDER`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst import kernels
from nst.engine.objective import Objective, Term
from nst.engine.style_transfer import StyleTransfer
from nst.measure.job import Job
from nst.measure.peak import facts
from nst.measure.stopwatch import Stopwatch
from nst.measure.worker import Work, peak_memory, serve
from nst.networks import Weights, build


class Step:
    """A whole step of style transfer: value and gradient of the objective, as the program computes them."""

    def __init__(self, job: Job) -> None:
        told = job.settings
        kept = {name: array for name, array in job.arrays.items() if name.startswith("conv")}
        self.weights = Weights(kept, told["network"], told["order"], told["mean"], told["scale"])
        self.job = job
        self.device = told.get("device", "cpu")
        if self.device == "cuda":
            kernels.bound_card(None, told["precision"])
        self.objective = self._objective(np.float32, self.device).fused()
        self.image = kernels.put(self.job.arrays["image"], self.device)
        self.watch = Stopwatch()
        network = self.objective.network
        network.forward = self.watch.timed("forward", network.forward)
        network.backward = self.watch.timed("backward", network.backward)
        self.objective.terms = [Timed(term, self.watch) for term in self.objective.terms]

    def _objective(self, dtype: type, device: str = "cpu") -> Objective:
        told, weights = self.job.settings, self.job.settings["weights"]
        transfer = StyleTransfer(
            dict.fromkeys(told["content"], 1.0),
            dict.fromkeys(told["styles"], 1.0),
            weights["content"],
            weights["style"],
            weights["tv"],
        )
        network = build(self.weights, pooling=told["pooling"]).astype(dtype).on(device)
        pictures = (self.job.arrays[name].astype(dtype) for name in ("content", "style"))
        content, style = (kernels.put(picture, device) for picture in pictures)
        return transfer.objective(network, content, [style])

    def run(self, item: str) -> dict[str, float]:
        """Evaluate once; on a card, where work is only queued, the phases cannot be told apart."""
        self.watch.seconds.clear()
        self.objective(self.image)
        if self.device == "cuda":
            kernels.synchronize()
            return {}
        return dict(self.watch.seconds)

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the value and the gradient of the picture."""
        return self._evaluated(self.objective, self.image)

    def exact(self, item: str) -> dict[str, np.ndarray]:
        """Return the same from the definition in float64."""
        return self._evaluated(self._objective(np.float64), self.job.arrays["image"].astype(np.float64))

    def _evaluated(self, objective: Objective, image: np.ndarray) -> dict[str, np.ndarray]:
        found = objective(image)
        return {"value": np.array(found.value), "gradient": kernels.to_host(found.gradient)}

    def memory(self) -> int:
        """Return the most bytes held at once: by the process, or on the card."""
        return kernels.card_held() if self.device == "cuda" else peak_memory()

    def settle(self) -> None:
        """Give to the card what was taken for the targets, and take again what a step needs."""
        if self.device == "cuda":
            kernels.give_back()
            self.run("")

    def facts(self) -> dict[str, Any]:
        """Return the choice of vectors and the peak of the micro-kernel, or what computes on a card."""
        if self.device == "cuda":
            return {"simd": f"{kernels.card_name()}, {self.job.settings['precision']}"}
        return facts()


class Timed:
    """A term of the objective whose calls count as the phase of the losses."""

    def __init__(self, term: Term, watch: Stopwatch) -> None:
        self.tap, self.label = term.tap, term.label
        self._call = watch.timed("losses", term)

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        """Pass on, and take the time."""
        return self._call(features)


def make(job: Job) -> Work:
    """Return the work that a job asks for."""
    if job.kind == "layers":
        from nst.measure.our_layers import Layers

        return Layers(job)
    if job.kind == "train":
        from nst.measure.our_training import Training

        return Training(job)
    if job.kind == "painting":
        from nst.measure.painting import Painting

        return Painting(job)
    return Step(job)


if __name__ == "__main__":
    serve(make)
