"""One step of training: it learns, it is the gradient's, it repeats itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.engine import training_step
from nst.errors import NstError
from nst.layers.cross_entropy import softmax_cross_entropy
from nst.networks import Network, vgg_cifar
from nst.optimizers import SGD


def batch(count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures that show their class by their brightness, and the classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    noise = rng.uniform(0, 60, (count, 32, 32, 3))
    return (noise + 48 * labels[:, None, None, None]).astype(np.float32), labels


def small() -> Network:
    return vgg_cifar(1, width=8, hidden=32, classes=4, dropout=0.2)


def train(network: Network, steps: int, dtype: type = np.float32) -> list[float]:
    """Return the losses of some steps on the same mini-batch."""
    images, labels = batch()
    optimizer, rng = SGD(), np.random.default_rng(5)
    network = network.astype(dtype)
    return [
        training_step(network, images.astype(dtype), labels, optimizer, 0.02, rng).loss for _ in range(steps)
    ]


def test_it_learns_a_mini_batch_by_heart():
    """The loss starts near log of the number of classes and falls to less than half of that."""
    losses = train(small(), 12)
    assert 0.5 * math.log(4) < losses[0] < 2 * math.log(4)
    assert losses[-1] < 0.5 * math.log(4)


def test_the_first_steps_are_those_of_float64():
    """Fast kernels and the definition see the same losses while rounding has not yet grown."""
    np.testing.assert_allclose(train(small(), 2), train(small(), 2, np.float64), rtol=1e-3)


def test_parameters_move_against_the_gradient_of_the_mean_cross_entropy():
    """Without momentum, each parameter moves by minus the rate times its gradient, and statistics follow the batch."""
    images, labels = batch()
    network, twin = small(), small()
    trained = training_step(network, images, labels, SGD(0, False), 0.5, np.random.default_rng(7))
    features, tape = twin.forward(images, ["norm8"], training=np.random.default_rng(7))
    loss, dscores = softmax_cross_entropy(features["norm8"], labels)
    _, gradients = twin.gradients({"norm8": dscores}, tape)
    assert (trained.loss, trained.correct) == (loss, (features["norm8"].argmax(1) == labels).sum())
    assert gradients.keys() == twin.parameters().keys()
    for name, of in twin.parameters().items():
        for key, before in of.items():
            expected = before - 0.5 * gradients[name][key]
            np.testing.assert_allclose(network.parameters()[name][key], expected, rtol=1e-5, atol=1e-7)
    mean = features["norm8"]
    assert not np.array_equal(network.nodes["norm8"].layer.running_mean, np.zeros_like(mean[0]))


def test_the_same_generator_gives_the_same_bytes():
    """Two runs from the same seeds end in the same losses to the bit."""
    assert train(small(), 3) == train(small(), 3)


def test_a_loss_that_is_not_finite_moves_nothing():
    """Pictures with NaN in them end the step in one line, before any parameter has moved."""
    images, labels = batch()
    images[0, 0, 0] = np.nan
    network = small()
    with pytest.raises(NstError, match="diverged"):
        training_step(network, images, labels, SGD(), 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(
        network.parameters()["fc8"]["weight"], small().parameters()["fc8"]["weight"]
    )
