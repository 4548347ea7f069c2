"""The line search on functions of one variable whose shape is known."""

from __future__ import annotations

import math

import pytest

from nst.optimizers.line_search import Trial, strong_wolfe

C1, C2 = 1e-4, 0.1

FUNCTIONS = {
    "parabola": (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
    "steep wall": (lambda t: math.exp(5 * t) - 50 * t, lambda t: 5 * math.exp(5 * t) - 50),
    "flat valley": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "ripples": (
        lambda t: (t - 2) ** 2 + 0.3 * math.sin(9 * t),
        lambda t: 2 * (t - 2) + 2.7 * math.cos(9 * t),
    ),
}


def _search(value, slope, first, trials=30):
    tried = []

    def probe(t):
        tried.append(t)
        return Trial(t, value(t), slope(t), None)

    start = Trial(0.0, value(0), slope(0), None)
    return start, strong_wolfe(probe, start, first, c1=C1, c2=C2, trials=trials), tried


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("first", [0.01, 0.1, 1.0, 10.0, 100.0])
def test_both_conditions_hold_from_any_first_step(name, first):
    """A step far too short or too long ends where the value is low enough and the slope flat enough."""
    start, found, tried = _search(*FUNCTIONS[name], first=first)
    assert found.value <= start.value + C1 * found.t * start.slope
    assert abs(found.slope) <= -C2 * start.slope
    assert len(tried) <= 15


def test_newtons_step_costs_one_evaluation():
    """Where the first step satisfies both conditions nothing else is tried."""
    assert _search(*FUNCTIONS["parabola"], first=1.0)[2] == [1.0]


def test_a_cubic_is_solved_by_one_interpolation():
    """On a cubic the second trial is its minimum, here t = 1 of t^3 - 3t."""
    _, found, tried = _search(lambda t: t**3 - 3 * t, lambda t: 3 * t * t - 3, first=1.8)
    assert len(tried) == 2 and found.t == pytest.approx(1, abs=1e-12)


def test_infinity_is_too_far():
    """Where the objective is no number, the search comes back to the minimum before it."""

    def wall(t):
        return (t - 1) ** 2 if t < 1.5 else math.inf

    _, found, _ = _search(wall, lambda t: 2 * (t - 1) if t < 1.5 else math.nan, first=100.0)
    assert abs(found.slope) <= C2 * 2


def test_a_function_that_never_rises_again_ends_at_the_longest_step():
    """Along a line that falls forever the search returns a thousand first steps, not infinity."""
    _, found, tried = _search(lambda t: -t, lambda t: -1.0, first=0.5)
    assert found.t == 500 and len(tried) < 12


def test_nothing_lower_returns_the_start():
    """When the slope lies and the value only rises, the start itself comes back after all trials."""
    start, found, tried = _search(lambda t: t, lambda t: -1.0, first=1.0, trials=7)
    assert found is start and len(tried) == 7
