"""A run of several sizes: what it writes, how it is stopped and goes on, what it takes over from size to size."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nst.optimizers
from nst.engine.checkpoint import load_checkpoint, save_checkpoint
from nst.run import main
from tests.report.markup import Markup
from tests.test_run_resume import CHECKPOINT, assert_same_run, start

RUN = (
    "--network", "random", "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_1", "--size", 64,
    "--iterations", "4,3,2",
)  # fmt: skip


@pytest.fixture
def paint(door, pictures):
    """`paint(*arguments)` paints the two pictures, or what is resumed, quietly and without an error."""

    def run(*arguments):
        given = [] if "--resume" in arguments else [*pictures, *RUN]
        assert door(main, *given, *arguments, "--quiet") == (0, "", "")

    return run


def rows(name: str = "out.json") -> list[dict]:
    return json.loads(Path(name).read_text())["trace"]["rows"]


def test_each_size_is_painted_in_its_turn(paint):
    """Iterations are counted through; the record has the size of each, and the schedule; the result is the last."""
    paint()
    assert [(row["iteration"], row["size"]) for row in rows()] == list(
        zip(range(1, 10), [16] * 4 + [32] * 3 + [64] * 2, strict=True)
    )
    settings = json.loads(Path("out.json").read_text())["settings"]
    assert settings["iterations"] == 9
    assert settings["scales"][1] == {"size": 32, "iterations": 3}
    with Image.open("out.png") as image:
        assert image.size == (64, 48)
    found = load_checkpoint(CHECKPOINT)
    assert (found.scale, found.done, found.iteration) == (2, 2, 9)
    assert [found.thumbnails[n].shape[1] for n in (0, 4, 7, 9)] == [16, 16, 32, 64]


def test_the_report_tells_where_a_size_begins(paint):
    """Each curve over the iterations has a mark for each size, and is cut there."""
    paint()
    markup = Markup(Path("out.html").read_text())
    words = [found for found in markup.named("text") if found.get("class") == "mark"]
    assert len(words) == 3 * 3  # loss, time, gradient
    curves = [found["d"] for found in markup.named("path") if found.get("class") == "curve"]
    assert curves and all(curve.count("M") == 3 for curve in curves[:3])


def test_a_single_size_has_no_marks(paint):
    """Neither in the page nor in the record."""
    paint("--scales", 1, "--iterations", 2)
    markup = Markup(Path("out.html").read_text())
    assert not [found for found in markup.named("text") if found.get("class") == "mark"]
    assert "size" not in rows()[0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_going_on_from_any_iteration_gives_the_same_bytes(paint, monkeypatch, optimizer):
    """Whatever checkpoint a killed run has left, in a size or at its end, leads to the bytes of the whole run."""

    def kept(path, checkpoint):
        save_checkpoint(path, checkpoint)
        shutil.copy(path, f"{checkpoint.iteration}.npz")

    with monkeypatch.context() as patch:
        patch.setattr("nst.session.paint.save_checkpoint", kept)
        paint("--optimizer", optimizer, "--init", "random", "--save-every", 1, "-o", "straight.png")
    for iteration in (2, 4, 5, 7, 8):
        assert load_checkpoint(f"{iteration}.npz").iteration == iteration
        paint("--resume", f"{iteration}.npz", "-o", "again.png")
        assert_same_run("straight.png", "again.png")


def test_going_on_with_more_iterations(paint):
    """A run that is done gets more at its last size, and the sizes before it stay as they were."""
    paint()
    paint("--resume", "--iterations", "4,3,4")
    assert [row["size"] for row in rows()] == [16] * 4 + [32] * 3 + [64] * 4
    paint("-o", "straight.png", "--iterations", "4,3,4")
    assert_same_run("straight.png", "out.png")


def test_going_on_with_other_sizes_is_refused(door, paint):
    """The number of sizes belongs to the run."""
    paint()
    for change, cause in (
        (["--scales", 2], "--scales: the checkpoint was made with its default"),
        (
            ["--iterations", "4,3"],
            "--iterations: the checkpoint was made with 3 scales; give as many numbers",
        ),
    ):
        ended = door(main, "--resume", *change)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1) and cause in ended.err


def test_going_on_with_fewer_iterations_than_were_done_is_refused(door, paint):
    """What has been painted at a coarser size cannot be undone; to ask for more there is no mistake."""
    paint()
    ended = door(main, "--resume", "--iterations", "3,3,2")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "the checkpoint has done 4 at 16 px; give no fewer there" in ended.err
    paint("--resume", "--iterations", "9,3,2")


@pytest.mark.parametrize("scale", [0, 1, 9])
def test_a_checkpoint_of_another_scale_is_refused(door, paint, scale):
    """A scale that is not the image's, or that does not exist."""
    paint()
    checkpoint = load_checkpoint(CHECKPOINT)
    checkpoint.scale = scale
    save_checkpoint(CHECKPOINT, checkpoint)
    ended = door(main, "--resume")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), ended


def test_interrupted_in_a_finer_size(paint, pictures):
    """Ctrl-C there saves and tells how to go on; the result so far has that size."""
    process = start(pictures, "--size", "64", "--iterations", "2,100000", "--save-every", "3")
    deadline = time.monotonic() + 60
    while load_checkpoint(CHECKPOINT).scale == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    found = load_checkpoint(CHECKPOINT)
    assert found.scale == 1 and found.iteration == found.done + 2
    with Image.open("out.png") as image:
        assert image.size == (64, 48)
    paint("--resume", "--iterations", f"2,{found.done + 1}")
    assert load_checkpoint(CHECKPOINT).iteration == found.iteration + 1


def test_every_source_is_resized_from_its_original(paint, pictures):
    """Opacity and hues of the result are those of a run of one size: nothing is enlarged from a coarser one."""
    content = Image.open(pictures[0]).convert("RGBA")
    content.putalpha(Image.fromarray(np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))))
    content.save(pictures[0])
    how = "--alpha", "keep", "--original-colors", "after"
    paint(*how)
    several = np.asarray(Image.open("out.png"), np.float32)
    paint(*how, "--scales", 1, "--iterations", 1)
    one = np.asarray(Image.open("out.png"), np.float32)
    np.testing.assert_array_equal(several[..., 3], one[..., 3])
    inside = ((several > 0) & (several < 255) & (one > 0) & (one < 255)).all(axis=-1)
    assert inside.mean() > 0.3
    assert (
        np.ptp((several - one)[inside][:, :3], axis=-1).max() <= 2
    )  # the same in each channel: luminance alone


@pytest.mark.parametrize("optimizer, name", [("lbfgs", "LBFGS"), ("adam", "Adam")])
def test_what_a_size_taught_is_handed_to_the_next(paint, monkeypatch, optimizer, name):
    """Each size's optimiser adopts from the one before, with the ratio of their pixels."""
    kind, ratios = getattr(nst.optimizers, name), []
    adopt = kind.adopt

    def noted(self, coarse, resize, ratio):
        ratios.append(ratio)
        assert self is not coarse and coarse.state()
        adopt(self, coarse, resize, ratio)

    monkeypatch.setattr(kind, "adopt", noted)
    paint("--optimizer", optimizer)
    assert ratios == [4, 4]


def test_pictures_along_the_way_keep_their_colours(paint, pictures):
    """With --original-colors after, thumbnails have the content's hues as the result has."""
    paint("--original-colors", "after")
    content = np.asarray(Image.open(pictures[0]).resize((64, 48), Image.Resampling.LANCZOS), np.float32)
    last = load_checkpoint(CHECKPOINT).thumbnails[9].astype(np.float32)
    inside = ((last > 0) & (last < 255)).all(axis=-1)
    assert np.percentile(np.ptp((last - content)[inside], axis=-1), 90) <= 6
