"""One step of training a classifier: the same engine, with the gradient taken with respect to the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nst.engine import culprit
from nst.errors import NstError
from nst.layers.cross_entropy import softmax_cross_entropy
from nst.networks import Network
from nst.optimizers import SGD


@dataclass(frozen=True)
class Trained:
    """What a step saw before it moved: the mean loss over the mini-batch, and how many labels were guessed right."""

    loss: float
    correct: int


def training_step(
    network: Network,
    images: np.ndarray,
    labels: np.ndarray,
    optimizer: SGD,
    learning_rate: float,
    rng: np.random.Generator,
    smoothing: float = 0.0,
) -> Trained:
    """Move the parameters that are not frozen once, against the gradient of the mean cross-entropy.

    Running statistics absorb the mini-batch as well. Everything happens in place: the network is another one after.

    Parameters
    ----------
    network
        Its last node gives the scores, (N, classes).
    images : ndarray, shape (N, H, W, C)
        In 0..255; RGB where C is 3.
    labels : ndarray of int, shape (N,)
    optimizer
        Remembers the velocity of each parameter from step to step.
    learning_rate
        Of this step.
    rng
        What dropout draws from.
    smoothing
        Of the labels; see `nst.layers.softmax_cross_entropy`.

    Raises
    ------
    NstError
        When the loss or a gradient is not finite: it names the layer, and the likely cause. Nothing has moved then.
    """
    top, before = network.names[-1], rng.bit_generator.state
    features, tape = network.forward(images, [top], training=rng)
    scores = features[top]
    loss, dscores = softmax_cross_entropy(scores, labels, smoothing)
    if not math.isfinite(loss):
        del tape
        rng.bit_generator.state = before
        raise NstError(f"training has diverged, the loss is {loss}: {culprit.of_loss(network, images, rng)}")
    _, gradients = network.gradients({top: dscores}, tape, image=False)
    if cause := culprit.of_gradients(gradients):
        raise NstError(f"training has diverged: {cause}")
    optimizer.update(network.parameters(), gradients, learning_rate)
    network.update(tape)
    return Trained(loss, int((scores.argmax(axis=1) == labels).sum()))
