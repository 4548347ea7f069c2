"""Schedules at the points that their definitions name, and against PyTorch's."""

from __future__ import annotations

import math

import pytest

from nst.training import Recipe, learning_rate

STEPS = 10  # an epoch


def rates(**settings: object) -> list[float]:
    """Return the rate of every step."""
    recipe = Recipe(learning_rate=0.1, **settings)
    return [learning_rate(recipe, step, STEPS) for step in range(recipe.epochs * STEPS)]


def test_a_constant_rate_stays():
    """Every step has the same rate."""
    assert set(rates(epochs=3)) == {0.1}


def test_the_rate_drops_at_each_milestone():
    """The seed's: a tenth from epoch 80 on, a hundredth from epoch 160 on; the step before has still the old rate."""
    found = rates(epochs=200, schedule="step", milestones=(80, 160))
    assert found[799] == 0.1 and found[800] == pytest.approx(0.01) and found[1599] == pytest.approx(0.01)
    assert found[1600] == pytest.approx(0.001) and found[-1] == pytest.approx(0.001)


def test_a_cosine_falls_from_the_top_to_nought():
    """It begins with the rate, has half of it in the middle, and ends a step short of 0."""
    found = rates(epochs=4, schedule="cosine")
    assert found[0] == 0.1 and found[20] == pytest.approx(0.05)
    assert (
        found[-1] == pytest.approx(0.05 * (1 + math.cos(math.pi * 39 / 40))) and found == sorted(found)[::-1]
    )


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_a_warm_up_rises_in_a_straight_line(schedule):
    """From a W-th of the rate to all of it at the W-th step, and then the schedule begins."""
    found = rates(epochs=4, schedule=schedule, warmup=0.5)
    assert found[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1]) and found[5] == pytest.approx(0.1)


def test_one_cycle_begins_peaks_and_ends_where_it_should():
    """A 25th of the rate first, all of it at the last step of the warm-up, a 250,000th at the end."""
    found = rates(epochs=10, schedule="one-cycle", warmup=3)
    assert found[0] == pytest.approx(0.1 / 25) and found[29] == max(found) == pytest.approx(0.1)
    assert found[-1] == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize("warmup", [0.3, 3, 9.5])
def test_one_cycle_is_that_of_torch(warmup):
    """Every step has the rate that PyTorch's OneCycleLR gives it."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.1)
    oracle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=100, pct_start=warmup / 10)
    expected = []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        oracle.step() if len(expected) < 100 else None
    assert rates(epochs=10, schedule="one-cycle", warmup=warmup) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_a_warm_up_may_take_all_of_a_training(schedule):
    """Nothing is divided by the no steps that are left."""
    assert max(rates(epochs=1, schedule=schedule, warmup=1)) == pytest.approx(0.1)
