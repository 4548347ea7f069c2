"""The door that dreams."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.cli import run_door
from nst.dream import main
from nst.networks import Weights
from tests.networks.test_architectures import random


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with the canonical file of a SqueezeNet that has learnt nothing."""
    folder = tmp_path_factory.mktemp("weights")
    formats.write(folder / "squeezenet.h5", random("squeezenet"))
    return folder


@pytest.fixture
def dream(pictures, tmp_path, weights, monkeypatch, capsys):
    """`dream(...)` dreams of a small picture in the test's own folder: exit status, output, errors."""
    monkeypatch.setenv("NST_WEIGHTS", str(weights))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        capsys.readouterr()
        small = ["--network", "squeezenet", "--size", "96", "--octaves", "2", "--iterations", "2"]
        return run_door(main, ["content.png", *small, *arguments]), *capsys.readouterr()

    return run


def test_a_picture_a_record_and_a_report(dream, tmp_path):
    """All three are written; the record has each step, the page shows each octave."""
    status, out, err = dream()
    assert (status, out) == (0, "wrote dream.png, dream.json, dream.html\n")
    assert "octave 2 of 2, 96x72" in err
    assert Image.open("dream.png").size == (96, 72)
    record = json.loads((tmp_path / "dream.json").read_text())
    assert record["settings"]["layers"] == ["fire8/concat"]
    assert [row["size"] for row in record["trace"]["rows"]] == [69, 69, 96, 96]
    assert set(record["hashes"]) == {"picture", "weights"}
    assert "96x72" in (tmp_path / "dream.html").read_text()


def test_the_same_command_the_same_picture_in_any_tiles(dream, tmp_path):
    """To the byte with the same tile; the tile itself changes a grey level at most."""
    for name, *tile in (("a.png",), ("b.png",), ("c.png", "--tile", "32")):
        assert dream("-o", name, "--layer", "fire3/concat", *tile, "--quiet")[::2] == (0, "")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    whole, tiled = (np.asarray(Image.open(name), int) for name in ("a.png", "c.png"))
    assert np.abs(whole - tiled).max() <= 1


def test_a_sequence_of_frames(dream, tmp_path):
    """Numbered pictures, of which each is another."""
    status, out, _ = dream("--frames", "3", "--layer", "fire2/concat", "--layer", "fire3/concat:5")
    assert (status, out) == (0, "wrote dream-00001.png to dream-00003.png, dream.json, dream.html\n")
    frames = [np.asarray(Image.open(f"dream-0000{k}.png"), float) for k in (1, 2, 3)]
    assert all(np.abs(one - other).mean() > 1 for one, other in itertools.pairwise(frames))


def test_a_sequence_that_goes_on_is_the_same(dream, tmp_path):
    """Broken off behind its second frame and resumed, a sequence has the same files as one in a piece, to the byte."""
    line = ["--layer", "fire2/concat", "--zoom", "0.1", "--quiet"]
    assert dream(*line, "-o", "whole.png", "--frames", "4")[0] == 0
    assert dream(*line, "-o", "part.png", "--frames", "2")[0] == 0
    (tmp_path / "part.html").unlink()
    before = (tmp_path / "part-00002.png").stat().st_mtime_ns
    assert dream(*line, "-o", "part.png", "--frames", "4", "--resume")[0] == 0
    assert (tmp_path / "part-00002.png").stat().st_mtime_ns == before
    for number in range(1, 5):
        one, other = (tmp_path / f"{name}-0000{number}.png" for name in ("whole", "part"))
        assert one.read_bytes() == other.read_bytes()
    rows = [
        json.loads((tmp_path / f"{name}.json").read_text())["trace"]["rows"] for name in ("whole", "part")
    ]
    assert len(rows[1]) == 16 and [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert (tmp_path / "part.html").is_file()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--frames", "2"], "all 2 frames are there: --frames 3"),
        (["--frames", "3", "--zoom", "0.2"], "its zoom differs"),
        (["--frames", "3", "--guide", "style.png"], "its guide differs"),
        (["--frames", "3", "--layer", "fire3/concat"], "its layers differs"),
        (["--frames", "1"], "goes on with a sequence"),
        (["--frames", "3", "-o", "zoom.jpg"], "goes on with a sequence"),
        (["--frames", "3", "-o", "other.png"], "no sequence to go on with"),
    ],
)
def test_what_cannot_go_on_is_one_line(dream, tmp_path, arguments, said):
    """A sequence is gone on with as it was begun, but for its length."""
    assert dream("-o", "zoom.png", "--frames", "2", "--quiet")[0] == 0
    status, _, err = dream("-o", "zoom.png", *arguments, "--resume", "--quiet")
    assert (status, err.count("\n")) == (2, 1) and said in err


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"settings": {"done": true}}', '{"settings": {}}', "[" * 100_000, '{"hashes": 1}']
)
def test_a_record_that_is_none_is_one_line(dream, tmp_path, content):
    """Whatever stands in the record's place."""
    (tmp_path / "zoom.json").write_text(content)
    status, _, err = dream("-o", "zoom.png", "--frames", "2", "--resume", "--quiet")
    assert status == 2 and "is no record of a sequence" in err


def test_a_frame_that_was_changed_is_one_line(dream, tmp_path):
    """A frame of another size is not what was dreamt."""
    assert dream("-o", "zoom.png", "--frames", "2", "--quiet")[0] == 0
    Image.new("RGB", (20, 20)).save(tmp_path / "zoom-00002.png")
    status, _, err = dream("-o", "zoom.png", "--frames", "3", "--resume", "--quiet")
    assert status == 2 and "is not the frame that was written there" in err


def test_a_guide_changes_the_dream(dream, tmp_path):
    """It is another dream with a guide, and the record names the guide."""
    dream("-o", "plain.png")
    assert dream("-o", "guided.png", "--guide", "style.png")[0] == 0
    plain, guided = (np.asarray(Image.open(name), float) for name in ("plain.png", "guided.png"))
    assert np.abs(plain - guided).mean() > 1
    record = json.loads((tmp_path / "guided.json").read_text())
    assert record["settings"]["guide"] == "style.png" and "guide" in record["hashes"]


def test_a_short_network_has_a_default_layer_too(dream, tmp_path, weights):
    """A VGG that ends at its second convolution dreams of its first ReLU."""
    rng = np.random.default_rng(0)
    shapes = {
        "conv1_1.weight": (3, 3, 3, 4),
        "conv1_1.bias": (4,),
        "conv1_2.weight": (3, 3, 4, 4),
        "conv1_2.bias": (4,),
    }
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    formats.write(
        tmp_path / "short.h5", Weights(arrays, "vgg19-cut", source="made for a test", licence="none")
    )
    assert dream("--network", "vgg19-cut", "--weights", "short.h5", "--quiet")[0] == 0
    assert json.loads((tmp_path / "dream.json").read_text())["settings"]["layers"] == ["relu1_1"]


def test_no_frame_is_written_over_the_picture(dream, tmp_path):
    """A sequence that would be the picture's own name in one of its frames is refused, and the picture stays."""
    (tmp_path / "zoom-00002.png").symlink_to(tmp_path / "content.png")
    before = (tmp_path / "content.png").read_bytes()
    status, _, err = dream("-o", "zoom.png", "--frames", "3", "--quiet")
    assert status == 2 and "would overwrite an input" in err
    assert (tmp_path / "content.png").read_bytes() == before and not (tmp_path / "zoom-00001.png").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--layer", "fire9/concatt"], "did you mean 'fire9/concat'?"),
        (["--layer", "class:3"], "not of class 3"),
        (["--layer", "fire3/concat:1@middle"], "not of unit fire3/concat:1"),
        (["--layer", "fire3/concat:1", "--guide", "style.png"], "--guide takes whole layers"),
        (["--guide", "gone.png"], "gone.png"),
        (["--max-pixels", "1000"], "content.png has 40x30 pixels, more than --max-pixels 1000 allows"),
        (["--max-pixels", "6000"], "96x72 pixels are more than --max-pixels 6000 allows"),
        (["--octaves", "9"], "give at most --octaves 3"),
        (["--layer", "fire3/concat", "--layer", "fire3/concat"], "fire3/concat is named twice"),
        (["--layer", "fire3/concat", "--layer", "fire3/concat", "--guide", "style.png"], "is named twice"),
        (["-o", "content.png"], "would overwrite an input"),
        (["-o", "style.png", "--guide", "style.png"], "would overwrite an input"),
        (["--zoom", "0.9"], "not a number from 0 to 0.5"),
        (["--octave-scale", "1"], "not a number above 1"),
    ],
)
def test_mistakes_are_one_line(dream, tmp_path, arguments, said):
    """Said before the work begins, and nothing is written."""
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    status, out, err = dream(*arguments, "--quiet")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
