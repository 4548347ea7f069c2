"""Deliberate mistakes, all of which the checker must notice."""

from __future__ import annotations

from collections import Counter

import pytest

from nst.checks import LAYER_LIMIT
from nst.checks.cases import CASES, Case, find
from nst.checks.loss_cases import LOSS_CASES
from nst.checks.mistakes import MUTATIONS
from nst.checks.mistakes_whole import WholeMutation, gradient_of
from nst.checks.mutations import Mutation
from nst.checks.whole_cases import WHOLE_CASES


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_caught(mutation: Mutation | WholeMutation) -> None:
    """The checker notices this mistake."""
    assert mutation.caught()


def test_count(capsys: pytest.CaptureFixture) -> None:
    """There are many mistakes, several for each layer, loss and way of joining them; their number is printed."""
    count = Counter(mutation.subject for mutation in MUTATIONS)
    assert len(MUTATIONS) >= 200
    for case in CASES:
        assert count[case.layer] >= 3, case.layer
    for case in LOSS_CASES:
        assert count[case.layer] >= 2, case.layer
    with capsys.disabled():
        print(f"\n{len(MUTATIONS)} deliberate mistakes in {len(count)} layers, losses and objectives")


def test_each_mistake_is_another() -> None:
    """No mistake is counted twice: a case has each description once for each gradient."""
    told = [(str(mutation.case), mutation.mistake, getattr(mutation, "of", "dx")) for mutation in MUTATIONS]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    "case", [find("Conv2d", "groups"), find("Concat", "three branches"), LOSS_CASES[0]], ids=str
)
def test_no_mistake_is_not_caught(case: Case) -> None:
    """Being spoilt is not what is caught: the same wrapper with the right gradient passes."""
    assert Mutation(case, "none", lambda at: at.dx).worst() < LAYER_LIMIT


def test_no_mistake_in_a_whole_objective_is_not_caught() -> None:
    """The same for whole objectives."""
    for case in WHOLE_CASES:
        assert case.report(spoil=gradient_of(lambda gradient: gradient)).passed()
