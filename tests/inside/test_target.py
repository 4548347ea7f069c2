"""Targets in words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nst.errors import NstError
from nst.inside.target import class_number, term_of
from nst.losses import Channel, ClassScore, Direction, Energy, Unit


@pytest.fixture(scope="module")
def source(small):
    return SimpleNamespace(network=small, scores=None, crop=64, path="weights.h5")


def test_each_way_to_say_it(source):
    """A layer, a channel, a unit in its place or in the middle, a mixture, a class."""
    assert term_of("relu2_1", source) == Energy("relu2_1")
    assert term_of("block2_conv1:12", source) == Channel("relu2_1", 12)
    assert term_of("relu2_1:12@3,4", source) == Unit("relu2_1", 12, (3, 4))
    assert term_of("relu2_1:12@middle", source) == Unit("relu2_1", 12)
    knowing = SimpleNamespace(network=source.network, scores="fc8")
    assert term_of("class:130", knowing) == ClassScore("fc8", 130)


def test_a_mixture_of_channels(source):
    """Weights stand behind a star, 1 where none is given, and may be negative."""
    term = term_of("relu1_1:3+5*0.5+7*-2", source, power=2.0)
    assert (
        isinstance(term, Direction) and term.power == 2.0 and term.label == "direction relu1_1 3+5*0.5+7*-2"
    )
    assert {k: v for k, v in enumerate(term.vector) if v} == {3: 1.0, 5: 0.5, 7: -2.0}
    assert np.count_nonzero(term_of("relu1_1:4*2", source).vector) == 1


@pytest.mark.parametrize(
    "target, said",
    [
        ("relu9_1:3", "no layer 'relu9_1'"),
        ("relu2_1:64", "relu2_1 has channels 0 to 63, no 64"),
        ("relu2_1:3+900", "relu2_1 has channels 0 to 63, no 900"),
        ("relu2_1:three", "is no target; a target is LAYER"),
        ("relu2_1:", "is no target"),
        ("relu2_1:3@1", "is no target"),
        ("class:130", "know no classes"),
        (f"relu2_1:{'9' * 5000}", "is no target"),
        (f"relu2_1:1*{'9' * 5000}", "is no target"),
        (f"relu2_1:1@{'9' * 5000},0", "is no target"),
    ],
)
def test_what_makes_no_sense_is_one_line(source, target, said):
    """It says what is wrong before any picture is made."""
    with pytest.raises(NstError, match=said):
        term_of(target, source)


def test_classes_by_name():
    """By number, by any of a class's names in any case; an ambiguous or unknown one is told, with the nearest."""
    assert class_number("130") == class_number("flamingo") == class_number("Flamingo") == 130
    with pytest.raises(NstError, match="ambiguous: give one of the numbers 134, 517"):
        class_number("crane")
    with pytest.raises(NstError, match="no class is called 'flamingoo'; did you mean 'flamingo'"):
        class_number("flamingoo")
    for number in ("1000", "²", "9" * 5000):
        with pytest.raises(NstError, match=f"no class is called '{number[:20]}"):
            class_number(number)
