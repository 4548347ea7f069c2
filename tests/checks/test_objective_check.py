"""The error-slope test of whole objectives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nst.checks import OBJECTIVE_LIMIT, check_objective
from nst.checks.whole_cases import WHOLE_CASES, WholeCase
from nst.engine.objective import Evaluation

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]

RNG = np.random.default_rng(0)
A = RNG.standard_normal((30, 30))
X = 0.1 * RNG.standard_normal((5, 6))


def smooth(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return sum tanh(Ax)^2 and its gradient."""
    s = np.tanh(A @ x.ravel())
    return float(np.sum(s**2)), (A.T @ (2 * s * (1 - s**2))).reshape(x.shape)


def kinked(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return sum r^3 + r with r = relu(Ax), and its gradient."""
    z = A @ x.ravel()
    r = np.maximum(z, 0)
    return float(np.sum(r**3 + r)), (A.T @ ((3 * r**2 + 1) * (z > 0))).reshape(x.shape)


def pattern(x: np.ndarray) -> bytes:
    """Return which units of `kinked` are on."""
    return (A @ x.ravel() > 0).tobytes()


def off_by(function: Function, part: float) -> Function:
    """Return the function with its gradient off by a part of itself."""
    return lambda x: (function(x)[0], (1 + part) * function(x)[1])


@pytest.mark.parametrize("seed", range(5))
def test_error_falls_as_the_square(seed: int) -> None:
    """For a right gradient the slope is 2 and the least error is rounding."""
    report = check_objective(smooth, X, seed=seed)
    assert report.slope == pytest.approx(2, abs=0.05)
    assert report.error < 1e-8
    assert report.passed()


@pytest.mark.parametrize("part", [1.0, 1e-2, 1e-4, 1e-6, 1e-7])
def test_error_of_a_wrong_gradient_stays(part: float) -> None:
    """For a wrong gradient the slope is 0, even when the error itself is within the limit."""
    report = check_objective(off_by(smooth, part), X)
    assert abs(report.slope) < 1
    assert not report.passed()


def test_quadratic_is_exact() -> None:
    """Central differences of a quadratic have no error to fall: no slope is claimed, the error decides."""
    right = check_objective(lambda x: (float(np.sum(x**2)), 2 * x), X)
    wrong = check_objective(lambda x: (float(np.sum(x**2)), 2.00001 * x), X)
    assert right.slope is None
    assert right.passed()
    assert not wrong.passed()


def test_pairs_across_kinks_are_left_out() -> None:
    """With a signature, no step that crosses a kink is measured, and the slope is 2 in spite of them."""
    report = check_objective(kinked, X, signature=pattern)
    assert np.isnan(report.errors[:, 0]).all()
    assert report.used == report.tried == 5
    assert report.slope == pytest.approx(2, abs=0.05)
    assert report.passed()
    assert not check_objective(off_by(kinked, 1e-5), X, signature=pattern).passed()


def test_nothing_measured_is_no_pass() -> None:
    """When every pair lies across a kink the report says so and does not pass."""
    report = check_objective(kinked, X, signature=lambda x: x.tobytes())
    assert report.used == 0
    assert report.error == np.inf
    assert not report.passed()


def test_evaluation_is_accepted() -> None:
    """The engine's evaluation serves as well as a pair."""
    report = check_objective(lambda x: Evaluation(*smooth(x), parts={}), X)
    assert report.passed()


def test_stationary_point() -> None:
    """At a minimum the gradient is zero or rounding: errors are judged by how much the function moves at all."""

    def at_minimum(x: np.ndarray) -> tuple[float, np.ndarray]:
        d = x - X
        return float(np.sum(d**2 + d**3)), 2 * d + 3 * d**2 + 1e-17

    assert check_objective(at_minimum, X).passed()
    assert not check_objective(lambda x: (at_minimum(x)[0], at_minimum(x)[1] + 0.01), X).passed()


def test_zero_where_it_should_not_be() -> None:
    """A gradient of zeros for a function that moves is wrong, though nothing is there to be relative to."""
    assert not check_objective(lambda x: (smooth(x)[0], np.zeros_like(x)), X).passed()


def test_constant_function_passes() -> None:
    """A function that does not move has a gradient of zeros."""
    assert check_objective(lambda x: (3.0, np.zeros_like(x)), X).passed()


def test_other_value_must_agree() -> None:
    """A function that is differenced in the objective's place must have its value at x."""
    with pytest.raises(ValueError, match="gives"):
        check_objective(smooth, X, value=lambda x: smooth(x)[0] + 1e-6)


def test_shape_must_agree() -> None:
    """A gradient of another shape is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"\(30,\)"):
        check_objective(lambda x: (smooth(x)[0], smooth(x)[1].ravel()), X)


KINKED = {"every statistic of style", "waves, seen turned"}  # ranks of values; the largest of many


@pytest.mark.parametrize("case", WHOLE_CASES, ids=lambda case: case.what)
@pytest.mark.parametrize("seed", range(3))
def test_whole_objectives(case: WholeCase, seed: int) -> None:
    """The image gradient of small networks under all terms passes, with slope 2, on all directions.

    Where kinks leave only steps whose errors drown in rounding, there is no slope to be seen.
    """
    report = case.report(seed)
    assert report.used == report.tried
    assert report.error < OBJECTIVE_LIMIT / 100
    if case.what in KINKED:
        assert report.slope is None and np.isnan(report.errors).sum() > report.errors.size / 2
    else:
        assert report.slope == pytest.approx(2, abs=0.1)


def test_report_reads_as_a_line() -> None:
    """The report prints error, slope and how many directions were used."""
    assert str(check_objective(smooth, X)).endswith("slope 2.00, 5 of 5 directions free of kinks")
