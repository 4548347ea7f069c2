"""L-BFGS: SciPy's minima, what every accepted step satisfies, resuming, and reasons to stop."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from nst.errors import NstError
from nst.optimizers import LBFGS
from tests.optimizers.objectives import Denoise, Quadratic, enlarged, rosenbrock, run

CASES = {
    "quadratic": (Quadratic(50, 1e4), np.zeros(50)),
    "rosenbrock 2": (rosenbrock, np.array([-1.2, 1.0])),
    "rosenbrock 10": (rosenbrock, np.tile([-1.2, 1.0], 5)),
    "image float64": (Denoise(np.float64), np.full((1, 24, 20, 3), 128.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_minimum_is_scipys(name):
    """SciPy's L-BFGS-B ends at the same point and no lower, and needs about as many evaluations."""
    evaluate, x = CASES[name]
    theirs = minimize(
        lambda flat: (evaluate(flat.reshape(x.shape))[0], evaluate(flat.reshape(x.shape))[1].ravel()),
        x.ravel(), jac=True, method="L-BFGS-B", options=dict(maxiter=3000, maxfun=5000, ftol=0, gtol=1e-7),
    )  # fmt: skip
    steps = run(LBFGS(gradient_tolerance=1e-7), evaluate, x, 3000)
    np.testing.assert_allclose(steps[-1].x.ravel(), theirs.x, atol=1e-4)
    assert steps[-1].value <= theirs.fun * (1 + 1e-9) + 1e-9
    assert sum(step.evaluations for step in steps) <= 1.3 * theirs.nfev + 10
    assert steps[-1].stopped == "the gradient is within its tolerance"


@pytest.mark.parametrize("name", CASES)
def test_every_step_satisfies_the_strong_wolfe_conditions(name):
    """From each x to the next the value falls enough for the slope along the step, which ends flat enough."""
    evaluate, x = CASES[name]
    value, gradient = evaluate(x)
    for step in run(LBFGS(gradient_tolerance=1e-4), evaluate, x, 300):
        moved = step.x - x
        slope = float((gradient * moved).sum())
        assert slope < 0
        assert step.value <= value + 1e-4 * slope + 1e-12 * abs(value)
        assert abs((step.gradient * moved).sum()) <= 0.9 * abs(slope) * (1 + 1e-6)
        x, value, gradient = step.x, step.value, step.gradient


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_float32_image_falls_monotonically_and_cheaply(scale):
    """Whatever the weights' scale no step rises, one evaluation is usual, and float64's minimum is met."""
    evaluate, exact = Denoise(np.float32, scale), Denoise(np.float64, scale)
    steps = run(LBFGS(), evaluate, evaluate.noisy, 40)
    values = [evaluate(evaluate.noisy)[0]] + [step.value for step in steps]
    assert all(after <= before for before, after in pairwise(values))
    assert sum(step.evaluations for step in steps[:12]) <= 12 + 4
    assert values[-1] == pytest.approx(run(LBFGS(), exact, exact.noisy, 300)[-1].value, rel=1e-5)
    assert steps[-1].x.dtype == np.float32 and steps[-1].gradient.dtype == np.float32


def test_only_the_first_step_evaluates_its_own_x():
    """After the first step no point is evaluated twice, and `evaluations` counts every call."""
    seen = []

    def evaluate(x):
        seen.append(x.tobytes())
        return rosenbrock(x)

    steps = run(LBFGS(), evaluate, np.array([-1.2, 1.0]), 15)
    assert len(seen) == len(set(seen)) == sum(step.evaluations for step in steps)


def test_another_x_is_evaluated_anew():
    """When the caller moves the image between steps, the remembered value is not used for it."""
    optimizer = LBFGS()
    step = run(optimizer, rosenbrock, np.array([-1.2, 1.0]), 5)[-1]
    moved = step.x + 0.5
    assert optimizer.step(rosenbrock, moved).value <= rosenbrock(moved)[0]
    with pytest.raises(NstError, match="start a new optimiser"):
        optimizer.step(rosenbrock, np.ones(3))


@pytest.mark.parametrize("cut", [0, 1, 4, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saved_and_resumed_is_the_same_to_the_last_bit(cut, dtype):
    """Some steps, a copy of the state into a new optimiser, and the rest: the bytes of one run in one go."""
    evaluate = Denoise(dtype)
    whole = run(LBFGS(history=5), evaluate, evaluate.noisy, 25)
    first, second = LBFGS(history=5), LBFGS(history=5)
    head = run(first, evaluate, evaluate.noisy, cut)
    second.load({name: np.array(array) for name, array in first.state().items()})
    x = head[-1].x.copy() if head else evaluate.noisy
    tail = run(second, evaluate, x, 25 - cut)
    assert len(head) + len(tail) == len(whole)
    for ours, theirs in zip(head + tail, whole, strict=True):
        assert ours.x.tobytes() == theirs.x.tobytes() and ours.value == theirs.value
        assert ours.evaluations == theirs.evaluations


def test_what_is_handed_out_cannot_be_overwritten():
    """A result is what the next step builds on, so it is read-only; no step writes into the x that it is given."""
    x = np.array([-1.2, 1.0])
    for step in run(LBFGS(), rosenbrock, x, 3):
        for array in (step.x, step.gradient):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0
    np.testing.assert_array_equal(x, [-1.2, 1.0])


def test_no_more_arrays_are_alive_than_promised():
    """While the objective is evaluated there are x, its gradient, d, the trial, and 2 `history` arrays of pairs."""
    alive = []

    def evaluate(x):
        value, gradient = quadratic(x)
        alive.append(tracemalloc.get_traced_memory()[0] / x.nbytes)
        return value, gradient

    quadratic, x = Quadratic(200_000, 100), np.zeros(200_000)
    tracemalloc.start()
    try:
        taken = run_lean(LBFGS(history=3), evaluate, x, 8)
    finally:
        tracemalloc.stop()
    assert taken == len(alive) - 1  # one evaluation a step
    assert max(alive) < 4 + 6 + 1.2  # and the gradient that was just made


def run_lean(optimizer, evaluate, x, steps):
    """Return the number of evaluations after the first, keeping nothing but the newest x."""
    evaluations = -1
    for _ in range(steps):
        step = optimizer.step(evaluate, x)
        x, evaluations = step.x, evaluations + step.evaluations
    return evaluations


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("gradient"),
        lambda s: s.pop("s0"),
        lambda s: s.update(sy=s["sy"][:-1]),
        lambda s: s.update(y0=s["y0"][:-1]),
        lambda s: s.update(y0=s["y0"].astype(np.float32)),
        lambda s: s.update(gradient=s["gradient"] * np.nan),
        lambda s: s.update(value=np.asarray(np.inf)),
        lambda s: s.update(sy=-s["sy"]),
        lambda s: s.update(value=np.asarray("low")),
    ],
)
def test_a_spoilt_state_is_refused_and_changes_nothing(spoil):
    """A state with something missing, misshapen or not finite raises, and the optimiser stays as it was."""
    optimizer = LBFGS()
    run(optimizer, rosenbrock, np.array([-1.2, 1.0]), 5)
    state, before = optimizer.state(), optimizer.state()
    spoil(state)
    with pytest.raises(NstError, match="start afresh"):
        optimizer.load(state)
    assert {name: array.tobytes() for name, array in optimizer.state().items()} == {
        name: array.tobytes() for name, array in before.items()
    }


def test_an_empty_state_starts_afresh():
    """A new optimiser's state is empty, and loading it forgets everything."""
    optimizer = LBFGS()
    assert optimizer.state() == {}
    run(optimizer, rosenbrock, np.array([-1.2, 1.0]), 5)
    optimizer.load({})
    assert optimizer.state() == {}


def test_stops_at_a_minimum():
    """Where the gradient is exactly zero the default tolerance stops, after one evaluation and no move."""
    step = LBFGS().step(rosenbrock, np.ones(4))
    assert (step.stopped, step.evaluations) == ("the gradient is within its tolerance", 1)
    np.testing.assert_array_equal(step.x, 1)


def test_stops_when_nothing_is_lower():
    """A gradient that points the wrong way leaves no decrease: x stays, and the reason says so."""
    step = LBFGS(trials=5).step(lambda x: (float(x @ x), -2 * x), np.ones(3))
    assert step.stopped == "no sufficient decrease, not even along steepest descent"
    np.testing.assert_array_equal(step.x, 1)
    assert (step.value, step.evaluations) == (3, 1 + 5)


@pytest.mark.parametrize("value, gradient", [(np.nan, 1.0), (np.inf, 1.0), (1.0, np.nan), (1.0, np.inf)])
def test_stops_where_the_objective_is_no_number(value, gradient):
    """A value or a gradient that is not finite at x stops at once."""
    step = LBFGS().step(lambda x: (value, x * gradient), np.ones(3))
    assert step.stopped == "the value or the gradient is not finite"


def test_steps_back_from_where_the_objective_is_no_number():
    """A trial that is not finite is a step too long, not the end: x - log x is still minimised at 1."""

    def evaluate(x):
        return (float(x[0] - np.log(x[0])), 1 - 1 / x) if x[0] > 0 else (np.nan, x * np.nan)

    step = run(LBFGS(first_step=100, gradient_tolerance=1e-6), evaluate, np.array([60.0]), 50)[-1]
    assert step.stopped == "the gradient is within its tolerance"
    assert step.x[0] == pytest.approx(1, abs=1e-5)


def test_stops_at_a_small_change():
    """With a change tolerance the run ends at the first step that moves no value further."""
    steps = run(LBFGS(change_tolerance=1e-3), rosenbrock, np.array([-1.2, 1.0]), 200)
    moves = np.abs(np.diff([step.x for step in steps], axis=0)).max(axis=1)
    assert steps[-1].stopped == "the change is within its tolerance"
    assert moves[-1] <= 1e-3 < moves[:-1].min()


def test_a_misleading_history_is_forgotten():
    """When the stored curvature leads nowhere, the same step falls back on steepest descent and gets on."""
    optimizer = LBFGS(trials=8)
    x = run(optimizer, Quadratic(6, 10), np.zeros(6), 4)[-1].x
    state = dict(optimizer.state())
    pairs = len(state["sy"])
    # pairs of another function altogether, 1e30 times flatter: the first steps along -H g are absurd
    for i in range(pairs):
        state[f"y{i}"] = state[f"y{i}"] * 1e-30
    state["sy"], state["yy"] = state["sy"] * 1e-30, state["yy"] * 1e-60
    optimizer.load(state)
    step = optimizer.step(Quadratic(6, 10), x)
    assert step.stopped is None and step.value < Quadratic(6, 10)(x)[0]
    assert len(optimizer.state()["sy"]) == 1


def test_the_history_keeps_the_newest_pairs():
    """No more pairs than asked for are stored, and the last is the last step's."""
    optimizer = LBFGS(history=3)
    steps = run(optimizer, rosenbrock, np.array([-1.2, 1.0]), 8)
    state = optimizer.state()
    assert len(state["sy"]) == 3 and "s3" not in state
    np.testing.assert_array_equal(state["s2"], steps[-1].x - steps[-2].x)
    with pytest.raises(NstError, match="at least 1"):
        LBFGS(history=0)


def test_a_pair_of_negative_curvature_is_not_stored():
    """Down a hill that only steepens s^T y is negative: the step is taken, the pair is not."""
    optimizer = LBFGS()
    step = optimizer.step(lambda x: (-float(x @ x), -2 * x), np.ones(3))
    assert step.value < -3 and step.stopped is None
    assert len(optimizer.state()["sy"]) == 0


def mean_of_squares(shape: tuple[int, ...], times: int) -> Callable:
    """A mean over an image, the same for one that is enlarged."""
    rng = np.random.default_rng(2)
    centre, curvature = rng.normal(size=shape), rng.uniform(1, 100, size=shape)
    for _ in range(times):
        centre, curvature = enlarged(centre), enlarged(curvature)
    return lambda x: (
        float((curvature * (x - centre) ** 2).mean()), 2 * curvature * (x - centre) / x.size
    )  # fmt: skip


def test_what_a_smaller_picture_taught_is_adopted():
    """A mean over an image that is only enlarged has the same steps, enlarged: to them an adopted pair leads."""
    shape = (1, 5, 4, 3)
    coarse, fine = LBFGS(1), LBFGS(7)
    x = run(coarse, mean_of_squares(shape, 0), np.zeros(shape), 6)[-1].x
    fine.adopt(coarse, enlarged, 4)
    expected = run(coarse, mean_of_squares(shape, 0), x, 1)[0].x
    found = run(fine, mean_of_squares(shape, 1), enlarged(x), 1)[0].x
    np.testing.assert_allclose(found, enlarged(expected), atol=1e-12)


def test_only_the_newest_pair_is_adopted_if_its_curvature_is_positive():
    """The others stay where they are; enlarging may turn s against y, and then nothing is adopted."""
    shape, coarse, fine = (1, 5, 4, 3), LBFGS(3), LBFGS(3)
    run(coarse, mean_of_squares(shape, 0), np.zeros(shape), 6)
    fine.adopt(coarse, enlarged, 4)
    fine.step(mean_of_squares(shape, 1), np.zeros((1, 10, 8, 3)))
    state = fine.state()
    assert len(state["sy"]) == 2 and len(coarse.state()["sy"]) == 3
    np.testing.assert_array_equal(state["s0"], enlarged(coarse.state()["s2"]))
    signs = iter([1, -1])  # of s and y
    none = LBFGS()
    none.adopt(coarse, lambda array: next(signs) * enlarged(array), 4)
    assert none._direction(np.ones(3))[0].tolist() == [-1, -1, -1]
    none.adopt(LBFGS(), enlarged, 4)
    assert none.state() == {}
