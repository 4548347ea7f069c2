"""Deep Dream: octaves, steps, tiles, sequences."""

from __future__ import annotations

import numpy as np
import pytest

from nst.engine import TiledObjective
from nst.errors import NstError
from nst.inside.dream import Dream, dream, objective_for, sizes, zoom_sequence, zoomed
from nst.losses import Energy, Guide
from nst.networks import Network

TERMS = [Energy("relu3_1")]


def picture(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)


def test_a_layer_sees_more_of_it(small: Network) -> None:
    """The energy of the layer grows from step to step, and the picture stays one of its size."""
    steps = []
    found = dream(small, TERMS, picture(), Dream(2, 1.4, 5), np.random.default_rng(0), steps.append)
    assert found.shape == (90, 120, 3) and found.min() >= 0 and found.max() <= 255
    assert [(step.octave, step.iteration) for step in steps] == [(o, i) for o in (1, 2) for i in range(1, 6)]
    first, last = (small.forward(x[None], ["relu3_1"])[0]["relu3_1"] for x in (picture(), found))
    assert np.square(last).mean() > 1.2 * np.square(first).mean()
    assert steps[4].value < steps[0].value and steps[9].value < steps[5].value


def test_tiles_change_nothing(small: Network) -> None:
    """The tile is no setting of the picture: dreams in one piece and in twelve tiles agree to a grey level."""
    whole, tiled = (
        dream(small, TERMS, picture(), Dream(2, 1.4, 3, tile=tile), np.random.default_rng(0))
        for tile in (512, 32)
    )
    assert np.abs(whole - tiled).max() < 0.5
    assert np.abs(whole - picture()).mean() > 3


def test_the_tiles_are_as_small_as_was_asked(small: Network) -> None:
    """Large pictures are cut, small ones are not."""
    assert not isinstance(objective_for(small, TERMS, (100, 64), 100), TiledObjective)
    tiled = objective_for(small, TERMS, (200, 64), 64)
    assert tiled.tiling.counts == (4, 1)


def test_the_gradient_in_tiles_is_that_of_the_whole(small: Network) -> None:
    """To rounding, in float64, for a guide too."""
    network = small.astype(np.float64)
    guide = Guide("relu2_2", np.random.default_rng(1).standard_normal((9, 64)))
    image = picture()[None].astype(np.float64)
    whole, tiled = (objective_for(network, [*TERMS, guide], (90, 120), tile)(image) for tile in (512, 40))
    assert tiled.value == pytest.approx(whole.value, rel=1e-12)
    assert np.linalg.norm(tiled.gradient - whole.gradient) < 1e-12 * np.linalg.norm(whole.gradient)


def test_a_step_moves_pixels_by_its_length(small: Network) -> None:
    """The mean move is `step`, whatever the size of the gradient."""
    start = np.full((60, 60, 3), 128, np.float32) + picture(60, 60) / 50
    moved = dream(small, TERMS, start, Dream(1, 1.4, 1, 1.5), np.random.default_rng(0))
    assert np.abs(moved - start).mean() == pytest.approx(1.5, rel=1e-3)


def test_the_picture_keeps_its_sharpness(small: Network) -> None:
    """Of the coarse octaves only the change is enlarged: steps of no length give the picture back."""
    start = picture()
    found = dream(small, TERMS, start, Dream(3, 1.4, 1, 1e-6), np.random.default_rng(0))
    np.testing.assert_allclose(found, start, atol=1e-3)


def test_a_dream_can_be_stopped(small: Network) -> None:
    """When the caller says so, with the picture of that step."""
    steps = []

    def third(step) -> bool:
        steps.append(step)
        return len(steps) == 3

    found = dream(small, TERMS, picture(), Dream(1, 1.4, 9), np.random.default_rng(0), third)
    np.testing.assert_array_equal(found, steps[-1].image)
    assert len(steps) == 3


def test_octaves_that_are_too_small_are_said() -> None:
    """With the number that would do."""
    assert sizes((512, 768), 4, 1.4)[-1] == (512, 768)
    with pytest.raises(NstError, match="give at most --octaves 3"):
        sizes((64, 80), 4, 1.4)
    with pytest.raises(NstError, match="give a larger picture"):
        sizes((20, 80), 4, 1.4)


def test_what_excites_nothing_is_said(small: Network) -> None:
    """A picture without any gradient ends in a sentence, not in a division by 0."""
    dead = Energy("relu3_1", 0.0)
    with pytest.raises(NstError, match="nothing in this picture excites it"):
        dream(small, [dead], picture(), Dream(1), np.random.default_rng(0))


def test_zooming_magnifies_about_the_middle() -> None:
    """The middle stays, what was a tenth from the border comes to it, nothing grey comes in."""
    rows = np.mgrid[0:100, 0:80][0].astype(np.float32)
    found = zoomed(np.stack([rows] * 3, axis=2), 0.2)
    assert found.shape == (100, 80, 3)
    np.testing.assert_allclose(found[[25, 74], 40, 0], [49.5 - 0.8 * 24.5, 49.5 + 0.8 * 24.5], atol=0.05)
    np.testing.assert_allclose(found[[0, 99], 40, 0], [10, 89], atol=0.6)
    np.testing.assert_allclose(zoomed(rows[..., None], 0)[..., 0], rows, atol=1e-4)


def test_each_frame_is_dreamt_into_the_last() -> None:
    """Every frame comes from the one before, magnified; the first from the picture itself."""
    start = picture(40, 40)
    seen = []

    def one(frame: np.ndarray, number: int) -> np.ndarray:
        seen.append(frame)
        return frame + number

    frames = list(zoom_sequence(one, start, 3, 0.1))
    np.testing.assert_array_equal(seen[0], start)
    np.testing.assert_array_equal(seen[1], zoomed(start + 1, 0.1))
    np.testing.assert_array_equal(frames[2], zoomed(frames[1], 0.1) + 3)
