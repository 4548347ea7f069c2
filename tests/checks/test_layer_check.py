"""The checker of layers sees what is wrong and passes what is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nst.checks import LAYER_LIMIT, check_function, check_layer
from nst.checks.cases import apart, find
from nst.checks.mistakes_norms import three_terms
from nst.checks.mutations import spoil_layer
from nst.checks.numeric import along, numeric_gradient, numeric_projection, relative_error
from nst.layers import Conv2d, ReLU
from nst.layers.base import Layer


class Cube(Layer):
    """y = x^3, with any backward pass."""

    def __init__(self, backward: Callable[[np.ndarray, np.ndarray], np.ndarray | None]) -> None:
        self.derivative = backward

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x**3, x

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray | None:
        return self.derivative(dy, saved)


X = np.random.default_rng(0).uniform(0.5, 1.5, (3, 4))


def test_all_ones_cotangent_is_blind() -> None:
    """With an all-ones cotangent a missing variance term in instance normalisation goes unnoticed.

    The true gradient is then zero, because moving the output's mean takes moving x_hat's, which has none; and
    dy less its mean is zero too, whatever else is forgotten. A random cotangent shows an error near 1.
    """
    layer, x = find("InstanceNorm", "plain").build()
    spoilt = spoil_layer(layer, lambda at: three_terms(at, (1, 2), variance=0.0))
    assert check_layer(spoilt, x, draw=lambda rng, shape: np.ones(shape)).dx < LAYER_LIMIT
    assert check_layer(spoilt, x).dx > 0.1


def test_right_derivative_passes() -> None:
    """A right backward pass is within 1e-9 of the differences."""
    assert check_layer(Cube(lambda dy, x: 3 * x**2 * dy), X).worst < 1e-9


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0])
def test_relative_mistakes_are_measured(size: float) -> None:
    """A derivative that is too large by a part `size` gives an error of half of it: |a-n| / (|a|+|n|)."""
    report = check_layer(Cube(lambda dy, x: (1 + size) * 3 * x**2 * dy), X)
    assert report.worst == pytest.approx(size / (2 + size), rel=1e-3)


def test_one_wrong_element_is_enough() -> None:
    """A mistake in one element out of many, and a small one at that, is not averaged away."""

    def backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        dx = 3 * x**2 * dy
        dx[2, 3] *= 1.001
        return dx

    assert check_layer(Cube(backward), X).worst == pytest.approx(0.0005, rel=0.01)


@pytest.mark.parametrize(
    ("backward", "fault"),
    [
        (lambda dy, x: None, "dx is missing"),
        (lambda dy, x: (3 * x**2 * dy)[:2], "dx has shape (2, 4), expected (3, 4)"),
        (lambda dy, x: (3 * x**2 * dy).sum(axis=0), "dx has shape (4,), expected (3, 4)"),
        (lambda dy, x: (3 * x**2 * dy).astype(np.float32), "dx is float32, expected float64"),
    ],
)
def test_faults_are_named(backward: Callable, fault: str) -> None:
    """A gradient that is missing, or of the wrong shape or dtype, fails and says so."""
    report = check_layer(Cube(backward), X)
    assert report.faults == (fault,)
    assert not report.passed()


def test_nan_fails() -> None:
    """A NaN in the gradient is an infinite error: no comparison lets it through."""
    assert check_layer(Cube(lambda dy, x: np.full_like(x, np.nan)), X).worst == np.inf


def test_missing_parameter_gradient_fails() -> None:
    """A parameter whose gradient is left out is a fault of that parameter."""

    class Forgetful(Conv2d):
        def gradients(self, dy: np.ndarray, saved: object) -> dict[str, np.ndarray]:
            return {"weight": super().gradients(dy, saved)["weight"]}

    rng = np.random.default_rng(1)
    report = check_layer(Forgetful(rng.standard_normal((2, 2, 1, 2)), np.zeros(2)), apart(rng, 1, 3, 3, 1))
    assert report.faults == ("bias is missing",)


def test_large_arrays_are_checked_along_directions() -> None:
    """An input too large for one element at a time is judged by projections, which see a mistake too."""
    x = np.random.default_rng(2).uniform(0.5, 1.5, 2000)
    right = check_layer(Cube(lambda dy, x: 3 * x**2 * dy), x)
    wrong = check_layer(Cube(lambda dy, x: 3 * x**2 * np.where(np.arange(x.size) < 20, 0.0, dy)), x)
    assert right.worst < 1e-9
    assert wrong.worst > 1e-4


def test_same_seed_same_report() -> None:
    """The report depends on the seed alone."""
    layer, x = find("BatchNorm", "training").build()
    first = check_layer(layer, x, training=True, seed=3)
    assert first == check_layer(layer, x, training=True, seed=3)
    assert first != check_layer(layer, x, training=True, seed=4)


def test_layer_is_left_as_it_is() -> None:
    """The check perturbs copies: the layer's parameters and the generator's state stay."""
    layer, x = find("Dropout", "training").build()
    rng = np.random.default_rng(5)
    state = rng.bit_generator.state
    assert check_layer(layer, x, training=rng).passed()
    assert rng.bit_generator.state == state
    conv, x = find("Conv2d", "1x1").build()
    before = conv.weight.copy()
    check_layer(conv, x)
    np.testing.assert_array_equal(conv.weight, before)


def test_float32_layer_is_checked_in_float64() -> None:
    """Layers and inputs in float32 are cast first: in float32 no difference would reach the limit."""
    layer, x = find("Linear", "with bias").build()
    assert check_layer(layer.astype(np.float32), x.astype(np.float32)).passed()


def test_kinks_make_differences_worthless() -> None:
    """Across a kink even a right derivative fails, which is why the table keeps its inputs apart."""
    assert not check_layer(ReLU(), np.array([[1e-5, 1.0, -1.0]])).passed()
    assert check_layer(ReLU(), apart(np.random.default_rng(3), 4, 5)).passed()


def test_function_is_checked() -> None:
    """A loss is checked by its value and gradient; a forgotten factor shows."""
    assert check_function(lambda x: (float(np.sum(x**3)), 3 * x**2), X).passed()
    assert check_function(lambda x: (float(np.sum(x**3)), x**2), X).dx == pytest.approx(0.5)


def test_apart_keeps_its_distance() -> None:
    """Inputs of the table are distinct, and none is near 0: at least 1/n."""
    values = np.sort(apart(np.random.default_rng(4), 7, 9).ravel())
    assert np.min(np.abs(values)) >= 0.99 / 63
    assert np.min(np.diff(values)) >= 0.99 / 63


def test_difference_is_of_fourth_order() -> None:
    """Halving the step divides the error by 16."""
    x, v = np.array([0.3]), np.array([1.0])
    errors = [abs(along(np.exp, x, v, h)[0] - np.exp(0.3)) for h in (0.2, 0.1, 0.05)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.05)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4, abs=0.05)


def test_projection_agrees_with_elements() -> None:
    """The two ways of differencing measure the same gradient."""
    rng = np.random.default_rng(5)
    x, cotangents, directions = rng.uniform(1, 2, 6), rng.standard_normal((2, 6)), rng.standard_normal((3, 6))
    gradient, _ = numeric_gradient(np.sin, x, cotangents)
    projection, _ = numeric_projection(np.sin, x, cotangents, directions)
    np.testing.assert_allclose(gradient, cotangents * np.cos(x), atol=1e-11)
    np.testing.assert_allclose(projection, gradient @ directions.T, atol=1e-10)


def test_relative_error_of_cancelled_terms() -> None:
    """Where large terms cancel to zero, rounding is judged by the terms; where nothing cancels, by itself."""
    zero, noise = np.zeros(3), np.full(3, 1e-14)
    assert relative_error(zero, noise) == 1.0
    assert relative_error(zero, noise, size=1.0) == pytest.approx(1e-11)
    assert relative_error(zero, zero) == 0.0
    assert relative_error(np.zeros(2), zero) == np.inf
