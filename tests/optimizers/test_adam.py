"""Adam: CS231n's check, bias correction, resuming, and reasons to stop."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.optimizers import Adam
from tests.optimizers.objectives import Denoise, Quadratic, enlarged, run


def test_cs231n_published_values():
    """CS231n's inputs, five steps in, give its published weights and means."""
    w, dw, m, v = (
        np.linspace(start, stop, 20).reshape(4, 5)
        for start, stop in [(-0.4, 0.6), (-0.6, 0.4), (0.6, 0.9), (0.7, 0.5)]
    )
    optimizer = Adam(learning_rate=1e-2)
    optimizer.load({"t": np.asarray(5), "m": m, "v": v})
    w_next = optimizer.step(lambda x: (0.0, dw), w).x
    assert w_next[0, 0] == pytest.approx(-0.40094747, abs=5e-9)
    assert w_next[-1, -1] == pytest.approx(0.59801459, abs=5e-9)
    assert optimizer.state()["t"] == 6


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e5])
def test_the_first_step_is_the_learning_rate(size):
    """With the bias corrected, the first step is the learning rate against each sign."""
    gradient = np.array([size, -size, 0])
    step = Adam(learning_rate=10).step(lambda x: (0.0, gradient), np.zeros(3))
    np.testing.assert_allclose(step.x, [-10, 10, 0], rtol=1e-4)


def test_a_constant_gradient_keeps_its_pace():
    """While the gradient stays the same both means stay unbiased, so every step is the same."""
    steps = run(Adam(learning_rate=0.5), lambda x: (0.0, np.full(2, 3.0)), np.zeros(2), 30)
    np.testing.assert_allclose([step.x[0] for step in steps], -0.5 * np.arange(1, 31), rtol=1e-6)


def test_it_finds_the_minimum_of_a_quadratic():
    """On an ill-conditioned quadratic it comes within a thousandth of the minimum."""
    quadratic = Quadratic(20, 100)
    steps = run(Adam(learning_rate=0.01), quadratic, np.zeros(20), 1500)
    np.testing.assert_allclose(steps[-1].x, quadratic.centre, atol=1e-3)


def test_value_and_gradient_are_those_at_the_given_x():
    """A step evaluates once, where it starts, and says what it saw; x is not written into."""
    evaluate = Denoise()
    step = Adam().step(evaluate, evaluate.noisy)
    value, gradient = evaluate(evaluate.noisy)
    assert (step.value, step.evaluations, step.stopped) == (value, 1, None)
    np.testing.assert_array_equal(step.gradient, gradient)
    np.testing.assert_array_equal(evaluate.noisy, Denoise().noisy)
    assert step.x.dtype == np.float32


@pytest.mark.parametrize("cut", [0, 1, 6])
@pytest.mark.parametrize("rate", [10, np.float64(10)])
def test_saved_and_resumed_is_the_same_to_the_last_bit(cut, rate):
    """Some steps, a copy of the state into a new optimiser, and the rest: the bytes of one run in one go."""
    evaluate = Denoise()
    whole = run(Adam(rate), evaluate, evaluate.noisy, 10)
    first, second = Adam(rate), Adam(rate)
    head = run(first, evaluate, evaluate.noisy, cut)
    second.load({name: np.array(array) for name, array in first.state().items()})
    tail = run(second, evaluate, head[-1].x if head else evaluate.noisy, 10 - cut)
    assert tail[-1].x.tobytes() == whole[-1].x.tobytes() and tail[-1].x.dtype == np.float32


@pytest.mark.parametrize("value, gradient", [(np.nan, 1.0), (1.0, np.nan), (1.0, np.inf)])
def test_stops_where_the_objective_is_no_number(value, gradient):
    """A value or gradient that is not finite moves neither x nor the running means."""
    optimizer = Adam()
    x = optimizer.step(lambda x: (1.0, x), np.ones(3)).x
    before = {name: array.tobytes() for name, array in optimizer.state().items()}
    step = optimizer.step(lambda x: (value, x * gradient), x)
    assert step.stopped == "the value or the gradient is not finite"
    np.testing.assert_array_equal(step.x, x)
    assert {name: array.tobytes() for name, array in optimizer.state().items()} == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("m"),
        lambda s: s.update(t=np.asarray(0)),
        lambda s: s.update(t=np.asarray("five")),
        lambda s: s.update(v=-s["v"]),
        lambda s: s.update(v=s["v"][:1]),
        lambda s: s.update(m=s["m"] * np.nan),
    ],
)
def test_a_spoilt_state_is_refused(spoil):
    """A state with something missing, misshapen or senseless raises."""
    optimizer = Adam()
    optimizer.step(lambda x: (1.0, x), np.ones(3))
    state = optimizer.state()
    spoil(state)
    with pytest.raises(NstError, match="start afresh"):
        optimizer.load(state)


def test_another_shape_is_refused_until_forgotten():
    """The running means belong to one shape and dtype; an empty state forgets them."""
    optimizer = Adam()
    optimizer.step(lambda x: (1.0, x), np.ones(3))
    with pytest.raises(NstError, match="start a new optimiser"):
        optimizer.step(lambda x: (1.0, x), np.ones(1))
    optimizer.load({})
    assert optimizer.step(lambda x: (1.0, x), np.ones(1)).stopped is None


def test_what_a_smaller_picture_taught_is_adopted():
    """A mean over an image that is only enlarged has the same steps, enlarged: to them the adopted means lead."""
    rng = np.random.default_rng(2)
    x, centre = rng.normal(size=(2, 1, 5, 4, 3))
    coarse, fine = Adam(0.1), Adam(0.1)
    x = run(coarse, lambda x: (1.0, (x - centre) / x.size), x, 5)[-1].x
    fine.adopt(coarse, enlarged, 4)
    expected = run(coarse, lambda x: (1.0, (x - centre) / x.size), x, 5)[-1].x
    found = run(fine, lambda x: (1.0, (x - enlarged(centre)) / x.size), enlarged(x), 5)[-1].x
    np.testing.assert_allclose(found, enlarged(expected), rtol=1e-4)
    fresh = Adam()
    fresh.adopt(Adam(), enlarged, 4)
    assert fresh.state() == {}
