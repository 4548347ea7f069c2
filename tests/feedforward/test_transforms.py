"""AdaIN and WCT: what they promise of statistics, and that nothing breaks them."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.feedforward.transforms import WCT, AdaIN, restyled, whitened
from nst.feedforward.universal import shares_of

both = pytest.mark.parametrize("transform", [AdaIN(), WCT()], ids=["AdaIN", "WCT"])


def features(seed: int, channels: int = 6, places: int = 400) -> np.ndarray:
    """Return correlated features with an offset, (P, C) float32."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((places, channels)) @ rng.standard_normal((channels, channels))
    return (mixed + 5 * rng.standard_normal(channels)).astype(np.float32)


def test_whitened_features_have_unit_covariance():
    """Mean 0 and covariance 1, to 1e-4, for float32 features whose deviations differ by a factor of 100."""
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    f = (rng.standard_normal((500, 8)) * np.geomspace(1, 100, 8) @ turned + 50).astype(np.float32)
    white = whitened(f).astype(np.float64)
    assert np.abs(white.mean(axis=0)).max() < 1e-4
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(8), atol=1e-4)


def test_directions_below_the_floor_stay_small():
    """Of features with two dependent channels and a constant one, whitening leaves unit covariance in the rest and
    makes no noise of the size of the others."""
    f = np.random.default_rng(1).standard_normal((400, 6)).astype(np.float32)
    f[:, 3], f[:, 5] = f[:, 2], 7
    white = whitened(f).astype(np.float64)
    values = np.linalg.eigvalsh(white.T @ white / len(white))
    np.testing.assert_allclose(values[2:], 1, atol=1e-4)
    assert np.abs(values[:2]).max() < 1e-4


@both
def test_features_get_the_statistics_of_the_style(transform):
    """Mean and spread of what comes out are the style's."""
    content, style = features(2), features(3, places=300)
    wanted = transform.measure(style)
    found = transform.measure(transform.move(content, transform.measure(content), wanted))
    np.testing.assert_allclose(found.mu, wanted.mu, atol=1e-4)
    np.testing.assert_allclose(found.spread, wanted.spread, atol=1e-4 * np.abs(wanted.spread).max())


@both
def test_its_own_style_leaves_a_picture_as_it_is(transform):
    """Where style and content are the same the features change by rounding alone, dependent channels or not."""
    f = features(4)
    f[:, 1] = f[:, 0]
    own = transform.measure(f)
    np.testing.assert_allclose(transform.move(f, own, own), f, atol=1e-5 * np.abs(f).max())


@both
def test_flat_features_get_the_mean_of_the_style(transform):
    """A flat content has nothing to stretch: no NaN, the style's mean; a flat style gives a nearly flat picture."""
    flat, f = np.full((50, 6), 3, np.float32), features(5)
    wanted = transform.measure(f)
    moved = transform.move(flat, transform.measure(flat), wanted)
    np.testing.assert_allclose(moved, np.tile(wanted.mu, (50, 1)), atol=1e-4)
    moved = transform.move(f, wanted, transform.measure(flat))
    assert np.abs(moved - 3).max() < 0.05


@both
def test_weights_choose_the_places(transform):
    """Weights of 0 and 1 measure what is left when the others are cut out."""
    f = features(6)
    chosen = np.arange(len(f)) % 3 == 0
    for found, expected in zip(transform.measure(f, chosen * 2.0), transform.measure(f[chosen]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@both
def test_a_style_stays_where_its_share_is(transform):
    """Two styles, each on one half: each half has its style's mean, and a third without a share is nowhere."""
    content = features(7).reshape(20, 20, 6)
    styles = [transform.measure(features(seed)) for seed in (8, 9, 10)]
    shares = np.zeros((3, 20, 20))
    shares[0, :, :10] = shares[1, :, 10:] = 1
    painted = restyled(content, styles, shares, transform)
    for style, half in zip(styles, (painted[:, :10], painted[:, 10:]), strict=False):
        np.testing.assert_allclose(transform.measure(half.reshape(-1, 6)).mu, style.mu, atol=1e-4)
    np.testing.assert_array_equal(restyled(content, styles, 0 * shares, transform), content)


@both
def test_alpha_is_the_way_from_the_content_to_the_style(transform):
    """0 is the content; a half lies half way to 1."""
    content = features(11).reshape(20, 20, 6)
    styles, shares = [transform.measure(features(12))], np.ones((1, 20, 20))
    none, half, whole = (restyled(content, styles, shares, transform, alpha) for alpha in (0, 0.5, 1))
    np.testing.assert_array_equal(none, content)
    np.testing.assert_allclose(half, (content + whole) / 2, atol=1e-4)


def test_shares_of_masks():
    """Where masks overlap they are weighed and add up to 1; where none is white there is no style."""
    one, two = np.zeros((4, 4)), np.zeros((4, 4))
    one[:, :3], two[:, 2:] = 1, 1
    one[0] = two[0] = 0
    shares = shares_of((4, 4), [3.0, 1.0], [one, two])
    np.testing.assert_allclose(shares[:, 1], [[1, 1, 0.75, 0], [0, 0, 0.25, 1]])
    assert not shares[:, 0].any()
    np.testing.assert_allclose(shares_of((2, 2), [1.0, 3.0])[:, 0, 0], [0.25, 0.75])


WHITE, BLACK = np.ones((2, 2)), np.zeros((2, 2))


@pytest.mark.parametrize("masks, says", [([WHITE], "1 masks for 2"), ([WHITE, BLACK], "black")])
def test_masks_that_do_not_suit_are_refused(masks, says):
    """One for each style, and something white in each."""
    with pytest.raises(NstError, match=says):
        shares_of((2, 2), [1.0, 1.0], masks)
