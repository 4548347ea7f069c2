"""Painting with nets of our own: any size, tiles, mixtures, and frames that do not flicker."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.feedforward.painters import Painter, painter_of
from nst.feedforward.statistics import followed, pooled
from nst.formats.generators import Generator
from nst.networks.generators import Design, fresh_generator

DESIGNS = {
    "residual": Design(width=3, depth=2),
    "batch": Design(width=3, depth=2, norm="batch"),
    "pyramid": Design("pyramid", width=3, depth=3),
    "texture": Design("pyramid", width=3, depth=3, mode="texture"),
    "styles": Design(width=3, depth=1, styles=2),
}


def painter(design: Design, **options) -> Painter:
    """Return a painter whose scales and shifts are not 1 and 0."""
    network, rng = fresh_generator(design, 0), np.random.default_rng(1)
    for node in network.nodes.values():
        for name, array in node.layer.state().items():
            if name in ("gamma", "beta", "running_mean"):
                array += 0.3 * rng.standard_normal(array.shape).astype(np.float32)
    return painter_of(Generator(design, tuple("ab"[: design.styles]), network.freeze()), **options)


def picture(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(2).uniform(0, 100, (height, width, 3))
    return (noise + (rows + columns)[..., None] % 120).astype(np.float32)


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_tiles_never_show(design):
    """A picture in tiles is the picture in one piece to a hundredth of a grey level, whatever its size."""
    it = painter(design)
    size = (96, 112) if design.mode == "texture" else (91, 110)
    whole, tiled = it.paint(picture(*size)), it.paint(picture(*size), side=24)
    assert whole.shape == (*size, 3) and whole.std() > 5
    assert np.abs(whole - tiled).max() < 0.02


def test_a_mixture_is_between_its_styles():
    """One style alone is that style, by name and by number; half of each is neither."""
    x = picture(24, 32)
    first, second = (painter(DESIGNS["styles"], blend=blend).paint(x) for blend in ([2, 0], [0, 1]))
    np.testing.assert_array_equal(first, painter(DESIGNS["styles"]).paint(x))
    for style in ("b", "2"):
        np.testing.assert_array_equal(second, painter(DESIGNS["styles"], style=style).paint(x))
    between = painter(DESIGNS["styles"], blend=[1, 1]).paint(x)
    assert min(np.abs(between - first).max(), np.abs(between - second).max()) > 1
    for wrong in ({"style": "c"}, {"style": "3"}, {"style": "0"}, {"blend": [1.0]}):
        with pytest.raises(NstError, match="a, b"):
            painter(DESIGNS["styles"], **wrong)


@pytest.mark.parametrize("name", ["residual", "pyramid", "batch"])
@pytest.mark.parametrize("side", [24, 1000])
def test_held_by_its_own_statistics_a_picture_is_what_it_was(name, side):
    """Measured whole or in tiles, and painted whole."""
    it, x = painter(DESIGNS[name]), picture(60, 52)
    found = it.held(it.statistics(x, side)).paint(x)
    assert np.abs(found - it.paint(x)).max() < 0.02


def test_held_statistics_keep_what_stays_as_it_is():
    """A bright thing that comes into the picture changes what is far from it, unless the statistics are held."""
    it, before = painter(DESIGNS["residual"]), picture(64, 160)
    after = before.copy()
    after[:, :16] += 150
    far = np.s_[:, 120:]
    assert np.abs(it.paint(after) - it.paint(before))[far].max() > 1
    held = it.shared([before, after])
    np.testing.assert_array_equal(held.paint(after)[far], held.paint(before)[far])


def test_statistics_of_several_are_those_of_their_places_together():
    """Mean and variance of all values; and what follows does so by shares."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((3, 50, 2)) * [1, 2] + rng.standard_normal((3, 1, 2))
    each = [{"norm": (one.mean(axis=0), one.var(axis=0))} for one in values]
    mu, variance = pooled(each)["norm"]
    np.testing.assert_allclose(mu, values.mean(axis=(0, 1)))
    np.testing.assert_allclose(variance, values.var(axis=(0, 1)))
    first = followed(None, each[0], 0.75)
    assert first is each[0]
    np.testing.assert_allclose(
        followed(first, each[1], 0.75)["norm"][0], 0.75 * each[0]["norm"][0] + 0.25 * each[1]["norm"][0]
    )
