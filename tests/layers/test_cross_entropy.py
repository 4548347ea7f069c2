"""Softmax cross-entropy against its definition, PyTorch and its corner cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers.cross_entropy import softmax_cross_entropy


def test_a_network_that_knows_nothing_loses_log_c():
    """Scores near zero over C classes have the loss log C, CS231n's first sanity check."""
    rng = np.random.default_rng(0)
    value, _ = softmax_cross_entropy(0.001 * rng.normal(size=(50, 10)), rng.integers(10, size=50))
    assert value == pytest.approx(math.log(10), rel=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("soft", [False, True])
def test_value_and_gradient_are_those_of_torch(soft, smoothing):
    """Class numbers and target probabilities, smoothed and not, agree with PyTorch in float64."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 5, (6, 4))
    labels = rng.dirichlet(np.ones(4), 6) if soft else rng.integers(4, size=6)
    scores = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(labels), label_smoothing=smoothing)
    loss.backward()
    value, gradient = softmax_cross_entropy(logits, labels, smoothing)
    assert value == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(gradient, scores.grad, atol=1e-15)


def test_smoothed_labels_are_the_published_ones():
    """Szegedy et al.: q'(k) = (1 - e) [k = y] + e / C, the loss its cross-entropy, the slope p - q' over N."""
    logits, labels = np.random.default_rng(6).normal(0, 2, (5, 4)), np.array([1, 3, 0, 0, 2])
    q = 0.7 * np.eye(4)[labels] + 0.3 / 4
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    value, gradient = softmax_cross_entropy(logits, labels, 0.3)
    assert value == pytest.approx(-(q * np.log(p)).sum() / 5, rel=1e-14)
    np.testing.assert_allclose(gradient, (p - q) / 5, atol=1e-16)
    assert softmax_cross_entropy(np.zeros((5, 4)), labels, 0.3)[0] == pytest.approx(math.log(4))


def test_the_gradient_is_the_slope_for_any_targets():
    """The central difference agrees even for targets that do not sum to 1."""
    rng = np.random.default_rng(2)
    logits, targets, v = rng.normal(size=(3, 5, 4))
    _, gradient = softmax_cross_entropy(logits, targets)
    h = 1e-5
    slope = sum(s * softmax_cross_entropy(logits + s * h * v, targets)[0] for s in (1, -1)) / (2 * h)
    assert (gradient * v).sum() == pytest.approx(slope, rel=1e-8)


def test_class_numbers_are_one_hot_probabilities():
    """Class numbers and their one-hot rows give the same value and gradient."""
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(5, 4)), rng.integers(4, size=5)
    hard, soft = softmax_cross_entropy(logits, labels), softmax_cross_entropy(logits, np.eye(4)[labels])
    assert hard[0] == soft[0]
    np.testing.assert_array_equal(hard[1], soft[1])


def test_extreme_scores_stay_finite():
    """A certain and wrong answer costs the difference of the scores, not infinity; -inf is harmless."""
    value, gradient = softmax_cross_entropy(np.float32([[1e4, -1e4, -np.inf]]), np.array([1]))
    assert value == 2e4
    np.testing.assert_array_equal(gradient, [[1, -1, 0]])
    assert gradient.dtype == np.float32


def test_the_mean_is_accumulated_in_float64():
    """A million equal float32 losses average to that loss to float32 precision."""
    value, _ = softmax_cross_entropy(np.zeros((2**20, 3), np.float32), np.zeros(2**20, int))
    assert value == pytest.approx(math.log(3), rel=1e-7)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0], [[0], [1]]])
def test_labels_that_do_not_fit_are_refused(labels):
    """Class numbers outside 0..C-1, or not one for each row, raise."""
    with pytest.raises(NstError, match=r"outside 0\.\.2|one per row"):
        softmax_cross_entropy(np.zeros((2, 3)), np.array(labels))
    with pytest.raises(NstError, match="do not fit"):
        softmax_cross_entropy(np.zeros((2, 3)), np.zeros((2, 4)))


def test_an_empty_batch_costs_nothing():
    """No examples: value 0 and an empty gradient."""
    value, gradient = softmax_cross_entropy(np.zeros((0, 3)), np.zeros(0, int))
    assert value == 0 and gradient.shape == (0, 3)
