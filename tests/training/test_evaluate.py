"""How good a network is on held-out pictures."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import softmax_cross_entropy
from nst.training.evaluate import evaluate
from tests.training import toy


def test_batches_change_nothing():
    """Loss and accuracy are those of all pictures at once, as in inference, however they are cut into batches."""
    network, data = toy.network(), toy.pictures(31)
    scores = network.forward(data.pictures(np.arange(31)).astype(np.float32), ["fc"])[0]["fc"]
    loss, _ = softmax_cross_entropy(scores, data.labels)
    right = (scores.argmax(axis=1) == data.labels).mean()
    for batch in (4, 31, 100):
        found = evaluate(network, data, batch)
        assert found.loss == pytest.approx(loss, rel=1e-5) and found.accuracy == pytest.approx(right)


def test_nothing_is_trained():
    """Running statistics, and all other arrays, stay as they were."""
    network = toy.network()
    before = [array.copy() for node in network.nodes.values() for array in node.layer.state().values()]
    evaluate(network, toy.pictures(9))
    after = [array for node in network.nodes.values() for array in node.layer.state().values()]
    assert all(map(np.array_equal, before, after))


def test_with_mirror_images_a_picture_and_its_mirror_image_score_alike():
    """Mirrored pictures have the same loss, which without mirror images they have not."""
    network, data = toy.network(), toy.pictures(12)
    mirrored = type(data)(data.pictures(np.arange(12))[:, :, ::-1], data.labels, data.classes)
    assert evaluate(network, data, flip=True).loss == pytest.approx(
        evaluate(network, mirrored, flip=True).loss, rel=1e-5
    )
    assert evaluate(network, data).loss != pytest.approx(evaluate(network, mirrored).loss, rel=1e-5)


def test_no_pictures_have_no_loss():
    """An empty data set divides nothing by nothing."""
    found = evaluate(toy.network(), toy.pictures(0))
    assert (found.loss, found.accuracy) == (0, 0)
