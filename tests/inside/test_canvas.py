"""What pictures are made of, and how they are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from nst.checks import check_objective
from nst.engine import Objective
from nst.inside.canvas import COLOURS, GAIN, GREY, Canvas, views, waves
from nst.layers import Fourier, Warp
from nst.losses import Energy
from nst.networks import Network


@pytest.fixture(scope="module")
def objective(small: Network) -> Objective:
    return Objective(small.astype(np.float64), [Energy("conv2_1")])


def test_the_gradient_is_that_of_the_view_that_was_looked_at(objective):
    """Value and gradient belong to one and the same view, drawn anew at each call: they agree with differences."""
    z = np.random.default_rng(0).standard_normal((1, 24, 20, 3))

    def looked_at(point: np.ndarray):
        return Canvas(objective, waves(), views(np.random.default_rng(7), 4, 20, 0.2))(point)

    assert check_objective(looked_at, z).error < 1e-6
    canvas = Canvas(objective, waves(), views(np.random.default_rng(7), 4, 20, 0.2))
    assert canvas(z).value != canvas(z).value


def test_waves_stay_in_range_and_begin_grey():
    """Whatever the coefficients, colours are within 0..255; none at all make the middle grey."""
    rng = np.random.default_rng(1)
    canvas = Canvas(Objective.__new__(Objective), waves())
    wild = canvas.pictures(30 * rng.standard_normal((2, 16, 12, 3)).astype(np.float32))
    assert wild.min() >= 0 and wild.max() <= 255 and wild.dtype == np.float32
    np.testing.assert_allclose(canvas.pictures(np.zeros((1, 8, 8, 3))), 127.5)


def test_waves_can_make_any_picture():
    """A parametrisation takes nothing away: the coefficients of a picture make that picture."""
    picture = np.random.default_rng(2).uniform(5, 250, (1, 11, 14, 3))
    mixing = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    mixed = np.log(picture / (255 - picture)) @ np.linalg.inv(mixing).T
    made = Canvas(Objective.__new__(Objective), waves()).pictures(Fourier(1.0, GAIN).coefficients(mixed))
    np.testing.assert_allclose(made, picture, rtol=0, atol=1e-8)


def test_noise_of_waves_is_like_photographs_and_of_brightness():
    """Coefficients of one size make large shapes stronger than fine ones, and brightness stronger than hue."""
    z = np.random.default_rng(3).standard_normal((1, 64, 64, 3))
    picture = Canvas(Objective.__new__(Objective), waves()).pictures(z)[0]
    grey = picture.mean(axis=2)
    assert np.diff(grey, axis=1).std() < 0.8 * grey.std()  # of white noise it is 1.4 times
    assert (picture - grey[..., None]).std() < 0.7 * grey.std()


def test_a_pattern_that_is_fourier_transformed_twice_is_itself():
    """Hartley's transform is its own inverse, at odd sizes too."""
    x = np.random.default_rng(4).standard_normal((2, 5, 8, 3))
    layer = Fourier(decay=0, gain=1)
    np.testing.assert_allclose(layer.forward(layer.forward(x)[0])[0], x, atol=1e-12)


@pytest.mark.parametrize("size", [(16, 16), (31, 64)])
@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_the_gain_is_the_contrast(size, decay):
    """Coefficients of standard deviation 1 make a picture of standard deviation `gain`, at every size and decay."""
    weights = Fourier(decay, 3.0).weights(*size)
    assert np.sqrt(np.mean(weights**2)) == pytest.approx(3.0)
    assert weights.max() == weights[0, 0, 0, 0] or decay == 0


def test_a_warp_that_does_nothing_and_one_that_moves():
    """The identity shows the same pixels; a whole shift shows the neighbours, and grey beyond the border."""
    x = np.random.default_rng(5).uniform(0, 255, (1, 6, 7, 3))
    np.testing.assert_allclose(Warp.turned().forward(x)[0], x, atol=1e-9)
    moved = Warp.turned(shift=(1, 2), fill=GREY).forward(x)[0]
    np.testing.assert_allclose(moved[:, :-1, :-2], x[:, 1:, 2:], atol=1e-9)
    np.testing.assert_allclose(moved[:, -1], GREY)


def test_a_turn_by_a_right_angle():
    """A quarter of a turn of a square is what `rot90` does: the way it turns is the way it says."""
    x = np.random.default_rng(6).uniform(0, 255, (1, 5, 5, 2))
    np.testing.assert_allclose(Warp.turned(90).forward(x)[0], np.rot90(x, axes=(1, 2)), atol=1e-9)


def test_without_jitter_there_is_one_view():
    """No views are drawn when nothing may move, turn or zoom."""
    assert views(np.random.default_rng(0), 0, 0, 0)() == []
