"""Answers to the exercises of lesson 9."""

from __future__ import annotations

import numpy as np

from nst.layers import Softmax, Warp, softmax_cross_entropy
from nst.losses import ClassScore


def test_a_probability_also_pushes_the_others_down() -> None:
    """Their gradients differ by the probabilities of all classes: by little only where the class is improbable."""
    scores = np.random.default_rng(0).standard_normal((1, 6))
    _, of_score = ClassScore("fc", 2)(scores)
    for raised in (-20.0, 0.0, 20.0):
        z = scores + raised * np.eye(6)[2]
        _, of_log = softmax_cross_entropy(z, np.array([2]))  # minus the logarithm of its probability
        chances = Softmax().forward(z)[0]
        np.testing.assert_allclose(of_log - of_score, chances, atol=1e-12)
        pushed = -of_log[0, [0, 1, 3, 4, 5]]
        assert (pushed < 0).all() and np.isclose(-of_log[0, 2], -pushed.sum())
        # So once the class is certain, nothing is left to climb, while its score would still rise.
        assert (np.abs(of_log).max() < 1e-6) == (raised == 20)


def test_only_whole_moves_are_their_own_way_back() -> None:
    """The transpose of a turn is near the turn back, never the turn itself; of a zoom it is not near either."""
    dy = np.random.default_rng(1).standard_normal((1, 8, 8, 1))

    def back(warp: Warp) -> np.ndarray:
        return warp.backward(dy, warp.forward(np.zeros_like(dy))[1])

    still, move = Warp.turned(), Warp.turned(shift=(1, 2))
    np.testing.assert_allclose(back(still), still.forward(dy)[0])
    np.testing.assert_allclose(back(move), Warp.turned(shift=(-1, -2)).forward(dy)[0])
    for warp in (move, Warp.turned(30), Warp.turned(zoom=1.5)):
        assert np.abs(back(warp) - warp.forward(dy)[0]).max() > 0.1
    quarter = Warp.turned(90)
    np.testing.assert_allclose(back(quarter), Warp.turned(-90).forward(dy)[0], atol=1e-12)
    # A zoom by 1.5 shows each pixel 2.25 times, and the way back adds these up, where the inverse would average them.
    magnified = Warp.turned(zoom=1.5)
    flat = np.ones((1, 30, 30, 1))
    gathered = magnified.backward(flat, magnified.forward(flat)[1])[0, 12:18, 12:18, 0]
    assert abs(gathered.mean() - 2.25) < 0.1
