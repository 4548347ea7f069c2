"""Objectives with known minima, and a loop that runs an optimiser on one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import rosen, rosen_der

from nst.losses import Content, Range, TotalVariation


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    """The curved valley whose floor falls gently to (1, ..., 1)."""
    return rosen(x), rosen_der(x)


class Quadratic:
    """1/2 (x - centre)^T diag(curvatures) (x - centre), with curvatures from 1 to `condition`."""

    def __init__(self, size: int, condition: float) -> None:
        self.curvatures = np.logspace(0, np.log10(condition), size)
        self.centre = np.random.default_rng(0).normal(size=size)

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = self.curvatures * (x - self.centre)
        return 0.5 * float(gradient @ (x - self.centre)), gradient


class Denoise:
    """A convex objective on an image, made of the same terms as a run's."""

    def __init__(self, dtype: type = np.float32, scale: float = 1.0) -> None:
        noisy = np.random.default_rng(1).integers(256, size=(1, 24, 20, 3)).astype(dtype)
        self.noisy = noisy
        self.terms = [
            Content("pixels", noisy, scale),
            TotalVariation(1e-3 * scale),
            Range(scale, low=60, high=190),
        ]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        results = [term(x) for term in self.terms]
        return sum(value for value, _ in results), sum(gradient for _, gradient in results)


def run(optimizer, evaluate, x, steps):
    """Return all steps taken from `x`, ending early where the optimiser stops."""
    taken = []
    for _ in range(steps):
        taken.append(optimizer.step(evaluate, x))
        x = taken[-1].x
        if taken[-1].stopped:
            break
    return taken


def enlarged(x: np.ndarray) -> np.ndarray:
    """Return an image (1, H, W, C) with each pixel four times."""
    return x.repeat(2, axis=1).repeat(2, axis=2)
