"""Scales, colours and charts: the drawing says what the numbers say."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from nst.report.colours import colours
from nst.report.curves import line_chart, stacked_bars
from nst.report.scales import Scale, fit
from tests.report.markup import Markup

LABELS = ["content relu4_1", *(f"style relu{i}_1" for i in range(1, 6)), "tv", "range", "<b>"]


def points(svg: str) -> list[list[list[tuple[float, float]]]]:
    """Return for each curve its unbroken runs of points."""
    paths = [path["d"] for path in Markup(svg).named("path", "curve")]
    return [
        [
            [tuple(map(float, point.split(","))) for point in run.replace("L", " ").split()]
            for run in path.split("M")[1:]
        ]
        for path in paths
    ]


def chart(curves, iterations=None, **options):
    """Return a chart of `curves` over 1, 2, 3 …"""
    length = len(next(iter(curves.values())))
    options = {"name": "x", "title": "X", "colours": dict.fromkeys(curves, "#000000"), **options}
    return line_chart(list(iterations or range(1, length + 1)), curves, **options)


@pytest.mark.parametrize("log", [False, True])
def test_monotone_data_give_monotone_points(log):
    """A falling loss falls on the page: x rises and y (downwards) rises from point to point."""
    svg = chart({"loss": [1000.0 / (i + 1) for i in range(50)]}, log=log)
    (((*run,),),) = points(svg)
    assert len(run) == 50
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(run))


def test_positions_are_the_logarithm():
    """Equal ratios are equal distances, to the two decimals of the file."""
    ((run,),) = points(chart({"loss": [1000.0, 100.0, 10.0, 1.0]}, log=True))
    steps = [b[1] - a[1] for a, b in pairwise(run)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.011) and steps[0] > 50


def test_points_lie_within_the_picture_and_agree_with_the_ticks():
    """The value of a tick, drawn as a curve, lies on the rule of the tick."""
    svg = chart({"loss": [10.0, 100.0, 1000.0]}, log=True, size=(600, 300))
    ((run,),) = points(svg)
    rules = [float(line["y1"]) for line in Markup(svg).named("line", "rule")]
    for x, y in run:
        assert 0 <= x <= 600 and 0 <= y <= 300
        assert min(abs(y - rule) for rule in rules) <= 0.06


def test_gaps_and_lone_points():
    """What has no logarithm breaks the curve; a point alone is a line of no length, which shows as a dot."""
    curve = [5.0, math.nan, 4.0, 3.0, 0.0, -1.0, math.inf, 2.0]
    ((first, middle, last),) = points(chart({"loss": curve}, log=True))
    assert first[0] == first[1] and last[0] == last[1] and len(middle) == 2 and middle[0] != middle[1]


def test_long_runs_are_thinned_and_keep_their_ends():
    """A hundred thousand iterations give a small chart that still begins and ends where the run did."""
    loss = [1e6 / (i + 1) for i in range(100_000)]
    svg = chart({"loss": loss}, log=True)
    ((run,),) = points(svg)
    ((two,),) = points(chart({"loss": [loss[0], loss[-1]]}, iterations=[1, 100_000], log=True))
    assert len(svg) < 60_000 and [run[0], run[-1]] == two


def test_bands_tell_every_value_once():
    """The bands that answer to the pointer lie side by side and name iteration and values."""
    svg = chart({"loss": [3.0, 2.0, 1.0], "<b>": [0.5, math.nan, 0.25]}, unit=" s")
    bands = Markup(svg).named("rect", "band")
    edges = [(float(band["x"]), float(band["x"]) + float(band["width"])) for band in bands]
    assert [a[1] for a in edges[:-1]] == pytest.approx([b[0] for b in edges[1:]], abs=0.11)
    told = [text for text in Markup(svg).text["title"] if text.startswith("iteration")]
    assert told[1] == "iteration 2\nloss: 2 s\n<b>: NaN s" and len(told) == 3


def test_accessible_title_and_description():
    """The picture has a role, a title and a description in words that a screen reader finds by their ids."""
    svg = chart({"loss": [3.0, 2.0]}, name="one", title="A < B")
    page = Markup(svg)
    (top,) = page.named("svg")
    ids = {found["id"] for _, found in page.elements if "id" in found}
    assert top["role"] == "img" and set(top["aria-labelledby"].split()) == ids
    assert page.text["title"][0] == "A < B"
    assert page.text["desc"] == ["Iterations 1 to 2: loss from 3 to 2."]


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [1.0],
        [0.0],
        [math.nan],
        [math.inf, -math.inf],
        [5.0, 5.0],
        [1e308, -1e308],
        [1e-310, 1.0],
        [1e300, 1e-300],
    ],
    ids=repr,
)
@pytest.mark.parametrize("log", [False, True])
def test_no_data_break_a_chart(curve, log):
    """No, equal, huge, vanishing and undefined values give a chart with defined numbers."""
    svg = chart({"loss": curve}, log=log)
    drawn = [value for tag, found in Markup(svg).elements if tag != "svg" for value in found.values()]
    assert not any(re.search(r"nan|inf", value) for value in drawn)
    heights = [y for runs in points(svg) for run in runs for _, y in run]
    assert all(0 <= y <= 380 for y in heights)


def test_cap_sends_what_is_beyond_to_the_edge():
    """One slow start does not squeeze the rest: it rides on the upper edge, the others keep their height."""
    ((run,),) = points(chart({"time": [50.0, 1.0, 1.5, 1.0]}, zero=True, cap=3.0))
    assert run[0][1] == min(y for _, y in run) and run[1][1] - run[2][1] > 30


def test_bars_are_made_whole():
    """Each bar fills the axis, in proportion, whatever its shares sum to; broken ones count as nothing."""
    shares = [
        {"a": 1.0, "b": 3.0},
        {"a": 1e300, "b": 1e300},
        {"a": math.nan, "b": 0.2},
        {"a": 0.0, "b": -1.0},
    ]
    svg = stacked_bars(
        [1, 2, 3, 4], shares, name="s", title="S", colours={"a": "#000000", "b": "#111111"}, size=(540, 300)
    )
    parts = Markup(svg).named("rect", "part")
    heights = [float(part["height"]) for part in parts]
    whole = 300 - 40 - 12
    assert heights == pytest.approx([whole / 4, 3 * whole / 4, whole / 2, whole / 2, whole], abs=0.02)
    assert {part["x"] for part in parts[:2]} != {part["x"] for part in parts[2:4]}
    assert float(parts[0]["y"]) + heights[0] == pytest.approx(260, abs=0.02)
    assert float(parts[1]["y"]) + heights[1] == pytest.approx(float(parts[0]["y"]), abs=0.02)


@pytest.mark.parametrize(("low", "high"), [(1, 500), (0.0, 3.7), (-2.0, 1e-3), (999.0, 1001.0), (0.1, 0.3)])
def test_linear_ticks(low, high):
    """Ticks are few, evenly spaced, multiples of 1, 2 or 5 times a power of ten, within the axis."""
    ticks = Scale(low, high, 0, 100).ticks(6)
    step = ticks[1] - ticks[0]
    assert 2 <= len(ticks) <= 8 and low - 1e-9 <= ticks[0] and ticks[-1] <= high + 1e-9
    assert [b - a for a, b in pairwise(ticks)] == pytest.approx([step] * (len(ticks) - 1))
    assert float(f"{step:.3e}"[0]) in (1, 2, 5)


def test_whole_ticks():
    """Iterations have no halves."""
    assert fit([1, 3], 0, 100, margin=0).ticks(8, whole=True) == [1, 2, 3]


@pytest.mark.parametrize(
    ("low", "high"), [(2.0, 7.0), (1.0, 1e3), (1e-3, 1e9), (1e-300, 1e300), (1.01, 1.09)]
)
def test_log_ticks(low, high):
    """Ticks on a logarithmic axis are 2 to 7, rising, within it."""
    ticks = Scale(low, high, 0, 100, log=True).ticks(6)
    assert 2 <= len(ticks) <= 7
    assert all(low <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_a_vanishing_term_does_not_squeeze_the_others():
    """The logarithmic axis shows eight decades; below them a curve rides on the lower edge."""
    scale = fit([1e-40, 1e3], 100, 0, log=True, margin=0)
    assert scale.low == pytest.approx(1e-5) and scale(1e-40) == 100 and scale(1e3) == 0


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [value / 255 for value in bytes.fromhex(colour[1:])]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", "#fcfbf9", "#1b1b1e", "#141416"])
def test_colours_are_distinct_and_readable(paper):
    """Each term has its own colour, with a contrast of 3 or more (WCAG, graphics) on light and on dark."""
    chosen = colours(LABELS)
    assert set(chosen) == set(LABELS) and len(set(chosen.values())) == len(LABELS)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in chosen.values())
    for label, colour in chosen.items():
        assert _contrast(colour, paper) >= 3, (label, colour)


def test_the_axis_has_the_name_of_what_is_counted():
    """Below the axis, in what is told on hovering, and in the description."""
    svg = chart({"loss": [3.0, 2.0]}, axis="epoch")
    assert ">epoch</text>" in svg and "epoch 2\n" in svg and "Epochs 1 to 2" in svg and "iteration" not in svg
