"""Deliberate mistakes in layers of which pictures are made: waves, warps, the logistic function."""

from __future__ import annotations

import numpy as np

from nst.checks.cases import find
from nst.checks.mutations import At, altered, mistakes, pulled_back
from nst.layers import Warp
from nst.layers.fourier import hartley


def warped(at: At, **options: object) -> np.ndarray:
    """Pull back through another warp."""
    return pulled_back(altered(at.layer, **options), at.x, at.dy)


def forward_again(at: At) -> np.ndarray:
    """Warp the gradient as the picture was, in place of the transpose."""
    return Warp(at.layer.matrix, at.layer.shift).forward(at.dy)[0]


def inverse_warp(at: At) -> np.ndarray:
    """Look at the gradient through the inverse warp: near the transpose, and not it."""
    inverse = np.linalg.inv(at.layer.matrix)
    return Warp(inverse, -inverse @ at.layer.shift).forward(at.dy)[0]


PICTURE_MISTAKES = [
    *mistakes(
        find("Fourier", "waves of photographs"),
        {
            "the weights are forgotten": lambda at: hartley(at.dy),
            "the weights come before the transform": lambda at: hartley(
                at.layer.weights(*at.dy.shape[1:3]) * at.dy
            ),
            "the inverse, which divides by the weights": lambda at: at.layer.coefficients(at.dy),
            "the transform is not orthogonal": lambda at: at.dx * 30,
            "cosines alone": lambda at: (
                at.layer.weights(*at.dy.shape[1:3]) * np.fft.fft2(at.dy, axes=(1, 2), norm="ortho").real
            ),
            "the sign of the sines is wrong": lambda at: (
                at.layer.weights(*at.dy.shape[1:3])
                * np.roll(hartley(at.dy)[:, ::-1, ::-1], (1, 1), axis=(1, 2))
            ),
            "rows are not transformed": lambda at: (
                at.layer.weights(*at.dy.shape[1:3])
                * hartley(at.dy.reshape(-1, 1, *at.dy.shape[2:])).reshape(at.dy.shape)
            ),
        },
    ),
    *mistakes(
        find("Warp", "turned, zoomed, moved"),
        {
            "the gradient is warped as the picture was": forward_again,
            "the inverse warp, not the transpose": inverse_warp,
            "turned the other way": lambda at: warped(at, matrix=at.layer.matrix.T),
            "the zoom is inverted": lambda at: warped(at, matrix=np.linalg.inv(at.layer.matrix).T),
            "the shift is forgotten": lambda at: warped(at, shift=np.zeros(2)),
            "the shift is rounded": lambda at: warped(at, shift=np.rint(at.layer.shift)),
            "the fill flows back too": lambda at: at.dx + 0.5 * at.dy.mean(),
        },
    ),
    *mistakes(
        find("Warp", "moved by whole pixels"),
        {
            "rows and columns are swapped": lambda at: warped(at, shift=at.layer.shift[::-1]),
            "the picture is taken to go round": lambda at: np.roll(at.dy, (2, -1), axis=(1, 2)),
        },
    ),
    *mistakes(
        find("Sigmoid", "colours"),
        {
            "the slope of a logistic function to 1": lambda at: at.dx / 255,
            "y (1 - y) of the colours themselves": lambda at: at.dy * at.y * (1 - at.y),
            "the slope at 0 everywhere": lambda at: at.dy * 255 / 4,
            "the exponential's slope": lambda at: at.dy * at.y,
        },
    ),
]
