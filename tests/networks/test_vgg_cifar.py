"""The VGG for small pictures: its size, its order, its start."""

from __future__ import annotations

import math

import numpy as np

from nst.networks import vgg_cifar


def test_it_has_as_many_parameters_as_the_paper_and_the_head_say():
    """20 018 880 numbers in 16 convolutions, 25 206 784 in the head, and two for each normalised channel."""
    parameters = vgg_cifar().parameters()
    sizes = {
        kind: sum(w.size for name, of in parameters.items() if name.startswith(kind) for w in of.values())
        for kind in ("conv", "fc", "norm")
    }
    assert sizes == {"conv": 20_018_880, "fc": 25_206_784, "norm": 2 * (5504 + 2 * 4096 + 10)}


def test_layers_stand_in_the_order_of_the_paper():
    """Convolution, normalisation, ReLU; a pool after each block but the last; dropout after each hidden layer."""
    names = vgg_cifar(width=8, hidden=16).names
    assert names[:8] == [
        "input",
        *(f"{kind}1_{i}" for i in (1, 2) for kind in ("conv", "norm", "relu")),
        "pool1",
    ]
    assert names[-11:] == [
        "flatten", "fc6", "norm6", "relu6", "drop6", "fc7", "norm7", "relu7", "drop7", "fc8", "norm8",
    ]  # fmt: skip
    assert sum(name.startswith("conv") for name in names) == 16
    assert sum(name.startswith("pool") for name in names) == 4


def test_a_fresh_network_passes_signals_on_and_repeats_itself():
    """Before any normalisation helps, no layer's output has vanished or blown up; the same seed, the same bytes."""
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    network, again = vgg_cifar(3, width=16, hidden=32), vgg_cifar(3, width=16, hidden=32)
    features, _ = network.forward(images, ["conv1_1", "conv5_4", "norm8"])
    assert features["norm8"].shape == (4, 10)
    ratio = math.sqrt(np.square(features["conv5_4"]).mean() / np.square(features["conv1_1"]).mean())
    assert 0.1 < ratio < 10
    np.testing.assert_array_equal(again.forward(images, ["norm8"])[0]["norm8"], features["norm8"])
