"""The one idea that carries everything: a sum of terms, each a loss on one tapped layer of a frozen network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from nst.networks import Network, fused
from nst.optimizers.dot import dot


class Term(Protocol):
    """A weighted loss: on the features at `tap`, or on the pixels when `tap` is `None`."""

    tap: str | None
    label: str

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the weighted value and its gradient with respect to `features`, an array of its own."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """The objective at one image: its value, its gradient, and the weighted value of each term by label."""

    value: float
    gradient: np.ndarray
    parts: dict[str, float]


class Objective:
    """The objective of an image: ``L(X) = sum_k w_k L_k(F_k(X))``, where `F_k` are the features at a tap.

    Its gradient is one walk through the network. Each term gives the gradient with respect to its own features;
    these enter the backward pass at their taps, and add up on the way to the pixels::

        dL/dX = sum_k (dF_k/dX)^T w_k dL_k/dF_k

    What is returned as `value` is exactly what is differentiated, the pixel terms included.

    Parameters
    ----------
    network
        Frozen; see `nst.networks`.
    terms
        See `nst.losses`.
    """

    def __init__(self, network: Network, terms: Sequence[Term]) -> None:
        labels = [term.label for term in terms]
        if len(set(labels)) != len(labels):
            raise ValueError(f"labels must differ: {labels}")
        self.network = network
        self.terms = list(terms)
        self.taps = list(dict.fromkeys(term.tap for term in terms if term.tap is not None))

    def __call__(self, image: np.ndarray) -> Evaluation:
        """Return value, gradient and parts at `image`, an array of shape (1, H, W, 3), RGB in 0..255."""
        features, tape = self.network.forward(image, self.taps)
        found: dict[str, float] = {}

        def gradient(tap: str | None) -> np.ndarray | None:
            """Return the sum of the gradients of the terms at a tap, whose features nobody needs any more."""
            at, total = image if tap is None else features.pop(tap), None
            for term in self.terms:
                if term.tap == tap:
                    found[term.label], part = term(at)
                    total = part if total is None else np.add(total, part, out=total)
            return total

        # The walk back asks for each tap's gradient when it gets there, so that they do not all exist at once.
        entering = {tap: partial(gradient, tap) for tap in self.taps}
        total = self.network.backward(entering, tape, consume=True) if entering else np.zeros_like(image)
        pixels = gradient(None)
        total = total if pixels is None else total + pixels
        parts = {term.label: float(found[term.label]) for term in self.terms}  # only now is a card waited for
        return Evaluation(sum(parts.values()), total, parts)

    def term_gradients(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the gradient of the image for each term alone, by label: one backward pass for each."""
        features, tape = self.network.forward(image, self.taps)
        gradients = {}
        for term in self.terms:
            _, gradient = term(image if term.tap is None else features[term.tap])
            gradients[term.label] = (
                gradient if term.tap is None else self.network.backward({term.tap: gradient}, tape)
            )
        return gradients

    def gradient_norms(self, image: np.ndarray) -> dict[str, float]:
        """Return the Euclidean norm of each term's own gradient: how hard each one pulls at the picture.

        An evaluation for each, as deep as its tap, so that no more is in memory than at a step.
        """
        norms = {}
        for term in self.terms:
            gradient = self.only(term.label)(image).gradient
            norms[term.label] = math.sqrt(dot(gradient, gradient))
        return norms

    def only(self, label: str) -> Objective:
        """Return the objective that consists of one of the terms."""
        return Objective(self.network, [term for term in self.terms if term.label == label])

    def fused(self) -> Objective:
        """Return the same objective on the fused network: faster, and in less memory; see `nst.networks.fused`."""
        return Objective(fused(self.network, self.taps), self.terms)

    def astype(self, dtype: np.dtype | type) -> Objective:
        """Return the same objective with its network in another dtype; targets are constants and stay as they are."""
        return Objective(self.network.astype(dtype), self.terms)
