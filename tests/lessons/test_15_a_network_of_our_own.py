"""The answers to the exercises of lesson 15."""

from __future__ import annotations

import numpy as np

from nst.losses import rectified_regression_loss, regression_loss
from nst.training.readout import Readout


def test_a_readout_undoes_any_turn() -> None:
    """Features times any invertible matrix are read out as well as before; their Gram matrices differ otherwise."""
    rng = np.random.default_rng(0)
    features, teacher = (rng.standard_normal((300, n)).astype(np.float32) for n in (4, 7))
    turn = np.diag([1, 3, 0.5, 2]).astype(np.float32) + 0.3 * rng.standard_normal((4, 4)).astype(np.float32)
    left = []
    for one in (features, features @ turn):
        readout = Readout(4, 7, ridge=1e-9)
        readout.absorb(one, teacher)
        left.append(regression_loss(one, readout.matrix, teacher)[0])
    assert abs(left[0] - left[1]) < 1e-4
    grams = [a.T @ a for a in (features[:100], features[100:200], features[200:])]
    turned = [turn.T @ g @ turn for g in grams]
    ratio = [np.linalg.norm(g[0] - g[1]) / np.linalg.norm(g[0] - g[2]) for g in (grams, turned)]
    assert abs(ratio[0] / ratio[1] - 1) > 0.05


def test_the_loss_before_the_relu_is_convex() -> None:
    """Between any two answers it lies on or below the chord; the squared error after the ReLU does not."""
    rng = np.random.default_rng(1)
    wanted = np.maximum(rng.standard_normal((200, 1)), 0)
    one, other = 3 * rng.standard_normal((2, 200, 1))

    def before(z: np.ndarray) -> np.ndarray:
        return np.array(
            [rectified_regression_loss(a[None], t[None], 1.0)[0] for a, t in zip(z, wanted, strict=True)]
        )

    def after(z: np.ndarray) -> np.ndarray:
        return np.square(np.maximum(z, 0) - wanted).ravel()

    def above_chord(loss) -> np.ndarray:
        return loss((one + other) / 2) - (loss(one) + loss(other)) / 2

    assert above_chord(before).max() < 1e-12
    assert above_chord(after).max() > 0.1


def test_a_readout_that_is_solved_for_has_no_slope() -> None:
    """A small change of the best readout changes the loss by its square: so the student may take it as fixed."""
    rng = np.random.default_rng(2)
    features, teacher = rng.standard_normal((200, 5)), rng.standard_normal((200, 6))
    best = np.linalg.lstsq(features, teacher, rcond=None)[0]
    change = rng.standard_normal(best.shape)
    least = regression_loss(features, best, teacher)[0]
    rises = [regression_loss(features, best + h * change, teacher)[0] - least for h in (1e-2, 1e-3)]
    assert rises[0] > 0 and abs(rises[0] / rises[1] - 100) < 1e-3
