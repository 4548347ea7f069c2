"""Turns, medians and ratios, with sides whose time is made up."""

from __future__ import annotations

import numpy as np
import pytest

from nst.measure import compare
from nst.measure.compare import Timing, alternate, difference, fastest, ratios
from nst.measure.peer import Side

LOG: list[str] = []


class Slow:
    """A peer that takes as many seconds as its name says."""

    def __init__(self, side, folder=None):
        self.side, self.count = side, 0
        LOG.append(f"start {side.name}")

    def time(self, item="", least=0.0):
        LOG.append(f"{self.side.name} {least:g}")
        self.count += 1
        return {
            "seconds": float(self.side.name) * self.count,
            "phases": {"a": self.count},
            "memory": 7 * self.count,
        }

    def settle(self):
        LOG.append(f"settle {self.side.name}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        LOG.append(f"end {self.side.name}")


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    LOG.clear()
    monkeypatch.setattr(compare, "Peer", Slow)


def side(seconds: float) -> Side:
    return Side(str(seconds), "nowhere")


def test_sides_take_turns():
    """One after the other in each round; the first round is a warming up, and counts for nothing, nor its memory."""
    one, two = alternate([Slow(side(1)), Slow(side(5))], "", rounds=2, least=0.5)
    assert LOG[2:] == ["1 0", "settle 1", "5 0", "settle 5", "1 0.5", "5 0.5", "1 0.5", "5 0.5"]
    assert (one.seconds, two.seconds) == ([2, 3], [10, 15])
    assert (one.phases, one.memory) == ({"a": 2.5}, 21)


def test_a_ratio_is_that_of_rounds_that_follow_each_other():
    """A machine that is slow for a while slows both, and the ratio stays."""
    ours, theirs = Timing("a", [1, 1, 10, 1, 1]), Timing("b", [3, 3, 30, 2, 4])
    assert ratios(ours, theirs) == (3, 3, 3)
    assert (ours.median, theirs.median) == (1, 3)
    assert Timing("c", [1, 2, 3, 4, 5]).spread == 1


@pytest.mark.parametrize("order", [(3, 1, 2), (1, 2, 3), (3, 2, 1)])
def test_the_fastest_goes_on(order):
    """Whatever the order: the fastest is left running, the others have ended, all timings are there."""
    peer, tried = fastest(map(side, order), lambda best: [side(float(best.name) * 2)], None, rounds=1)
    assert peer.side.name == "1"
    assert {timing.name for timing in tried} == {"1", "2", "3", "2.0"}
    assert sorted(event for event in LOG if event.startswith("end")) == ["end 2", "end 2.0", "end 3"]


def test_what_is_made_of_the_fastest_may_be_faster():
    """The last that is tried counts like the others."""
    peer, tried = fastest([side(4), side(2)], lambda best: [side(1)], None, rounds=1)
    assert peer.side.name == "1"
    assert len(tried) == 3


def test_one_alone_is_the_fastest():
    """Nothing has to be made of it."""
    peer, tried = fastest([side(4)], lambda best: [], None, rounds=1)
    assert (peer.side.name, len(tried)) == ("4", 1)


def test_nobody_is_left_when_one_fails():
    """An error ends all of them."""

    def fail(best):
        raise OSError("no more processes")

    with pytest.raises(OSError, match="no more processes"):
        fastest([side(1), side(2)], fail, None)
    assert sorted(LOG[-2:]) == ["end 1", "end 2"]


def test_a_difference_is_relative():
    """The Euclidean distance over the length of the truth, in float64; from zero it is the distance itself."""
    assert difference(np.array([3.0, 4.5]), np.array([3.0, 4.0])) == pytest.approx(0.1)
    assert difference(np.float32([0.5]), np.float32([0.0])) == 0.5
    assert difference(np.array(1e30, np.float32), np.array(2e30, np.float32)) == pytest.approx(0.5)
