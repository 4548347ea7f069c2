"""The estimate of a step's time: what is measured, and how it grows."""

from __future__ import annotations

import pytest

from nst.measure import calibrate
from nst.measure.calibrate import Calibration
from nst.measure.jobs import he_weights
from nst.networks import vgg


@pytest.fixture
def counted(monkeypatch):
    """Let every measurement take one second, and count them."""
    calls = []
    monkeypatch.setattr(calibrate, "_best", lambda run: calls.append(run()) or 1.0)
    return calls


@pytest.fixture(scope="module")
def network():
    return vgg(he_weights(width=0.1))


def test_a_large_map_is_in_proportion_to_its_arithmetic(network, counted, monkeypatch):
    """Twice as wide a picture takes twice as long, and nothing is measured again for it."""
    monkeypatch.setattr(calibrate, "SMALLEST", 4)
    monkeypatch.setattr(calibrate, "BUDGET", 1.0)
    calibration = Calibration(network, ["relu3_2"], ["relu1_1", "relu3_1"])
    small = calibration.step((1, 64, 64, 3))
    measured = len(counted)
    large = calibration.step((1, 64, 128, 3))
    assert len(counted) == measured
    assert large.total == pytest.approx(2 * small.total)
    assert small.total == small.forward + small.losses + small.backward


def test_a_small_map_is_measured_as_it_is(network, counted):
    """Each node that the taps need, forward and backward, and each loss: as many seconds as there are of them."""
    found = Calibration(network, ["relu2_1"], ["relu1_1"]).step((1, 16, 12, 3))
    nodes = len(network.needed(["relu2_1"]))
    assert (found.forward, found.backward, found.losses) == (nodes, nodes, 3)


def test_whole_tiles_are_counted():
    """A convolution over an odd size takes as long as over the next multiple of four."""
    assert calibrate._work((1, 33, 21, 3)) == calibrate._work((1, 36, 24, 8))
    assert calibrate._work((1, 32, 20, 3)) < calibrate._work((1, 33, 21, 3))


def test_measuring_a_picture_is_a_forward_pass_with_its_grams(network, counted):
    """No gradient is part of it."""
    calibration = Calibration(network, [], ["relu1_1", "relu2_1"])
    assert calibration.forward((1, 16, 16, 3)) == len(network.needed(["relu2_1"])) + 2
