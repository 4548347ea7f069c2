"""Deliberate mistakes in the gradients of terms that reward activations."""

from __future__ import annotations

import numpy as np

from nst.checks.activation_cases import ACTIVATION_CASES
from nst.checks.case import Case
from nst.checks.mutations import At, mistakes


def _find(name: str, what: str) -> Case:
    return next(case for case in ACTIVATION_CASES if (case.layer, case.what) == (name, what))


def constant_cosine(at: At) -> np.ndarray:
    """Take the cosine for a constant."""
    v = at.layer.vector
    cosine = at.x @ v / np.linalg.norm(at.x, axis=-1) / np.linalg.norm(v)
    return -7 / 12 * np.maximum(cosine, 0.1)[..., None] ** 2 * v


def constant_length(at: At) -> np.ndarray:
    """Forget that the length of the features stands below the cosine."""
    v, length = at.layer.vector, np.linalg.norm(at.x, axis=-1)
    reach = at.x @ v
    cosine = reach / length / np.linalg.norm(v)
    through = np.where(cosine > 0.1, 2 * cosine * reach / length / np.linalg.norm(v), 0)
    return constant_cosine(at) - 7 / 12 * through[..., None] * v


def grams_of(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of each picture as a matrix, and its Gram matrix."""
    f = x.reshape(len(x), -1, x.shape[-1])
    return f, f.transpose(0, 2, 1) @ f


def constant_norms(at: At) -> np.ndarray:
    """Take the norms of the Gram matrices for constants."""
    f, grams = grams_of(at.x)
    sizes = np.linalg.norm(grams, axis=(1, 2), keepdims=True)
    unit = grams / sizes
    return (4 * 7 / 3 * f @ ((unit.sum(axis=0) - unit) / sizes)).reshape(at.x.shape)


def wrong_places(at: At) -> np.ndarray:
    """Pull every place towards the guide's first."""
    return np.broadcast_to(-7 / 12 * at.layer.guide[0], at.x.shape).copy()


ACTIVATION_MISTAKES = [
    *mistakes(
        _find("Unit", "in a corner"),
        {
            "rows and columns are swapped": lambda at: np.roll(at.dx, (3, -4), axis=(1, 2)),
            "the next channel": lambda at: np.roll(at.dx, 1, axis=3),
            "downhill": lambda at: -at.dx,
            "the second picture is forgotten": lambda at: at.dx * np.array([1.0, 0.0]).reshape(2, 1, 1, 1),
            "the weight is forgotten": lambda at: at.dx / 7,
        },
    ),
    *mistakes(
        _find("Unit", "in the middle"), {"the first place": lambda at: np.roll(at.dx, (-2, -2), axis=(1, 2))}
    ),
    *mistakes(
        _find("Channel", "weight 7"),
        {
            "the sum over places, not the mean": lambda at: at.dx * 20,
            "all channels": lambda at: np.full_like(at.x, -7 / 20),
            "divided by the pictures too": lambda at: at.dx / 2,
            "downhill": lambda at: -at.dx,
        },
    ),
    *mistakes(
        _find("Energy", "weight 7"),
        {
            "the 2 of the square is missing": lambda at: at.dx / 2,
            "the features themselves, as in the first program": lambda at: at.x,
            "the mean over places alone": lambda at: at.dx * 3,
            "activations below 0 do not count": lambda at: np.where(at.x > 0, at.dx, 0),
        },
    ),
    *mistakes(
        _find("ClassScore", "weight 7"),
        {
            "the probability's gradient": lambda at: at.dx - at.dx.sum() / 6,
            "classes are counted from 1": lambda at: np.roll(at.dx, 1, axis=1),
            "the mean over pictures": lambda at: at.dx / 3,
        },
    ),
    *mistakes(
        _find("Direction", "power 0"),
        {
            "the direction is made one long": lambda at: at.dx / np.linalg.norm(at.layer.vector),
            "divided by the channels too": lambda at: at.dx / 4,
        },
    ),
    *mistakes(
        _find("Direction", "power 2"),
        {
            "the cosine is taken for a constant": constant_cosine,
            "the length of the features is taken for a constant": constant_length,
            "the floor of the cosine is forgotten": lambda at: np.where(
                (at.x @ at.layer.vector > 0)[..., None], at.dx, 0
            ),
        },
    ),
    *mistakes(
        _find("Guide", "six places"),
        {
            "the guide's first place wins everywhere": wrong_places,
            "the guide's places are averaged": lambda at: np.broadcast_to(
                -7 / 12 * at.layer.guide.mean(axis=0), at.x.shape
            ).copy(),
            "pulled away": lambda at: -at.dx,
        },
    ),
    *mistakes(
        _find("Diversity", "three pictures"),
        {
            "the norms are taken for constants": constant_norms,
            "a pair counts once": lambda at: at.dx / 2,
            "a picture is compared with itself too, and the norm forgotten": lambda at: (
                constant_norms(at) + (4 * 7 / 3 * grams_of(at.x)[0] @ grams_of(at.x)[1]).reshape(at.x.shape)
            ),
            "pictures are drawn together": lambda at: -at.dx,
            "the last picture stays where it is": lambda at: (
                at.dx * np.array([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
            ),
        },
    ),
]
