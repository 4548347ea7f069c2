"""One step of training a classifier: the same engine, with the gradient taken with respect to the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
) -> Trained:
    """Move the parameters that are not frozen once, against the gradient of the mean cross-entropy.

    Running statistics absorb the mini-batch as well. Everything happens in place: the network is another one after.

    Parameters
    ----------
    network
        Its last node gives the scores, (N, classes).
    images : ndarray, shape (N, H, W, 3)
        RGB in 0..255.
    labels : ndarray of int, shape (N,)
    optimizer
        Remembers the velocity of each parameter from step to step.
    learning_rate
        Of this step.
    rng
        What dropout draws from.

    Raises
    ------
    NstError
        When the loss is not finite; nothing has moved then.
    """
    top = network.names[-1]
    features, tape = network.forward(images, [top], training=rng)
    scores = features[top]
    loss, dscores = softmax_cross_entropy(scores, labels)
    if not math.isfinite(loss):
        raise NstError(f"the loss is {loss}: training has diverged; lower the learning rate")
    _, gradients = network.gradients({top: dscores}, tape, image=False)
    optimizer.update(network.parameters(), gradients, learning_rate)
    network.update(tape)
    return Trained(loss, int((scores.argmax(axis=1) == labels).sum()))
