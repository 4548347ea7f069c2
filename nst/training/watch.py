"""Whether a training begins as one should: with a network that knows nothing."""

from __future__ import annotations

import math

SPREAD = (
    0.5  # what scores with a variance of 1 add to log C, nearly: the logarithm of the mean of exp(z) is 1/2
)
NOISE = 3.0  # standard errors of the mean over a mini-batch


def start(loss: float, classes: int, pictures: int) -> str:
    """Return in a line how the first loss compares with log C, the cross-entropy of one who knows nothing.

    Scores that are all alike give log C exactly. Those of a fresh network differ: with a variance s^2 over the classes
    they add about s^2 / 2. A last layer that is normalised has s = 1, and more than that is no careful initialisation.
    So up to log C + 1/2 is well; on both sides three standard errors are allowed, for the score of the right class,
    about 1 apart from picture to picture, is averaged over a mini-batch only.

    Parameters
    ----------
    loss : float
        Of the first mini-batch.
    classes : int
        C.
    pictures : int
        In the mini-batch.
    """
    ideal, noise = math.log(classes), NOISE / math.sqrt(pictures)
    told = f"the loss starts at {loss:.3f}, log {classes} is {ideal:.3f}"
    if loss > ideal + SPREAD + noise:
        return (
            f"{told}: too high for a fresh network; its scores are far apart, so look at the initial weights, "
            "and whether pictures are 0..255 with the right mean"
        )
    if loss < ideal - noise:
        return f"{told}: lower than a fresh network's; it has been trained before, or the pictures give the labels away"
    return f"{told}: as it should"
