"""What is said of a first loss, and of a training that has diverged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.errors import NstError
from nst.networks import vgg_cifar
from nst.training import train
from nst.training.watch import start
from tests.training import toy


@pytest.mark.parametrize(
    "loss, said",
    [
        (math.log(10), "as it should"),
        (math.log(10) + 0.7, "as it should"),
        (math.log(10) + 0.8, "too high"),
        (math.log(10) - 0.3, "lower"),
    ],
)
def test_a_first_loss_is_compared_with_log_c(loss, said):
    """With 128 pictures, up to 1/2 + 3 / sqrt(128) = 0.77 above log C is well, and 0.27 below."""
    assert "log 10 is 2.303" in start(loss, 10, 128) and said in start(loss, 10, 128)


@pytest.mark.parametrize("seed", range(4))
def test_a_fresh_network_begins_as_it_should(seed):
    """The narrow VGG-19, whose scores are normalised, and the toy, whose scores are not, with fresh weights."""
    rng = np.random.default_rng(seed)
    for network, side, classes in ((vgg_cifar(seed, width=2, hidden=16), 32, 10), (toy.network(seed), 8, 3)):
        from nst.layers import softmax_cross_entropy

        images = rng.uniform(0, 255, (64, side, side, 3)).astype(np.float32)
        scores = network.forward(images, network.names[-1:], training=rng)[0][network.names[-1]]
        loss, _ = softmax_cross_entropy(scores, rng.integers(0, classes, 64))
        assert "as it should" in start(loss, classes, 64)


def stopped(training) -> str:
    """Return what a training ends with that cannot go on."""
    with np.errstate(all="ignore"), pytest.raises(NstError) as caught:
        train(training, toy.batches(training.recipe))
    return str(caught.value)


def test_a_learning_rate_that_is_too_high_is_named():
    """Weights that have grown beyond all bounds: the step, the first layer whose output is lost, and the rate."""
    how = toy.recipe(learning_rate=1e5, schedule="constant", warmup=0.0, weight_decay=1.0, epochs=50)
    told = stopped(toy.training(how))
    assert (
        told.startswith("step ") and "learning rate 1e+05" in told and "the learning rate is too high" in told
    )
    assert "is the first layer" in told and "\n" not in told


def test_the_first_layer_is_named_whose_output_is_lost():
    """A weight that is infinite loses the outputs of its layer and all above it: the lowest is meant, and its array."""
    training = toy.training()
    training.network.nodes["conv2"].layer.weight[0, 0, 0, 0] = np.inf
    told = stopped(training)
    assert "conv2 is the first layer whose output is not finite, for its weight is not" in told
    assert training.step == 0 and not training.optimizer.state()


def test_pictures_that_are_not_finite_are_named():
    """The data are at fault then, and not the rate."""
    training = toy.training()
    images, labels = next(toy.batches(training.recipe).epoch(0))
    images[3, 0, 0, 0] = np.nan
    with pytest.raises(NstError, match="look at the data"):
        training.advance(images, labels)


def test_a_gradient_that_is_lost_stops_before_anything_moves(monkeypatch):
    """The loss may be finite where a gradient is not: the layer nearest to the loss is named, and weights stay."""
    training = toy.training()
    layer = training.network.nodes["conv2"].layer
    right, before = layer.gradients, layer.weight.copy()

    def broken(dy, saved):
        found = right(dy, saved)
        found["weight"][0, 0, 0, 0] = np.nan
        return found

    monkeypatch.setattr(layer, "gradients", broken)
    monkeypatch.setattr(layer, "both", lambda dy, saved: (layer.backward(dy, saved), broken(dy, saved)))
    told = stopped(training)
    assert "conv2 is the first layer, from the top, whose gradient (weight) is not finite" in told
    np.testing.assert_array_equal(layer.weight, before)
