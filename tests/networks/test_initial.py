"""What networks begin with: kernels that are waves, and kernels that pass channels on."""

from __future__ import annotations

import numpy as np
import pytest

from nst.layers import Conv2d
from nst.networks.initial import fresh_norm, he_normal, passing, waves

RNG = np.random.default_rng(0)


def test_waves_are_an_orthogonal_basis_and_its_negatives():
    """54 kernels for 3x3x3: each wave is at a right angle to the others, as long as He's are on average."""
    kernels = waves(RNG, (3, 3, 3, 54)).reshape(27, 54)
    np.testing.assert_allclose(kernels[:, ::2].T @ kernels[:, ::2], 2 * np.eye(27), atol=1e-6)
    np.testing.assert_array_equal(kernels[:, 1::2], -kernels[:, ::2])
    assert np.square(he_normal(RNG, (3, 3, 3, 5000))).sum(axis=(0, 1, 2)).mean() == pytest.approx(2, rel=0.02)


def test_the_first_wave_is_brightness_and_the_others_do_not_see_it():
    """A grey patch, the same everywhere, is seen by the first two kernels alone; waves come from slow to fast."""
    seen = np.ones(27) @ waves(RNG, (3, 3, 3, 54)).reshape(27, 54)
    assert seen[0] == pytest.approx(np.sqrt(2 * 27), rel=1e-6) and seen[1] == -seen[0]
    np.testing.assert_allclose(seen[2:], 0, atol=1e-5)
    slopes = waves(RNG, (3, 3, 1, 6))[..., 0, ::2]
    np.testing.assert_allclose(slopes[..., 1], slopes[..., 2].T, atol=1e-6)  # left to right, and down


@pytest.mark.parametrize(("channels", "outputs"), [(1, 32), (3, 5)])
def test_where_waves_end_kernels_are_drawn(channels, outputs):
    """Nine waves of one channel make 18 kernels; the rest, or an odd one, is random, and the same for the same seed."""
    shape = (3, 3, channels, outputs)
    kernels = waves(np.random.default_rng(1), shape)
    drawn = he_normal(np.random.default_rng(1), shape)
    of_waves = min(2 * 9 * channels, outputs // 2 * 2)
    np.testing.assert_array_equal(kernels[..., of_waves:], drawn[..., of_waves:])
    assert (kernels[..., :of_waves] != drawn[..., :of_waves]).any(axis=(0, 1, 2)).all()


@pytest.mark.parametrize(("channels", "outputs"), [(4, 6), (6, 4)])
def test_passing_kernels_give_back_the_channels(channels, outputs):
    """The first outputs are the first inputs, border included; further ones are none of them."""
    x = RNG.standard_normal((1, 5, 6, channels)).astype(np.float32)
    y = Conv2d(passing(RNG, (3, 3, channels, outputs)), padding=1).forward(x)[0]
    same = min(channels, outputs)
    np.testing.assert_allclose(y[..., :same], x[..., :same], atol=1e-6)
    assert y.shape[-1] == outputs and (y[..., same:] != 0).all()


def test_a_fresh_normalisation_has_seen_nothing():
    """It changes nothing but by eps, and its arrays are four and not shared."""
    norm = fresh_norm(3)
    x = RNG.standard_normal((2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(norm.forward(x)[0], x, rtol=1e-4)
    assert len({id(array) for array in norm.state().values()}) == 4
