"""Gradient ascent on pixels with Yosinski's four regularisers."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.inside.ascent import Ascent, Regularisers
from nst.inside.recipes import RECIPES, recipe

MEAN = np.array([120.0, 110.0, 100.0])


def rules(step: int = 0, **settings: float):
    rng = np.random.default_rng(0)
    x, gradient = rng.standard_normal((2, 1, 10, 10, 3))
    return x, gradient, Regularisers(**settings).apply(x, gradient, step)


def test_decay_fades():
    """Each step takes the same share of every pixel."""
    x, _, found = rules(decay=0.3)
    np.testing.assert_allclose(found, 0.7 * x)


def test_blur_comes_every_so_often_and_keeps_colours_apart():
    """At every fourth step neighbours become alike, at the others nothing happens, and no channel sees another."""
    x, _, found = rules(blur=1.0, blur_every=4)
    assert np.diff(found, axis=1).std() < 0.5 * np.diff(x, axis=1).std()
    np.testing.assert_array_equal(rules(1, blur=1.0, blur_every=4)[2], x)
    only_red = x * [1, 0, 0]
    assert not Regularisers(blur=1.0, blur_every=4).apply(only_red, x, 0)[..., 1:].any()


def test_small_norms_are_clipped():
    """The fainter half of the pixels becomes 0, all three colours of each, and the others stay."""
    x, _, found = rules(small_norm=50)
    norms = np.linalg.norm(x, axis=3)
    gone = ~found.any(axis=3)
    assert gone.sum() == 50
    assert norms[gone].max() < norms[~gone].min()
    np.testing.assert_array_equal(found[~gone], x[~gone])


def test_small_contributions_are_clipped():
    """The pixels that go are those whose product with the gradient is nearest to 0, not the faintest."""
    x, gradient, found = rules(small_contribution=90)
    matters = np.abs((x * gradient).sum(axis=3))
    gone = ~found.any(axis=3)
    assert gone.sum() == 90
    assert matters[gone].max() < matters[~gone].min()


def climb(ascent: Ascent, x: np.ndarray, slope: np.ndarray):
    return ascent.step(lambda point: (-float((slope * point).sum()), -slope), x)


def test_progress_is_what_was_asked_for():
    """With `progress`, a linear activation grows by just that at each step, however steep it is."""
    x, slope = np.full((1, 4, 4, 3), 100.0), np.random.default_rng(1).standard_normal((1, 4, 4, 3))
    for steep in (1.0, 1000.0):
        moved = climb(Ascent(MEAN, 9, Regularisers(), 1e8, 2.0), x, steep * slope).x
        assert (steep * slope * (moved - x)).sum() == pytest.approx(2.0)


def test_the_last_step_only_looks():
    """What is shown is what was measured: the last step clips, evaluates, and leaves the picture alone."""
    x, slope = np.full((1, 4, 4, 3), 300.0), np.ones((1, 4, 4, 3))
    ascent = Ascent(MEAN, 2, Regularisers(decay=0.5), 1.0)
    first = climb(ascent, x, slope)
    np.testing.assert_allclose(first.x, (255 - MEAN + 1) / 2 + MEAN + np.zeros_like(x))
    last = climb(ascent, first.x, slope)
    np.testing.assert_array_equal(last.x, first.x)
    assert last.value == -float(first.x.sum())


def test_a_gradient_of_zero_moves_nothing():
    """Progress along no direction is no division by 0."""
    x = np.full((1, 4, 4, 3), 100.0)
    np.testing.assert_array_equal(climb(Ascent(MEAN, 9, Regularisers(), 1e8, 2.0), x, 0 * x).x, x)


def test_published_settings():
    """The four sets of table 1 of Yosinski et al.: decay, blur, steps between blurs, and both percentages."""
    table = [(0, 0.5, 4, 50, 0), (0.3, 0, 0, 20, 0), (1e-4, 1.0, 4, 0, 0), (0, 0.5, 4, 0, 90)]
    for number, row in enumerate(table, 1):
        kept = RECIPES[f"yosinski-{number}"].rules
        assert (kept.decay, kept.blur, kept.blur_every, kept.small_norm, kept.small_contribution) == row


def test_an_unknown_recipe_is_named():
    """The message has the nearest name."""
    with pytest.raises(NstError, match="did you mean 'yosinski-3'"):
        recipe("yosinsky-3")
