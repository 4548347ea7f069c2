"""The loop: what it reports, when it ends, and that L-BFGS never climbs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nst.engine.optimise import optimise
from nst.engine.style_transfer import StyleTransfer
from nst.errors import NstError
from nst.optimizers import LBFGS, Adam

RNG = np.random.default_rng(12)
CONTENT, STYLE = RNG.uniform(0, 255, (2, 1, 16, 20, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def objective(small):
    """A cheap style transfer with every kind of term."""
    transfer = StyleTransfer({"relu2_1": 1.0}, {"relu1_1": 1.0, "relu2_1": 1.0}, 5.0, 100.0, 10.0, 1000.0)
    return transfer.objective(small, CONTENT, [STYLE])


def run(objective, optimizer, iterations, done=0, image=CONTENT, on_step=None):
    """Return the final image, the reason, and what was reported."""
    seen = []

    def watch(step):
        seen.append(step)
        return on_step(step) if on_step else None

    final, reason = optimise(objective, image, optimizer, iterations, done=done, on_step=watch)
    return final, reason, seen


def test_lbfgs_never_climbs(objective):
    """Thirty iterations on a real network: each value is below the one before, and the whole falls by half."""
    _, _, seen = run(objective, LBFGS(), 30)
    values = [objective(CONTENT).value, *(step.value for step in seen)]
    assert all(after < before for before, after in pairwise(values))
    assert values[-1] < 0.5 * values[0]


def test_lbfgs_reports_the_image_that_it_returns(objective):
    """Value, parts and gradient norm are the objective's at the very image that is reported."""
    final, reason, seen = run(objective, LBFGS(), 4)
    for step in seen:
        there = objective(step.image)
        assert (step.value, step.parts) == (there.value, there.parts)
        assert step.gradient_norm == pytest.approx(
            np.linalg.norm(there.gradient.astype(np.float64)), rel=1e-12
        )
    assert [step.iteration for step in seen] == [1, 2, 3, 4]
    np.testing.assert_array_equal(final, seen[-1].image)
    assert reason == "all 4 iterations done"


def test_adam_reports_the_image_before_the_update(objective):
    """Adam evaluates once and then moves: value and parts are those of the image that the step began with."""
    _, _, seen = run(objective, Adam(5.0), 3)
    starts = [CONTENT, seen[0].image, seen[1].image]
    for step, start in zip(seen, starts, strict=True):
        assert (step.value, step.parts) == (objective(start).value, objective(start).parts)
        assert step.evaluations == 1


def test_the_start_stays_as_it_is(objective):
    """The image that is handed in is never written into."""
    start = CONTENT.copy()
    start.flags.writeable = False
    run(objective, LBFGS(), 2, image=start)
    run(objective, Adam(), 2, image=start)
    np.testing.assert_array_equal(start, CONTENT)


def test_it_ends_when_it_is_asked_to(objective):
    """A true answer after an iteration ends the loop there, with the reason in words."""
    final, reason, seen = run(objective, Adam(), 9, on_step=lambda step: step.iteration == 3)
    assert reason == "stopped on request after iteration 3" and len(seen) == 3
    np.testing.assert_array_equal(final, seen[-1].image)


def test_it_ends_when_the_optimiser_does(objective):
    """The optimiser's reason is handed on with the iteration; a start without any slope is such a case."""
    flat = StyleTransfer({}, {}, 0.0, 0.0, 1.0, 0.0).objective(objective.network, CONTENT, [STYLE])
    grey = np.full_like(CONTENT, 128)
    final, reason, seen = run(flat, LBFGS(), 9, image=grey)
    assert "gradient is within its tolerance (iteration 1)" in reason and len(seen) == 1
    np.testing.assert_array_equal(final, grey)


def test_a_start_that_is_not_finite_is_refused(objective):
    """The loop ends in one line at the first iteration, whichever the optimiser."""
    broken = CONTENT.copy()
    broken[0, 0, 0, 0] = np.nan
    for optimizer in (LBFGS(), Adam()):
        with pytest.raises(NstError, match="iteration 1: the loss, its gradient or the image is not finite"):
            run(objective, optimizer, 5, image=broken)


@pytest.mark.parametrize("make", [LBFGS, Adam])
def test_stopping_and_going_on_gives_the_same_bytes(objective, make):
    """Five iterations, the state carried to a new optimiser, four more: the bytes of nine at once."""
    straight, _, seen = run(objective, make(), 9)
    first = make()
    half, _, before = run(objective, first, 5)
    second = make()
    second.load(first.state())
    resumed, _, after = run(objective, second, 9, done=5, image=half)
    assert resumed.tobytes() == straight.tobytes()
    assert [step.value for step in before + after] == [step.value for step in seen]
    assert [step.iteration for step in after] == [6, 7, 8, 9]


def test_resuming_at_the_end_of_the_road_still_tells_the_parts(objective):
    """Where a resumed optimiser cannot move, value and parts are those of the image all the same."""
    first, second = LBFGS(), LBFGS(gradient_tolerance=1e9)
    half, _, _ = run(objective, first, 3)
    second.load(first.state())
    _, reason, (step,) = run(objective, second, 9, done=3, image=half)
    assert "tolerance" in reason and step.evaluations == 0
    assert (step.value, step.parts) == (objective(half).value, objective(half).parts)


def test_nothing_left_to_do(objective):
    """With all iterations done before, the image comes back at once and nothing is reported."""
    final, reason, seen = run(objective, LBFGS(), 5, done=5)
    assert final is CONTENT and seen == [] and reason == "all 5 iterations done"


def test_an_image_that_is_no_longer_finite_is_refused(objective):
    """A learning rate beyond float32 ends in one line that says what to lower, without a warning from NumPy."""
    with pytest.raises(
        NstError,
        match=r"iteration \d+: the loss, its gradient or the image is not finite; lower the learning rate",
    ):
        optimise(objective, CONTENT, Adam(learning_rate=1e38), 10)
