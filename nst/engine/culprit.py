"""Where a training that has diverged lost its numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst.networks import Network

RATE = "the learning rate is too high: lower it, or let it rise in a warm-up"
DATA = "the pictures hold what is no finite number: look at the data"


def of_loss(network: Network, images: np.ndarray, rng: np.random.Generator) -> str:
    """Return in words which layer's output is the first that is not finite, and the likely cause.

    Parameters
    ----------
    network, images
        As in the forward pass that gave a loss that is not finite; nothing has moved since.
    rng
        In the state that it had before that pass, so that dropout draws the same.
    """
    if not np.isfinite(images).all():
        return DATA
    features, _ = network.forward(images, network.names, training=rng)
    for name, output in features.items():
        if np.isfinite(output).all():
            continue
        for own, array in network.nodes[name].layer.state().items():
            if not np.isfinite(array).all():
                return f"{name} is the first layer whose output is not finite, for its {own} is not; {RATE}"
        return f"{name} is the first layer whose output is not finite; {RATE}"
    return f"the scores are finite, but too far apart; {RATE}"


def of_gradients(gradients: Mapping[str, Mapping[str, np.ndarray]]) -> str | None:
    """Return in words which gradient, on the way back from the loss, is not finite; None if all are."""
    for layer, found in gradients.items():
        for name, gradient in found.items():
            # The sum is a pass without a copy; it may overflow where all of its terms are finite.
            with np.errstate(all="ignore"):
                suspect = not np.isfinite(gradient.sum())
            if suspect and not np.isfinite(gradient).all():
                return (
                    f"{layer} is the first layer, from the top, whose gradient ({name}) is not finite; {RATE}"
                )
    return None
