"""What a run will take, told before it begins."""

from __future__ import annotations

import dataclasses

import pytest

from nst.measure.calibrate import Calibration, Estimate
from nst.networks.tiling import Tiling
from nst.session.arguments import parse
from nst.session.estimate import LONG, estimates, foretold, is_long, size
from nst.session.plan import make_plan


@pytest.fixture
def plan(pictures, filters, monkeypatch):
    """`plan(*arguments)` plans a run on a machine that takes a second for 1000 pixels of a step."""
    monkeypatch.setattr("nst.session.sources.random_weights", lambda: filters)
    monkeypatch.setattr(
        Calibration,
        "step",
        lambda self, shape: Estimate(*[shape[1] * shape[2] / 1000 / 4 * n for n in (1, 1, 2)]),
    )
    monkeypatch.setattr(Calibration, "forward", lambda self, shape: 0.0)

    def make(*arguments):
        layers = "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_1"
        return make_plan(parse([*map(str, pictures), "--network", "random", *layers, *arguments]))

    return make


def test_time_is_in_proportion_to_iterations_and_pixels(plan):
    """Twice the iterations, twice the seconds, but for what is done seldom; each size of several counts by itself."""
    found = plan("--size", "64", "--iterations", "100,100", "--save-every", "10000")
    coarse, fine = estimates(found, [100, 100])
    assert (coarse.scale.size, fine.scale.size) == (32, 64)
    assert fine.seconds == pytest.approx(4 * coarse.seconds)
    assert estimates(found, [0, 200])[0].seconds == pytest.approx(2 * fine.seconds, rel=0.05)
    assert fine.seconds == pytest.approx(100 * 48 * 64 / 1000, rel=0.1)


def test_tiles_are_measured_with_their_halos(plan, monkeypatch):
    """Content and style are walked once before the first iteration, in tiles over all that these have twice."""
    monkeypatch.setattr(Calibration, "step", lambda self, shape: Estimate(0.0, 0.0, 0.0))
    monkeypatch.setattr(Calibration, "forward", lambda self, shape: float(shape[1] * shape[2]))
    found = plan("--size", "128", "--scales", "1", "--save-every", "10000")
    (content,), (style,) = (
        map(found.sources.content_size, found.scales),
        map(found.sources.style_sizes, found.scales),
    )
    shapes = [(1, *size, 3) for size in (content, *style)]
    cut, *cuts = (Tiling(found.fast, found.transfer.taps, shape, (1, 2)) for shape in shapes)
    whole = estimates(found, [1])[0].seconds
    found.layouts[0] = dataclasses.replace(found.layouts[0], styles=tuple(cuts))
    more = sum(
        (tiling.work - 1) * shape[1] * shape[2] for tiling, shape in zip(cuts, shapes[1:], strict=True)
    )
    assert more > 0 and estimates(found, [1])[0].seconds == pytest.approx(whole + more)
    found.layouts[0] = dataclasses.replace(found.layouts[0], content=cut)
    more += (cut.work - 1) * shapes[0][1] * shapes[0][2]
    assert cut.work > 1 and estimates(found, [1])[0].seconds == pytest.approx(whole + more)


def test_memory_is_that_of_the_layout(plan):
    """Of each size what was decided about it, and for all sizes the most."""
    found = plan("--size", "64", "--scales", "2")
    layout = found.layouts[1]
    found.layouts[1] = dataclasses.replace(layout, parts={"all": 3 * 10**9})
    assert [one.memory for one in estimates(found, [1, 1])] == [found.layouts[0].total, 3 * 10**9]
    assert foretold(found, [1, 1])[-1].endswith(", 3 GB")


def test_a_line_for_each_size_and_one_for_all(plan):
    """A single size has one line; nothing is told of a size that is done."""
    assert len(foretold(plan("--size", "64"), [200])) == 1
    several = plan("--size", "64", "--scales", "2")
    assert [line.split(":")[0] for line in foretold(several, [2, 1])[:2]] == ["32 px", "64 px"]
    assert foretold(several, [0, 1])[0].startswith("64 px: about ")
    assert foretold(several, [0, 0])[0].startswith("about 0 s")


def test_only_a_long_run_is_measured(plan):
    """By its pixels and iterations."""
    found = plan("--size", "64")
    enough = int(LONG / (64 * 48)) + 1
    assert is_long(found, [enough]) and not is_long(found, [enough - 2])


@pytest.mark.parametrize(
    "count, text", [(5_000_000, "5 MB"), (994_000_000, "994 MB"), (999e6, "1 GB"), (2.345e9, "2.3 GB")]
)
def test_amounts_of_memory(count, text):
    """In megabytes up to a gigabyte."""
    assert size(count) == text
