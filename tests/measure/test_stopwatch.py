"""Where the time of a step goes."""

from __future__ import annotations

from nst.measure import stopwatch
from nst.measure.stopwatch import Stopwatch


def test_only_the_inner_clock_runs(monkeypatch):
    """A phase that calls another has its own time alone; a phase that runs twice has the sum."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    watch = Stopwatch()

    def work(seconds: float, *parts):
        now[0] += seconds
        for part in parts:
            part(1.0)
        return seconds

    losses = watch.timed("losses", work)
    backward = watch.timed("backward", work)
    assert backward(5.0, losses, losses) == 5.0
    assert watch.seconds == {"backward": 5.0, "losses": 2.0}
    losses(3.0)
    assert watch.seconds == {"backward": 5.0, "losses": 5.0}
