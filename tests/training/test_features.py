"""Features kept of frozen layers: where a network is cut, and that the rest learns the same from them."""

from __future__ import annotations

import numpy as np
import pytest

from nst.engine import training_step
from nst.errors import NstError
from nst.images.dataset import Dataset
from nst.networks import vgg_cifar
from nst.networks.transfer import transferable
from nst.optimizers import SGD
from nst.training.augment import Augment
from nst.training.batches import Batches
from nst.training.features import Features, cut_at_frozen


def pictures(count: int = 12, side: int = 32) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        rng.integers(256, size=(count, side, side, 3), dtype=np.uint8), np.arange(count) % 3, "abc"
    )


def test_the_cut_is_as_high_as_frozen_layers_reach():
    """Pooling above the last frozen layer belongs to the base, and the rest begins with what learns or draws."""
    network = transferable("squeezenet", classes=3).freeze("conv1", "fire*")
    base, rest = cut_at_frozen(network)
    assert base.names[-1] == "head/pool" and rest.names == ["head/norm", "head/drop", "head/scores"]
    assert rest.nodes["head/scores"].layer is network.nodes["head/scores"].layer


def test_a_module_that_learns_in_part_belongs_to_the_rest_whole():
    """Where one branch learns, the cut lies below the fork, at the one node that both branches see."""
    base, rest = cut_at_frozen(
        transferable("squeezenet", classes=3).freeze("conv1", "fire[2-8]/*", "fire9/[se]*1x1")
    )
    assert base.names[-1] == "fire9/relu_squeeze1x1" and rest.names[0] == "fire9/expand1x1"


def test_without_frozen_layers_below_there_is_nothing_to_keep():
    """A network that learns from its first layer on is not cut, nor one that learns nothing."""
    assert cut_at_frozen(vgg_cifar(width=8, hidden=8)) is None
    assert cut_at_frozen(transferable("random", classes=3).freeze()) is None


@pytest.mark.parametrize("frozen", [("conv*",), ("conv1_*", "conv2_*")], ids=["head", "upper half"])
def test_training_on_features_is_training_on_pictures(frozen):
    """Mini-batches of features, mirrored or not, move what learns as pictures do, up to rounding."""
    data, results = pictures(), []
    for kept in (False, True):
        network = transferable("random", classes=3, tap="relu3_1", dropout=0.3).freeze(*frozen)
        base, rest = cut_at_frozen(network)
        features = Features(base, data, mirrored=True)
        feed = Batches(features, 4, features.draw, 5) if kept else Batches(data, 4, Augment(flip=True), 5)
        optimizer, rng = SGD(), np.random.default_rng(1)
        for epoch in range(2):
            for images, labels in feed.epoch(epoch):
                training_step(rest if kept else network, images, labels, optimizer, 0.05, rng)
        results.append(network.parameters())
    assert any("running" in name for name in network.nodes["head/norm"].layer.state())
    for layer, of in results[0].items():
        for name, array in of.items():
            np.testing.assert_allclose(results[1][layer][name], array, rtol=1e-3, atol=1e-5)


def test_scores_of_features_are_those_of_pictures():
    """In inference, base and rest are the network."""
    network = transferable("squeezenet", classes=3).freeze("conv1", "fire*")
    base, rest = cut_at_frozen(network)
    data = pictures(5, 64)
    features = Features(base, data, batch=2)
    whole = network.forward(data.pictures(np.arange(5)).astype(np.float32), ["head/scores"])[0]["head/scores"]
    found = rest.forward(features.pictures(np.arange(5)), ["head/scores"])[0]["head/scores"]
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-6)
    assert features.shape == (512,) and features.nbytes == 5 * 512 * 4


def test_features_that_half_precision_cannot_hold_are_refused():
    """Above 65504 float16 is infinite: that is told as what it is, and float32 keeps them."""
    base, _ = cut_at_frozen(transferable("random", classes=3, tap="relu1_1").freeze("conv*"))
    base.nodes["conv1_1"].layer.weight = base.nodes["conv1_1"].layer.weight * np.float32(1e6)
    assert np.isfinite(Features(base, pictures()).pictures(np.arange(12))).all()
    size = Features(base, pictures(), blank=True).nbytes
    with pytest.raises(NstError, match="float16, which ends at 65504"):
        Features(base, pictures(), limit=size - 1)


def test_features_that_take_too_much_are_halved_and_then_refused():
    """float32 where there is room, float16 where that makes it fit, and otherwise an error before any work."""
    base, _ = cut_at_frozen(transferable("random", classes=3, tap="relu1_1").freeze("conv*"))
    size = 12 * 32 * 4
    assert Features(base, pictures(), limit=size).dtype == np.float32
    half = Features(base, pictures(), limit=size - 1)
    assert half.dtype == np.float16 and half.nbytes == size / 2
    assert half.pictures(np.arange(2)).dtype == np.float32
    base.nodes["input"].layer.forward = None  # nothing may be computed
    with pytest.raises(NstError, match="freeze more layers"):
        Features(base, pictures(), limit=size // 2 - 1)
    assert not Features(base, pictures(), blank=True).pictures(np.arange(12)).any()
