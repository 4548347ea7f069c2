"""`python -m nst.run`: what it writes, what it says, and what each argument changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.run import main
from tests.report.markup import Markup

SHALLOW = "--network", "random", "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_1"
QUICK = *SHALLOW, "--size", 32, "--iterations", 3
FILES = ["out.checkpoint.npz", "out.html", "out.json", "out.png"]


@pytest.fixture
def paint(door, pictures):
    """`paint(*arguments)` paints the two pictures quickly into out.png and returns its pixels."""

    def run(*arguments, output="out.png", given=pictures):
        ended = door(main, *given, *QUICK, "--quiet", "-o", output, *arguments)
        assert ended == (0, "", ""), ended
        with Image.open(output) as image:
            return np.asarray(image, np.float32)

    return run


def record() -> dict:
    return json.loads(Path("out.json").read_text())


def test_no_arguments_at_all(tmp_path):
    """As a user runs it: our own pictures and network, a line that says where finer ones are, progress, four files."""
    environment = {key: value for key, value in os.environ.items() if key != "NST_WEIGHTS"}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-m", "nst.run", "--size", "48", "--iterations", "2"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("compiling")]
    assert lines[0] == (
        "network: slim, which comes with nst; --network vgg19 paints finer, after `python -m nst.weights get vgg19`"
    )
    assert [line.split("  ")[0] for line in lines[1:3]] == ["1/2", "2/2"]
    assert lines[-1] == "all 2 iterations done; wrote out.png, out.json, out.html"
    assert sorted(os.listdir(tmp_path)) == FILES
    with Image.open(tmp_path / "out.png") as image:
        assert max(image.size) == 48 and image.mode == "RGB"


def test_the_losses_fall_and_the_record_tells_them(paint, pictures):
    """L-BFGS falls at each iteration; the record has every iteration, its parts, and what is needed to do it again."""
    paint("--iterations", 12, "--style-blend", "1", "--seed", "3")
    found = record()
    assert set(found) == {"settings", "versions", "hashes", "stopped", "trace"}
    rows = found["trace"]["rows"]
    assert [row["iteration"] for row in rows] == list(range(1, 13))
    assert all(after["loss"] < before["loss"] for before, after in pairwise(rows))
    assert list(rows[0]["parts"]) == ["content relu2_1", "style relu1_1", "style relu2_1", "tv", "range"]
    for row in rows:
        assert row["loss"] == pytest.approx(sum(row["parts"].values()), rel=1e-12)
        assert row["seconds"] > 0 and row["evaluations"] >= 1 and row["gradient_norm"] > 0
    assert sum(rows[0]["shares"].values()) == pytest.approx(1)
    digests = {
        role: hashlib.sha256(path.read_bytes()).hexdigest()
        for role, path in zip(("content", "style 1"), pictures, strict=True)
    }
    assert digests.items() <= found["hashes"].items() and "network" in found["hashes"]
    settings = found["settings"]
    assert settings["content_layers"] == {"relu2_1": 1} and settings["style_layers"] == {
        "relu1_1": 1,
        "relu2_1": 1,
    }
    assert (settings["size"], settings["seed"], settings["iterations"]) == (32, 3, 12)
    assert settings["style_weight"] == 100 and settings["optimizer"] == "lbfgs"
    assert {"nst", "python", "numpy", "numba"} <= set(found["versions"])
    assert found["stopped"] == "all 12 iterations done"


def test_the_record_spells_out_every_default(paint):
    """What was not asked for stands there too, pooling and padding included: it changes the picture."""
    paint()
    assert {"pooling", "padding", "network", "tv_weight", "range_weight", "init", "history"} <= set(
        record()["settings"]
    )


def test_the_report_opens_offline(paint):
    """One well-formed page that asks for nothing from anywhere, with the pictures inside."""
    paint()
    page = Path("out.html").read_text()
    markup = Markup(page)
    sources = [found["src"] for found in markup.named("img")]
    assert len(sources) >= 4 and all(source.startswith("data:image/") for source in sources)
    assert not markup.named("link") and all("src" not in script for script in markup.named("script"))
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(https?:|//)""", page)
    assert "content.png as style.png" in page


def test_the_same_seed_gives_the_same_bytes(paint):
    """Twice the same picture and the same losses; another seed starts from other noise."""
    first, bytes_ = paint("--init", "random"), Path("out.png").read_bytes()
    losses = [row["loss"] for row in record()["trace"]["rows"]]
    paint("--init", "random")
    assert Path("out.png").read_bytes() == bytes_
    assert [row["loss"] for row in record()["trace"]["rows"]] == losses
    assert not np.array_equal(paint("--init", "random", "--seed", 1), first)


def test_each_start_is_its_own(paint, pictures, tmp_path):
    """After one small step of Adam the picture is still near where it began: content, style, noise, any picture."""
    Image.new("RGB", (9, 9), (10, 200, 30)).save(tmp_path / "green.png")
    step = "--optimizer", "adam", "--learning-rate", 1e-3, "--iterations", 1
    found = {init: paint("--init", init, *step) for init in ("content", "style", "random", "green.png")}
    assert "init" in record()["hashes"]
    content, style = (
        np.asarray(Image.open(path).resize((32, 24), Image.Resampling.LANCZOS)) for path in pictures
    )
    assert np.abs(found["content"] - content).max() <= 2
    assert np.abs(found["style"] - style).mean() < 10  # resized in float, without rounding in between
    assert np.abs(found["random"].mean() - 128) < 5 and 25 < found["random"].std() < 40
    assert np.abs(found["green.png"] - [10, 200, 30]).max() <= 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(door, pictures, tmp_path):
    """Sizes, layers, weights, time and memory on stdout; no file; sizes follow --size and --style-scale."""
    before = sorted(os.listdir(tmp_path))
    ended = door(main, *pictures, *QUICK, "--style-scale", 0.5, "--dry-run")
    assert (ended.status, ended.err) == (0, "")
    for part in (
        "content: 32x24, style: 12x16, start: content",
        "style layers: relu1_1, relu2_1, weight 100",
        "optimiser: lbfgs, 3 iterations",
        "output: out.png",
    ):
        assert part in ended.out
    assert re.search(r"^about \S+ m?s, (\d+ MB|\d+\.\d GB)$", ended.out.splitlines()[-1]), ended.out
    assert sorted(os.listdir(tmp_path)) == before


def test_progress_is_plain_lines_without_a_terminal(door, pictures):
    """Every N-th iteration and the last; no control characters; nothing on stdout."""
    ended = door(main, *pictures, *QUICK, "--iterations", 5, "--print-every", 2)
    assert (ended.status, ended.out) == (0, "")
    shown = [line.split("/")[0] for line in ended.err.splitlines() if "/5  loss" in line]
    assert shown == ["1", "2", "4", "5"]
    assert "content" in ended.err and "style" in ended.err and "left" in ended.err
    assert not re.search(r"[\r\x1b]", ended.err)


def test_gradients_are_checked_on_the_runs_own_pictures(door, pictures, tmp_path):
    """A table with every term and the verdict, status 0, and no file."""
    before = sorted(os.listdir(tmp_path))
    ended = door(main, *pictures, *SHALLOW, "--size", 16, "--check-gradients")
    assert ended.status == 0, ended
    for label in ("content relu2_1", "style relu1_1", "style relu2_1", "tv", "range"):
        assert re.search(rf"^{label} .*ok$", ended.out, re.M), label
    assert sorted(os.listdir(tmp_path)) == before


def test_styles_are_blended_by_their_weights(paint, pictures, tmp_path):
    """A weight of 0 leaves a style out, to the byte; an even blend is neither of the two."""
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "other.png")
    content, style = pictures
    both = content, style, tmp_path / "other.png"
    alone = [paint(given=(content, style)), paint(given=(content, tmp_path / "other.png"))]
    np.testing.assert_array_equal(paint("--style-blend", "2,0", given=both), alone[0])
    np.testing.assert_array_equal(paint("--style-blend", "0,2", given=both), alone[1])
    mixed = paint(given=both)
    assert not np.array_equal(mixed, alone[0]) and not np.array_equal(mixed, alone[1])
    np.testing.assert_array_equal(mixed, paint("--style-blend", "0.3,0.3", given=both))


def test_original_colours_after(paint, pictures):
    """The result has the content's chroma: channel differences are the content's where nothing was clipped."""
    out = paint("--original-colors", "after")
    content = np.asarray(Image.open(pictures[0]).resize((32, 24), Image.Resampling.LANCZOS), np.float32)
    inside = ((out > 0) & (out < 255)).all(axis=-1)
    assert inside.mean() > 0.3
    difference = (out - content)[inside]
    assert np.ptp(difference, axis=-1).max() <= 3  # the same amount in each channel, but for rounding
    assert np.abs(difference).mean() > 3  # and the luminance was painted


def test_original_colours_before(door, pictures, paint):
    """The style is recoloured first: its mean colour is then the content's."""
    from nst.session.arguments import parse
    from nst.session.scales import Scale
    from nst.session.sources import read_pictures

    options = parse([*map(str, (*pictures, *QUICK)), "--original-colors", "before"])
    sources, scale = read_pictures(options), Scale(32, 1)
    content = sources.content_at(scale)
    (style,) = sources.styles_at(scale, content)
    np.testing.assert_allclose(style.mean(axis=(0, 1, 2)), content.mean(axis=(0, 1, 2)), atol=3)
    assert not np.array_equal(paint("--original-colors", "before"), paint())


@pytest.mark.parametrize(
    "change",
    [
        ("--pooling", "max"),
        ("--padding", "zero"),
        ("--style-layers", "relu1_1,relu2_1:0.25"),
        ("--content-weight", 500),
        ("--tv-weight", 1000),
        ("--style-scale", 0.5),
        ("--history", 1, "--iterations", 5),
        ("--optimizer", "adam"),
    ],
    ids=lambda change: " ".join(map(str, change)),
)
def test_each_argument_has_an_effect(paint, change):
    """What an argument changes is seen in the picture."""
    plain = paint("--iterations", 5) if "--history" in change else paint()
    assert not np.array_equal(paint(*change), plain)


def test_keras_names_are_understood(paint):
    """Layers may be called as in Keras; the record has the network's own names."""
    plain = paint()
    found = paint("--style-layers", "block1_conv1,block2_conv1", "--content-layers", "block2_conv1")
    np.testing.assert_array_equal(found, plain)
    assert list(record()["settings"]["style_layers"]) == ["relu1_1", "relu2_1"]


def test_a_weight_of_zero_switches_a_loss_off(paint):
    """Without a content or without a style the part is missing, and the rest still runs."""
    paint("--content-weight", 0, "--tv-weight", 0, "--range-weight", 0)
    assert list(record()["trace"]["rows"][0]["parts"]) == ["style relu1_1", "style relu2_1"]
    paint("--style-weight", 0)
    assert list(record()["trace"]["rows"][0]["parts"]) == ["content relu2_1", "tv", "range"]


def test_transparency_is_kept_or_put_on_white(paint, pictures, tmp_path):
    """--alpha keep writes the content's opacity at the new size; by default the result is opaque."""
    content = Image.open(pictures[0]).convert("RGBA")
    content.putalpha(Image.fromarray(np.repeat([[0, 255]], 30, axis=0).repeat(20, axis=1).astype(np.uint8)))
    content.save(tmp_path / "clear.png")
    given = tmp_path / "clear.png", pictures[1]
    kept = paint("--alpha", "keep", given=given)
    assert kept.shape == (24, 32, 4)
    assert (kept[:, :12, 3] < 30).all() and (kept[:, 20:, 3] > 225).all()
    assert paint(given=given).shape == (24, 32, 3)


@pytest.mark.parametrize(
    "name, kind", [("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("a.tiff", "TIFF"), ("b.PNG", "PNG")]
)
def test_the_extension_says_the_format(paint, tmp_path, name, kind):
    """The picture is of that kind, and its record and report have its name."""
    paint(output=name)
    with Image.open(name) as image:
        assert image.format == kind
    stem = name.split(".")[0]
    assert {f"{stem}.json", f"{stem}.html", f"{stem}.checkpoint.npz"} <= set(os.listdir(tmp_path))


def test_pictures_may_stand_on_both_sides_of_flags(door, pictures):
    """`photo.jpg --size 32 painting.jpg` is what it looks like."""
    content, style = pictures
    ended = door(main, content, *QUICK, style, "--quiet")
    assert ended == (0, "", "")


def test_an_older_result_is_replaced(paint, tmp_path):
    """A second run writes over the files of the first, and over nothing else."""
    paint()
    before = sorted(os.listdir(tmp_path))
    first = Path("out.png").read_bytes()
    paint("--init", "random")
    assert sorted(os.listdir(tmp_path)) == before and Path("out.png").read_bytes() != first


def test_a_full_disk_is_one_line_and_leaves_the_old_files(door, pictures, paint, monkeypatch, tmp_path):
    """When nothing more can be written, the run ends with one line after its progress, and no half file lies about."""
    paint()
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ended = door(main, *pictures, *QUICK, "--quiet", "--init", "random")
    assert (ended.status, ended.out) == (2, "")
    assert re.fullmatch(r"nst: cannot write out\S+: No space left on device\n", ended.err)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_real_weights_are_found_and_named(door, pictures, real_weights_path, monkeypatch):
    """VGG-19 is taken when asked for, or when $NST_WEIGHTS names its file; it says where it ends and what it takes.

    Where it merely lies in that folder, our own network paints as everywhere, and the line says that it is there.
    """
    monkeypatch.setenv("NST_WEIGHTS", str(real_weights_path.parent))
    ended = door(main, *pictures, "--size", 32, "--dry-run")
    assert "network: slim, which comes with nst; --network vgg19 paints finer\n" in ended.out
    assert "content layers: relu3_2" in ended.out and "end at" not in ended.out
    monkeypatch.setenv("NST_WEIGHTS", str(real_weights_path))
    assert f"network: vgg19 from {real_weights_path}" in door(main, *pictures, "--size", 32, "--dry-run").out
    monkeypatch.setenv("NST_WEIGHTS", str(real_weights_path.parent))
    ended = door(main, *pictures, "--network", "vgg19", "--size", 32, "--dry-run")
    assert ended.status == 0, ended
    assert f"network: vgg19 from {real_weights_path}" in ended.out
    assert "end at relu4_1" in ended.out and "content layers: relu3_2" in ended.out
    assert "style layers: relu1_1, relu2_1, relu3_1, relu4_1, weight" in ended.out
    refused = door(main, *pictures, "--network", "vgg19", "--size", 32, "--content-layers", "relu4_2")
    assert (
        refused.status == 2
        and "did you mean 'relu4_1'" in refused.err
        and "there are input, conv1_1" in refused.err
    )


def test_too_small_a_picture_for_reflection(door, pictures, tmp_path):
    """Where one row of pixels is left, nothing can be reflected: the line names the layer, and nothing is written."""
    before = sorted(os.listdir(tmp_path))
    ended = door(main, *pictures, "--network", "random", "--size", 32, "--quiet")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "conv5_1" in ended.err and sorted(os.listdir(tmp_path)) == before


def test_every_statistic_paints(paint):
    """Each alone and two together: another picture each time, and the record says which; histograms add their part."""
    found = {}
    for name in ("gram", "moments", "covariance", "histogram", "gram+histogram:0.5"):
        found[name] = paint("--style-statistic", name)
        assert list(record()["settings"]["style_statistic"]) == [
            part.split(":")[0] for part in name.split("+")
        ]
    assert {"style relu1_1", "histogram relu2_1"} <= set(record()["trace"]["rows"][-1]["parts"])
    pictures = list(found.values())
    assert all(np.abs(a - b).max() > 1 for i, a in enumerate(pictures) for b in pictures[:i])
