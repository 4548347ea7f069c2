"""`--memory`: the same picture in tiles, which go on where they stopped; what cannot fit is refused at once."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from nst.run import main
from nst.session.arguments import parse
from nst.session.plan import make_plan
from tests.test_run_resume import assert_same_run

RUN = (
    "--network", "random", "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_1", "--size", 256,
    "--style-scale", 0.25, "--history", 3,
)  # fmt: skip


@pytest.fixture
def tight(door, pictures):
    """The arguments of a run whose memory is a little too small for the whole picture, and the memory it may have."""
    line = [str(word) for word in (*pictures, *RUN)]
    plan = make_plan(parse(line))
    assert not plan.layouts[0].tiled
    memory = plan.layouts[0].total - plan.layouts[0].parts["network"] // 3
    return [*line, "--memory", f"{memory / 1e6:.0f}MB"]


def test_tiles_paint_the_same_picture(door, tight):
    """It says that there are tiles; the picture differs by rounding alone; the record says what was asked for."""
    ended = door(main, *tight, "--iterations", 3, "-o", "tiles.png")
    assert ended.status == 0, ended
    assert re.search(r"^at 256 px: \d+ tiles \(", ended.err, re.M), ended.err
    assert door(main, *tight[:-2], "--iterations", 3, "--quiet", "-o", "whole.png") == (0, "", "")
    one, other = (np.asarray(Image.open(name), np.float32) for name in ("tiles.png", "whole.png"))
    assert np.abs(one - other).mean() < 0.01 and np.abs(one - other).max() <= 2


def test_tiles_go_on_to_the_same_bytes(door, tight, monkeypatch):
    """Also where the process has more memory of its own by then: tiles are cut as they were."""
    with monkeypatch.context() as patch:
        patch.setattr("nst.session.plan.settled_process", lambda *arguments: 300 << 20)
        memory = make_plan(parse(tight[:-2])).layouts[0].total - (20 << 20)
        tight[-1] = f"{memory / 1e6:.0f}MB"
        assert make_plan(parse(tight)).layouts[0].tiled
        assert door(main, *tight, "--quiet", "--iterations", 4, "-o", "straight.png").status == 0
        assert door(main, *tight, "--quiet", "--iterations", 2).status == 0
    monkeypatch.setattr("nst.session.plan.settled_process", lambda *arguments: 10**12)
    assert door(main, "--resume", "--quiet", "--iterations", 4) == (0, "", "")
    assert_same_run("straight.png", "out.png")


def test_what_is_free_is_looked_at(door, pictures, tmp_path, monkeypatch):
    """Without --memory a run that would not fit is refused in a line that names the --memory with which it would."""
    monkeypatch.setattr("nst.engine.budget.available_memory", lambda: 1 << 30)
    before = sorted(tmp_path.iterdir())
    ended = door(main, *pictures, *RUN, "--size", 2048, "--scales", 1)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert re.search(r"give --memory \S+ to paint it in tiles", ended.err)
    assert sorted(tmp_path.iterdir()) == before


def test_memory_that_gives_out_is_one_line(door, pictures, monkeypatch):
    """Whatever array could not be made."""

    def full(*arguments, **more):
        raise MemoryError

    monkeypatch.setattr("nst.session.paint.optimise", full)
    ended = door(main, *pictures, *RUN, "--quiet")
    assert ended == (2, "", "nst: out of memory; --memory 50% paints within half of the machine's\n")


def test_histograms_are_refused_in_tiles(door, tight, tmp_path):
    """In one line that says what to do, and nothing is written; moments are painted."""
    before = sorted(tmp_path.iterdir())
    ended = door(main, *tight, "--style-statistic", "gram+histogram", "-o", "tiles.png")
    assert ended.status == 2 and sorted(tmp_path.iterdir()) == before
    assert "cannot be painted in tiles: use gram, moments or covariance" in ended.err, ended
    line = (*tight, "--style-statistic", "moments", "--iterations", 1, "--quiet", "-o", "tiles.png")
    assert door(main, *line) == (0, "", "")
