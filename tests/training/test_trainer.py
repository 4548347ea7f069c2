"""The loop: it learns, a training that was interrupted goes on to the same bytes, and what it refuses."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from nst.errors import NstError
from nst.training import Training, train
from tests.training import toy


def everything(training: Training) -> dict[str, bytes]:
    """Return all that a training holds, but for the time that it took, as bytes."""
    plain, arrays = training.state()
    plain.pop("seconds")
    plain["history"] = [{**epoch, "seconds": 0} for epoch in plain["history"]]
    return {"": json.dumps(plain).encode(), **{name: array.tobytes() for name, array in arrays.items()}}


def test_it_learns():
    """In a few epochs most held-out pictures are named rightly, by the averaged weights."""
    training = toy.training(toy.recipe(epochs=12, learning_rate=0.1, label_smoothing=0.0))
    assert train(training, toy.batches(training.recipe), toy.pictures(30, seed=1))
    first, last = training.history[0], training.history[-1]
    assert last.loss < first.loss and last.test_accuracy > 0.8
    assert (last.epoch, last.step, len(training.losses)) == (12, 48, 48)


@pytest.mark.parametrize("at", [1, 3, 4, 6])
def test_a_resumed_training_gives_the_same_bytes(at):
    """Stopped within an epoch, at its last step or between two, saved, loaded into a fresh network and gone on with.

    Weights, running statistics, velocities, averaged weights, the generator of dropout, losses and history: all are
    those of the training that was never stopped, whatever the number of threads that prepare pictures.
    """
    whole, test = toy.training(), toy.pictures(9, seed=1)
    train(whole, toy.batches(whole.recipe), test)
    begun, steps = toy.training(), itertools.count(1)
    assert not train(begun, toy.batches(begun.recipe), test, stop=lambda: begun.step >= at and next(steps))
    plain, arrays = begun.state()
    resumed = toy.training()
    resumed.load(json.loads(json.dumps(plain)), {name: array.copy() for name, array in arrays.items()})
    assert resumed.step == at
    assert train(resumed, toy.batches(resumed.recipe, workers=2), test)
    assert everything(resumed) == everything(whole)


def test_a_state_of_another_training_is_refused():
    """Of another network, of a recipe without an average, or broken: one line, and nothing has moved."""
    training = toy.training()
    plain, arrays = training.state()
    before = everything(training)
    broken = [
        ({**plain, "step": -1}, arrays, "step"),
        ({**plain, "step": 10**6}, arrays, "step"),
        ({key: value for key, value in plain.items() if key != "rng"}, arrays, "makes no sense"),
        ({**plain, "rng": {"bit_generator": "PCG64", "state": 10**400}}, arrays, "makes no sense"),
        ({**plain, "sums": {"loss": "x"}}, arrays, "other than numbers"),
        ({**plain, "history": [{"epoch": []}]}, arrays, "other than numbers"),
        (plain, {**arrays, "losses": np.zeros(7)}, "losses"),
        (plain, {**arrays, "network.conv1.weight": np.zeros(3, np.float32)}, "conv1.weight"),
        (plain, {name: array for name, array in arrays.items() if "fc.bias" not in name}, "fc.bias"),
    ]
    for state, found, cause in broken:
        with pytest.raises(NstError, match=cause):
            training.load(state, found)
        assert everything(training) == before
