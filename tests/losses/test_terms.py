"""Terms: the loss they stand for, times their weight, under the name that the report prints."""

from __future__ import annotations

import numpy as np
import pytest

from nst.losses import (
    Content,
    Range,
    Style,
    TotalVariation,
    content_loss,
    gram,
    gram_loss,
    range_penalty,
    total_variation,
)

RNG = np.random.default_rng(0)
FEATURES, OTHER = RNG.normal(100, 200, size=(2, 1, 6, 5, 3)).astype(np.float32)
CASES = [
    (Content("relu4_2", OTHER, 0.25), content_loss(FEATURES, OTHER), "relu4_2", "content relu4_2"),
    (Style("relu1_1", gram(OTHER), 0.25), gram_loss(FEATURES, gram(OTHER)), "relu1_1", "style relu1_1"),
    (TotalVariation(0.25), total_variation(FEATURES), None, "tv"),
    (Range(0.25), range_penalty(FEATURES), None, "range"),
    (Range(0.25, low=50, high=60), range_penalty(FEATURES, 50, 60), None, "range"),
]


@pytest.mark.parametrize("term, loss, tap, label", CASES)
def test_a_term_is_its_loss_times_its_weight(term, loss, tap, label):
    """Value and gradient are the loss's, weighted, in the features' dtype, as often as it is called."""
    before = FEATURES.copy()
    for _ in range(2):
        value, gradient = term(FEATURES)
        assert type(value) is float and value == 0.25 * loss[0] > 0
        np.testing.assert_array_equal(gradient, np.float32(0.25) * loss[1])
        assert gradient.dtype == np.float32
    np.testing.assert_array_equal(FEATURES, before)
    assert (term.tap, term.weight, term.label) == (tap, 0.25, label)
