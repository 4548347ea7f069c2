"""Answers to the exercises of lesson 10."""

from __future__ import annotations

import numpy as np

from nst.images import resize_to
from nst.inside.dream import Dream, dream, sizes
from nst.losses import Direction, Energy, Guide
from nst.networks import Network


def test_a_dull_tile_dreams_too_hard_when_it_is_measured_by_itself(small: Network) -> None:
    """Half flat, half noise: measured together the flat half hardly moves, each by itself both move alike."""
    image = np.full((1, 64, 128, 3), 128, np.float32)
    image[:, :, :64] += np.random.default_rng(0).uniform(-100, 100, (1, 64, 64, 3)).astype(np.float32)

    def moved(part: np.ndarray) -> np.ndarray:
        settings = Dream(octaves=1, iterations=1, step=1.5, jitter=0)
        return np.abs(dream(small, [Energy("relu2_1")], part, settings, np.random.default_rng(0)) - part)

    lively, dull = image[0, :, :64], image[0, :, 64:]
    together = moved(image[0])
    assert together[:, 72:].mean() < 0.6 * 1.5 < 1.4 * 1.5 < together[:, :56].mean()
    assert np.allclose([moved(lively).mean(), moved(dull).mean()], 1.5, rtol=0.01)


def test_the_detail_is_carried_on_and_not_the_picture(small: Network) -> None:
    """Steps of no length give back the photograph; the smallest octave enlarged would be a blur of it."""
    picture = np.random.default_rng(1).uniform(0, 255, (96, 128, 3)).astype(np.float32)
    settings = Dream(3, 1.4, 1, step=1e-6)
    found = dream(small, [Energy("relu2_1")], picture, settings, np.random.default_rng(0))
    np.testing.assert_allclose(found, picture, atol=1e-3)
    carried = picture
    for size in sizes((96, 128), 3, 1.4):
        carried = resize_to(carried, size)
    assert np.abs(carried - picture).mean() > 20


def test_a_guide_of_one_place_is_a_direction() -> None:
    """With a single place to be like, all places are pulled in one direction of the space of channels."""
    rng = np.random.default_rng(2)
    features, guide = rng.standard_normal((1, 4, 5, 6)), rng.standard_normal((7, 6))
    mean = guide.mean(axis=0)
    value, gradient = Guide("tap", mean[None])(features)
    expected, pull = Direction("tap", mean)(features)
    assert np.isclose(value, expected)
    np.testing.assert_allclose(gradient, pull)
