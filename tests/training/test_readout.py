"""The linear maps of distillation: least squares, direct channels, forgetting."""

from __future__ import annotations

import numpy as np

from nst.training.readout import Readout, independent
from tests.tolerances import assert_close


def test_a_readout_is_least_squares():
    """After one batch the readout is, but for the ridge, what least squares give for it."""
    rng = np.random.default_rng(3)
    features, target = (rng.standard_normal((400, n)).astype(np.float32) for n in (6, 9))
    readout = Readout(6, 9, ridge=1e-9)
    readout.absorb(features, target)
    assert_close(readout.matrix, np.linalg.lstsq(features, target, rcond=None)[0], length=400)


def test_direct_channels_stand_for_themselves():
    """A direct channel reads 1 for its own channel of the teacher and 0 for other direct ones; the rest is fitted."""
    rng = np.random.default_rng(4)
    features, target = (rng.standard_normal((400, n)).astype(np.float32) for n in (3, 5))
    readout = Readout(3, 5, direct=[4, 0, 2])
    readout.absorb(features, target)
    assert np.array_equal(readout.matrix[:, [4, 0, 2]], np.eye(3))
    fitted = np.linalg.lstsq(features, target[:, [1, 3]], rcond=None)[0]
    assert np.abs(readout.matrix[:, [1, 3]] - fitted).max() < 1e-4


def test_a_readout_forgets():
    """Batches count less and less: after many of another kind the first has no weight."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((200, 3)).astype(np.float32)
    readout = Readout(3, 3, keep=0.5)
    readout.absorb(features, -features)
    for _ in range(40):
        readout.absorb(features, features)
    assert np.abs(readout.matrix - np.eye(3)).max() < 1e-3


def test_independent_channels_are_chosen():
    """Of channels two of which are nearly copies, the copies come last."""
    rng = np.random.default_rng(6)
    own = rng.standard_normal((300, 3))
    features = np.concatenate([own, own[:, :2] * 0.99 + 1e-6 * rng.standard_normal((300, 2))], axis=1)
    assert sorted(independent(features, 3)) == [0, 1, 2]
