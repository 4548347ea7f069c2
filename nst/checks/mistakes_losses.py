"""Deliberate mistakes in the gradients of losses."""

from __future__ import annotations

import numpy as np

from nst.checks.cases import Case
from nst.checks.loss_cases import LOSS_CASES
from nst.checks.mutations import At, mistakes


def _find(name: str, what: str) -> Case:
    return next(case for case in LOSS_CASES if (case.layer, case.what) == (name, what))


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the probabilities of scores along the last axis."""
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def gram_of(x: np.ndarray) -> np.ndarray:
    """Return F'F / (H W C)."""
    f = x.reshape(-1, x.shape[-1])
    return f.T @ f / x.size


def as_if_target_were(at: At, target: float) -> np.ndarray:
    """Return the Gram gradient with the target's matrix multiplied by `target`."""
    f, c = at.x.reshape(-1, at.x.shape[-1]), at.x.shape[-1]
    to_none = (4 / (c**2 * at.x.size) * f @ gram_of(at.x)).reshape(at.x.shape)
    return to_none + target * (at.dx - to_none)


def along_rows(x: np.ndarray) -> np.ndarray:
    """Return the gradient of the squared differences between horizontal neighbours."""
    d = 2 * np.diff(x, axis=2)
    return np.pad(d, ((0, 0), (0, 0), (1, 0), (0, 0))) - np.pad(d, ((0, 0), (0, 0), (0, 1), (0, 0)))


def around_the_edge(at: At) -> np.ndarray:
    """Return the gradient of total variation when the right edge borders on the left one."""
    neighbours = sum(np.roll(at.x, shift, axis) for axis in (1, 2) for shift in (-1, 1))
    return 8 * at.x - 2 * neighbours


def cropped(at: At) -> np.ndarray:
    """Return the gradient of total variation when both differences are cropped to (H-1) x (W-1)."""
    gradient = np.zeros_like(at.x)
    here, right, below = at.x[:, :-1, :-1], at.x[:, :-1, 1:], at.x[:, 1:, :-1]
    gradient[:, :-1, :-1] += 2 * (here - right) + 2 * (here - below)
    gradient[:, :-1, 1:] += 2 * (right - here)
    gradient[:, 1:, :-1] += 2 * (below - here)
    return gradient


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


SMOOTHED_LABELS = np.eye(6)[[5, 0, 2, 2]]  # of the case

LOSS_MISTAKES = [
    *mistakes(
        _find("softmax_cross_entropy", "class numbers"),
        {
            "not divided by the number of examples": lambda at: at.dx * len(at.x),
            "divided by the number of scores": lambda at: at.dx / at.x.shape[1],
            "the label is not subtracted": lambda at: softmax(at.x) / len(at.x),
            "the sign is wrong": lambda at: -at.dx,
            "scores stand in the place of probabilities": lambda at: (
                at.dx + (at.x - softmax(at.x)) / len(at.x)
            ),
            "softmax is taken over the batch": lambda at: (
                at.dx + (softmax(at.x.T).T - softmax(at.x)) / len(at.x)
            ),
            "softmax is pulled back once more": lambda at: (
                softmax(at.x) * (at.dx - (at.dx * softmax(at.x)).sum(-1, keepdims=True))
            ),
        },
    ),
    *mistakes(
        _find("softmax_cross_entropy", "probabilities"),
        {
            "the likeliest class is taken for certain": lambda at: (
                (softmax(at.x) - np.eye(6)[np.argmax(softmax(at.x) - at.dx * len(at.x), axis=1)]) / len(at.x)
            ),
        },
    ),
    *mistakes(
        _find("softmax_cross_entropy", "smoothed labels"),
        {
            "the labels are not smoothed": lambda at: at.dx + 0.3 * (1 / 6 - SMOOTHED_LABELS) / len(at.x),
            "what is spread is not taken from the right class": lambda at: (
                at.dx - 0.3 * SMOOTHED_LABELS / len(at.x)
            ),
            "it is spread over the wrong classes alone": lambda at: (
                at.dx + 0.3 * (1 / 6 - (1 - SMOOTHED_LABELS) / 5) / len(at.x)
            ),
        },
    ),
    *mistakes(
        _find("content_loss", "random target"),
        {
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "not divided by the number of values": lambda at: at.dx * at.x.size,
            "divided by the pixels alone": lambda at: at.dx * at.x.shape[-1],
            "the sign is wrong": lambda at: -at.dx,
            "the target is forgotten": lambda at: 2 * at.x / at.x.size,
            "absolute differences, not squares": lambda at: np.sign(at.dx) / at.x.size,
        },
    ),
    *mistakes(
        _find("gram_loss", "random target"),
        {
            "F enters G twice but is differentiated once": lambda at: at.dx / 2,
            "the 2 of the square is missing too": lambda at: at.dx / 4,
            "not divided by H W C": lambda at: at.dx * at.x.size,
            "not divided by C^2": lambda at: at.dx * at.x.shape[-1] ** 2,
            "divided by H W alone": lambda at: at.dx * at.x.shape[-1],
            "the target is forgotten": lambda at: as_if_target_were(at, 0.0),
            "the target is added, not subtracted": lambda at: as_if_target_were(at, -1.0),
            "the channels are in reverse": lambda at: at.dx[..., ::-1],
            "rows and columns of pixels are mixed up": lambda at: at.dx.reshape(1, 5, 4, 3).transpose(
                0, 2, 1, 3
            ),
        },
    ),
    *mistakes(
        _find("total_variation", "one picture"),
        {
            "the last row and the last column are forgotten": cropped,
            "only horizontal neighbours count": lambda at: along_rows(at.x),
            "only vertical neighbours count": lambda at: at.dx - along_rows(at.x),
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "the sign is wrong": lambda at: -at.dx,
            "the picture is taken to go round": around_the_edge,
            "averaged over the pairs": lambda at: at.dx / at.x.size,
        },
    ),
    *mistakes(
        _find("total_variation", "two pictures"),
        {"the second picture is forgotten": lambda at: at.dx * np.array([1.0, 0.0]).reshape(2, 1, 1, 1)},
    ),
    *mistakes(
        _find("range_penalty", "on both sides"),
        {
            "pixels below the range are forgotten": lambda at: np.where(at.x < 0, 0, at.dx),
            "pixels above the range are forgotten": lambda at: np.where(at.x > 255, 0, at.dx),
            "the sign is wrong below the range": lambda at: np.abs(at.dx),
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "divided by the overshooting pixels alone": lambda at: (
                at.dx * at.x.size / np.count_nonzero(at.dx)
            ),
            "the pixel stands in the place of its overshoot": lambda at: np.where(
                at.dx != 0, 2 * at.x / at.x.size, 0
            ),
        },
    ),
    *(
        mutation
        for name in ("Content", "Style", "TotalVariation", "Range")
        for mutation in mistakes(
            _find(name, "weight 7"),
            {
                "the weight is forgotten": lambda at: at.dx / 7,
                "the weight is squared": lambda at: at.dx * 7,
            },
        )
    ),
    *mistakes(
        _find("regression_loss", "3 channels tell 5"),
        {
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "divided by the number of places": lambda at: at.dx / len(at.x),
            "the sign is wrong": lambda at: -at.dx,
            "channels are answered for by their neighbours": lambda at: np.roll(at.dx, 1, axis=1),
        },
    ),
    *mistakes(
        _find("rectified_regression_loss", "some silent, some loud"),
        {
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "silent units get no gradient": lambda at: np.where(at.x > 0, at.dx, 0),
            "the sign is wrong": lambda at: -at.dx,
        },
    ),
    *mistakes(
        _find("relative_gram_loss", "read out"),
        {
            "F enters G twice but is differentiated once": lambda at: at.dx / 2,
            "the square is differentiated, not the root": lambda at: at.dx * 2 * at.y,
            "divided by the channels, too": lambda at: at.dx / at.x.shape[1],
            "the sign is wrong": lambda at: -at.dx,
        },
    ),
    *mistakes(
        _find("relative_gram_loss", "as they are"),
        {"not divided by the number of places": lambda at: at.dx * len(at.x)},
    ),
    *mistakes(
        _find("binary_cross_entropy", "all real"),
        {
            "the sign is wrong, as in a program that was so for years": lambda at: -at.dx,
            "the probability's own slope is multiplied in": lambda at: (
                at.dx * logistic(at.x) * (1 - logistic(at.x))
            ),
            "summed over the pictures, not averaged": lambda at: 8 * at.dx,
            "the label is forgotten": lambda at: logistic(at.x) / 8,
            "the score stands in the place of the probability": lambda at: (at.x - 1) / 8,
        },
    ),
    *mistakes(
        _find("binary_cross_entropy", "a smoothed label"),
        {"the label is taken for 1": lambda at: (logistic(at.x) - 1) / 8},
    ),
    *mistakes(
        _find("least_squares", "all real"),
        {
            "the half is forgotten": lambda at: 2 * at.dx,
            "the label is forgotten": lambda at: at.x / 8,
            "what is beyond the label has no slope": lambda at: np.where(at.x < 1, at.dx, 0),
        },
    ),
    *mistakes(
        _find("wasserstein", "all real"),
        {
            "the sign is wrong": lambda at: -at.dx,
            "summed over the pictures, not averaged": lambda at: 8 * at.dx,
            "half of the difference of the two means": lambda at: at.dx / 2,
            "the score is put through a sigmoid": lambda at: at.dx * logistic(at.x) * (1 - logistic(at.x)),
        },
    ),
    *mistakes(
        _find("wasserstein", "all fake"),
        {"the label is forgotten": lambda at: -at.dx},
    ),
]
