"""A known architecture with fresh weights and a new head."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.engine import training_step
from nst.errors import NstError
from nst.layers.cross_entropy import softmax_cross_entropy
from nst.networks.transfer import TAPS, transferable, with_head
from nst.optimizers import SGD


@pytest.mark.parametrize("name", ["squeezenet", "random", "googlenet"])
def test_all_of_it_learns_and_ends_in_scores(name):
    """Every layer with parameters is trained, and the last node gives one score for each class."""
    network = transferable(name, classes=7)
    assert not any(node.layer.frozen for node in network.nodes.values())
    image = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    top = network.names[-1]
    assert top == "head/scores" and network.forward(image, [top])[0][top].shape == (2, 7)


def test_fresh_scores_are_near_nought_and_the_loss_near_log_c():
    """The head's small weights make no class likelier than another."""
    network = transferable("random", classes=10)
    image = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype(np.float32)
    scores = network.forward(image, ["head/scores"], training=np.random.default_rng(0))[0]["head/scores"]
    assert softmax_cross_entropy(scores, np.arange(8))[0] == pytest.approx(math.log(10), abs=0.2)


def test_the_same_seed_gives_the_same_weights():
    """Weights depend on the seed alone, the head's too."""

    def first_and_last(seed):
        found = transferable("random", seed, classes=3).parameters()
        return found["conv1_1"]["weight"], found["head/scores"]["weight"]

    for one, same, other in zip(first_and_last(1), first_and_last(1), first_and_last(2), strict=True):
        assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_a_head_alone_learns_and_the_frozen_base_stays():
    """A step with all but the head frozen moves the head, and no bit of what lies below."""
    network = transferable("random", classes=3, tap="relu2_1").freeze("conv*")
    assert network.names[-5:] == ["relu2_1", "head/pool", "head/norm", "head/drop", "head/scores"]
    before = {
        name: node.layer.weight.copy() for name, node in network.nodes.items() if name.startswith("conv")
    }
    head = network.nodes["head/scores"].layer.weight.copy()
    image = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)
    training_step(network, image, np.arange(6) % 3, SGD(), 0.1, np.random.default_rng(0))
    assert all(np.array_equal(network.nodes[name].layer.weight, w) for name, w in before.items())
    assert not np.array_equal(network.nodes["head/scores"].layer.weight, head)


def test_every_known_network_has_a_tap_for_its_head():
    """The default taps name layers that exist."""
    for name in ("squeezenet", "vgg16", "alexnet-torchvision"):
        assert TAPS[name] in transferable(name, classes=2).nodes


def test_what_is_no_map_is_no_place_for_a_head():
    """A tap that does not exist, and one behind another head, each end in one line."""
    with pytest.raises(NstError, match="no layer 'relu9_1'"):
        transferable("random", classes=2, tap="relu9_1")
    with pytest.raises(NstError, match="vectors already"):
        with_head(transferable("random", classes=2), "head/norm", 2, np.random.default_rng(0))
