"""Numbers, durations and foreign text as people read them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from nst.report.words import clock, duration, escaped, grouped, number, printable, thinned


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3, "3"),
        (0.0125, "0.0125"),
        (31415.9, "31,416"),
        (-0.5, "−0.5"),
        (999_999.9, "10⁶"),
        (2.5e7, "2.5×10⁷"),
        (-1.25e-7, "−1.25×10⁻⁷"),
        (1e-300, "10⁻³⁰⁰"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value, text):
    """Four significant digits, thousands apart, powers of ten where digits are too many; no crash."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "words", "digits"),
    [
        (0.8412, "0.841 s", "0:01"),
        (59.4, "59.4 s", "0:59"),
        (59.7, "1 min 0 s", "1:00"),
        (319, "5 min 19 s", "5:19"),
        (7380, "2 h 3 min", "2:03:00"),
    ],
)
def test_durations(seconds, words, digits):
    """A span of time reads well in the page and in the line, also just below a whole minute."""
    assert duration(seconds) == words
    assert clock(seconds) == digits


def test_duration_that_is_not_finite():
    """A time that could not be measured has a word."""
    assert duration(math.nan) == "unknown"


def test_printable_disarms_controls_and_broken_characters():
    """Escape sequences, new lines, reversed writing and halves of characters become a mark; letters stay."""
    assert printable("é日 a\x1b[2J\n\u202e\udcff") == "é日 a\ufffd[2J\ufffd\ufffd\ufffd"


def test_escaped_in_text_and_attribute():
    """Nothing of the markup survives, neither tags nor the quotes that end an attribute."""
    assert escaped("<script>\"'&") == "&lt;script&gt;&quot;&#x27;&amp;"


def test_grouped_keeps_few_and_sums_many():
    """Up to four parts stay as they are; more are summed by the first word, and the total is the same."""
    few = {"content relu4_1": 1.0, "style relu1_1": 2.0}
    many = {**few, "style relu2_1": 4.0, "tv": 8.0, "range": 16.0}
    assert grouped(few) == few
    assert grouped(many) == {"content": 1.0, "style": 6.0, "tv": 8.0, "range": 16.0}


@pytest.mark.parametrize(("count", "most"), [(0, 24), (1, 24), (24, 24), (25, 24), (1000, 24), (50, 2)])
def test_thinned_is_even_and_keeps_both_ends(count, most):
    """The indices rise, are not too many, hold both ends, and their gaps differ by one at most."""
    kept = thinned(count, most)
    assert len(kept) == min(count, most)
    assert kept[:1] + kept[-1:] == ([0, count - 1] if count else [])
    gaps = [b - a for a, b in pairwise(kept)]
    assert all(gap > 0 for gap in gaps)
    assert not gaps or max(gaps) - min(gaps) <= 1
