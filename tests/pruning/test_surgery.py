"""Removing channels."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import BatchNorm, Conv2d, LRNAcross, ReLU, Softmax
from nst.networks import Network, Node, random_weights, vgg
from nst.networks.surgery import runs_of
from nst.pruning import by_kernel, choose, prunable, remove
from tests.pruning.graphs import masked, random_network


@pytest.mark.parametrize("seed", range(40))
def test_removing_channels_equals_holding_them_at_zero(seed):
    """In a random network, what is left of every layer, and the picture's gradient, are those of the masked one."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    layers = [name for name in network.names if hasattr(network.nodes[name].layer, "weight")][:-1]
    kept = {}
    for name in rng.permutation(layers)[: len(layers) // 2 + 1]:
        width = network.nodes[name].layer.weight.shape[-1]
        kept[str(name)] = np.sort(rng.permutation(width)[: rng.integers(1, width + 1)])
    small, (reference, alive) = remove(network, kept), masked(network, kept)
    picture = rng.standard_normal((2, 8, 8, 3))
    features, tape = small.forward(picture, small.names)
    wanted, reference_tape = reference.forward(picture, network.names)
    for name in network.names:
        expected = wanted[name][..., alive[name]]
        assert features[name].shape == expected.shape
        np.testing.assert_allclose(
            features[name], expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max())
        )
    pull = rng.standard_normal(features["scores"].shape)
    gradient, expected = (
        n.backward({"scores": pull}, t) for n, t in ((small, tape), (reference, reference_tape))
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_what_is_removed_is_gone():
    """Half of the filters of a layer and of its reader take a quarter of the reader's kernel, not zeros in it."""
    network = vgg(random_weights())
    small = remove(network, {"conv2_1": range(32), "conv2_2": range(0, 64, 2)})
    assert small.nodes["conv2_1"].layer.weight.shape == (3, 3, 32, 32)
    assert small.nodes["conv2_2"].layer.weight.shape == (3, 3, 32, 32)
    assert small.nodes["conv3_1"].layer.weight.shape == (3, 3, 32, 128)
    assert network.nodes["conv2_1"].layer.weight.shape == (3, 3, 32, 64)
    assert small.nodes["conv1_1"].layer is network.nodes["conv1_1"].layer
    assert small.resolve("block2_conv1") == "relu2_1" and small.nodes["conv2_1"].layer.frozen


def _grouped(groups: int) -> Network:
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((1, 1, 3, 8)), rng.standard_normal((3, 3, 8 // groups, 8))
    return Network(
        [Node("one", Conv2d(one)), Node("relu", ReLU()), Node("two", Conv2d(two, padding=1, groups=groups))]
    )


def test_groups_stay_where_they_come_out_equal():
    """With as many inputs and outputs of each group gone the groups stay; otherwise neighbours are joined."""
    network = _grouped(4)
    even = [0, 2, 4, 6]
    assert remove(network, {"one": even, "two": even}).nodes["two"].layer.groups == 4
    assert remove(network, {"one": even, "two": [0, 1, 2, 4, 5, 6]}).nodes["two"].layer.groups == 2
    assert remove(network, {"one": [0, 1, 2], "two": [0]}).nodes["two"].layer.groups == 1


def test_a_group_with_nothing_left_goes():
    """Where a group has lost all its inputs and all its outputs, the others stay as they are."""
    small = remove(_grouped(4), {"one": [0, 1, 4, 5], "two": [0, 1, 4, 5]})
    assert small.nodes["two"].layer.groups == 2
    assert small.nodes["two"].layer.weight.shape == (3, 3, 2, 4)


def test_the_choice_suits_the_groups():
    """What `choose` keeps leaves a grouped convolution its groups, on both sides, whatever the ranking says."""
    network = _grouped(2)
    assert runs_of(network, "one") == runs_of(network, "two") == 2
    scores = {"one": np.arange(8.0), "two": np.arange(8.0)}
    kept = choose(network, scores, 0.5)
    assert kept["one"].tolist() == [2, 3, 6, 7]
    assert remove(network, kept).nodes["two"].layer.groups == 2


@pytest.mark.parametrize("last", [LRNAcross(), Softmax()])
def test_layers_that_compare_channels_are_not_cut(last):
    """Before a layer whose channels see one another nothing is removed, and `prunable` knows it."""
    kernel = np.ones((1, 1, 3, 4))
    network = Network(
        [Node("conv", Conv2d(kernel)), Node("last", last), Node("end", Conv2d(np.ones((1, 1, 4, 2))))]
    )
    with pytest.raises(NstError, match=r"at last: .*compares channels"):
        remove(network, {"conv": [0, 1]})
    assert prunable(network) == []
    assert remove(network, {"conv": range(4)}).names == network.names


def test_prunable_layers_are_read_by_others():
    """All convolutions of a VGG can be cut but the last, whose channels are what the network answers."""
    network = vgg(random_weights())
    convolutions = [name for name in network.names if name.startswith("conv")]
    assert prunable(network) == convolutions[:-1]


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("relu1_1", [0], "has no filters"),
        ("conv1_1", [], "keep at least one"),
        ("conv1_1", [32], "the outputs 0 to 31"),
        ("conv9_9", [0], "no layer 'conv9_9'"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(name, numbers, message):
    """Names and numbers that the network does not have, and a choice of none, are said in one line."""
    with pytest.raises(NstError, match=message):
        remove(vgg(random_weights()), {name: numbers})


def test_batch_normalisation_loses_its_statistics_too():
    """Scale, shift, mean and variance of a removed channel go with it."""
    rng = np.random.default_rng(0)
    norm = BatchNorm(*rng.uniform(1, 2, (4, 6)))
    network = Network([Node("conv", Conv2d(rng.standard_normal((1, 1, 3, 6)))), Node("norm", norm)])
    small = remove(network, {"conv": [1, 4]}).nodes["norm"].layer
    assert {name: array.tolist() for name, array in small.state().items()} == {
        name: array[[1, 4]].tolist() for name, array in norm.state().items()
    }


def test_scores_and_choice_keep_the_largest_kernels():
    """By Li et al.'s ranking the filters with the largest L1 norm stay."""
    network = vgg(random_weights())
    kernel = network.nodes["conv2_1"].layer.weight
    kept = choose(network, by_kernel(network, ["conv2_1"]), 0.25)["conv2_1"]
    norms = np.abs(kernel).sum((0, 1, 2))
    assert len(kept) == 16 and norms[kept].min() >= np.delete(norms, kept).max()
