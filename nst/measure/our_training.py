"""This library's training step: VGG-19 with batch normalisation, on a batch of small pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst.engine.training_step import training_step
from nst.measure.job import Job
from nst.measure.peak import facts
from nst.measure.stopwatch import Stopwatch
from nst.networks import Network
from nst.networks.vgg_cifar import vgg_cifar
from nst.optimizers import SGD


class Training:
    """A training step of the network that the job names; each one trains it further."""

    def __init__(self, job: Job) -> None:
        self.job, self.watch = job, Stopwatch()
        self.network, self.optimizer = self._network(job.settings["dropout"]), SGD(**job.settings["sgd"])
        timed = self.watch.timed
        self.network.forward = timed("forward", self.network.forward)
        self.network.gradients = timed("backward", self.network.gradients)
        self.network.update = timed("update", self.network.update)
        self.optimizer.update = timed("update", self.optimizer.update)
        self.rng = np.random.default_rng(job.settings["network"]["seed"])

    def _network(self, dropout: float) -> Network:
        return vgg_cifar(**self.job.settings["network"], dropout=dropout)

    def run(self, item: str) -> dict[str, float]:
        """Train for one step."""
        self.watch.seconds.clear()
        self._step(self.network, self.optimizer, self.job.arrays["images"])
        return dict(self.watch.seconds)

    def _step(self, network: Network, optimizer: SGD, images: np.ndarray) -> float:
        labels, rate = self.job.arrays["labels"], self.job.settings["learning_rate"]
        return training_step(network, images, labels, optimizer, rate, self.rng).loss

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the loss of a first step, without dropout, whose draws differ, and all that moves the weights."""
        return self._first(self._network(0.0), np.float32)

    def exact(self, item: str) -> dict[str, np.ndarray]:
        """Return the same from the definition in float64."""
        return self._first(self._network(0.0).astype(np.float64), np.float64)

    def _first(self, network: Network, dtype: type) -> dict[str, np.ndarray]:
        optimizer = SGD(**self.job.settings["sgd"])
        loss = self._step(network, optimizer, self.job.arrays["images"].astype(dtype))
        moved = optimizer.state()
        weights = [moved[name].ravel() for name in self.job.arrays if name in moved]
        return {"value": np.array(loss), "gradient": np.concatenate(weights)}

    def facts(self) -> dict[str, Any]:
        """Return the choice of vectors, and the peak of the micro-kernel."""
        return facts()
