"""Generators and critics: the numbers of parameters that CS231n publishes, shapes, and a texture without a border."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.networks import Network
from nst.networks.adversarial import (
    dc_critic,
    dc_generator,
    dense_critic,
    dense_generator,
    feature_critic,
    fresh,
    generator,
    patch_critic,
    patch_generator,
)


def draw(seed: int = 0):
    return fresh(np.random.default_rng(seed))


def count(network: Network) -> int:
    return sum(array.size for arrays in network.parameters().values() for array in arrays.values())


@pytest.mark.parametrize(
    "network, published",
    # CS231n's assignment 3 (Stanford), "Generative Adversarial Networks", with 4 numbers of noise.
    [
        (lambda: dense_critic(draw()), 267_009),
        (lambda: dense_generator(draw(), noise=4), 1_858_320),
        (lambda: dc_critic(draw()), 1_102_721),
        (lambda: dc_generator(draw(), noise=4), 6_580_801),
    ],
)
def test_they_have_as_many_parameters_as_cs231ns(network, published):
    """Exactly the published number, and so the same layers with the same biases and normalisations."""
    assert count(network()) == published


@pytest.mark.parametrize("build, size", [(dense_generator, {"hidden": 8}), (dc_generator, {"width": 2})])
def test_digits_are_made_and_scored(build, size):
    """Noise becomes pictures of 28x28 within -1..1, and each picture has one score, which no other picture changes."""
    rng = np.random.default_rng(1)
    found = build(draw(), noise=5, **size).features(rng.standard_normal((3, 5), np.float32), ["picture"])
    assert found["picture"].shape == (3, 28, 28, 1) and np.abs(found["picture"]).max() <= 1
    for critic in (dense_critic(draw(), 6), dc_critic(draw(), 2)):
        together = critic.features(found["picture"], ["score"])["score"]
        alone = critic.features(found["picture"][1:2], ["score"])["score"]
        assert together.shape == (3, 1)
        np.testing.assert_allclose(together[1:2], alone, rtol=1e-5, atol=1e-9)


def test_a_texture_begins_anywhere():
    """Moving the noise by a cell moves the texture by 8 pixels, round the border as well: no place is special."""
    network = patch_generator(draw(), noise=3, width=4)
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):  # so that the pictures are not nearly grey
        network.nodes[name].layer.weight *= 20
    noise = np.random.default_rng(2).standard_normal((1, 4, 5, 3)).astype(np.float32)
    one = network.features(noise, ["picture"])["picture"]
    other = network.features(np.roll(noise, (1, 2), (1, 2)), ["picture"])["picture"]
    assert one.shape == (1, 32, 40, 3) and one.std() > 0.01
    np.testing.assert_allclose(np.roll(one, (8, 16), (1, 2)), other, atol=1e-5)


def test_a_patch_critic_averages_over_patches_of_38_pixels():
    """Its score is the mean of those of all windows of 38 pixels, 8 apart."""
    critic = patch_critic(draw(), width=4)
    for name in ("conv1", "conv2", "conv3", "scores"):
        critic.nodes[name].layer.weight *= 10
    x = np.random.default_rng(3).standard_normal((1, 46, 54, 3)).astype(np.float32)
    parts = [x[:, i : i + 38, j : j + 38] for i in (0, 8) for j in (0, 8, 16)]
    scores = [critic.features(part, ["score"])["score"] for part in parts]
    np.testing.assert_allclose(critic.features(x, ["score"])["score"], np.mean(scores, axis=0), rtol=1e-4)
    assert np.std(scores) > 0


def test_a_critic_that_looks_through_a_trained_network_leaves_it_alone(small):
    """It scores what that network gives for pixels in 0..255, and learns nothing but what stands above it."""
    critic = feature_critic(draw(), small, "relu1_1", width=4)
    assert set(critic.parameters()) == {"conv1", "conv2", "conv3", "scores"}
    x = np.random.default_rng(4).uniform(-1, 1, (2, 40, 40, 3)).astype(np.float32)
    seen = critic.features(x, ["relu1_1"])["relu1_1"]
    expected = small.features(127.5 * (x + 1), ["relu1_1"])["relu1_1"]
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-3)
    features, tape = critic.forward(x, ["score"], training=True)
    _, found = critic.gradients({"score": np.ones_like(features["score"])}, tape, image=False)
    assert features["score"].shape == (2, 1) and set(found) == set(critic.parameters())


@pytest.mark.parametrize(
    "name, sizes",
    [
        ("other", {"noise": 4, "width": 4}),
        (3, {"noise": 4, "width": 4}),
        ("patch", {"noise": 4}),
        ("patch", {"noise": 4, "width": 1 << 20}),
        ("dc", {"noise": 4.0, "width": 4}),
        ("dense", None),
    ],
)
def test_what_is_no_generator_is_refused(name, sizes):
    """A name and sizes from a file are compared with what there is before anything is built."""

    def never(name, shape):
        raise AssertionError("nothing may be drawn")

    with pytest.raises(NstError, match="generator"):
        generator(name, sizes, never)
