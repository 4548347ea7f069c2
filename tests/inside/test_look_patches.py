"""`look patches` from the command line: one pass for all units, regions in the sheet, stopping and going on."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.cli import run_door
from nst.images import load
from nst.inside import patch_pass
from nst.inside.patches import activation, patch
from nst.look import main
from nst.networks import build
from tests.networks.test_architectures import random


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The first modules of a SqueezeNet that has learnt nothing, and its classifier's size is never asked for."""
    folder = tmp_path_factory.mktemp("weights")
    formats.write(
        folder / "squeezenet.h5",
        random("squeezenet", ("fire4", "fire5", "fire6", "fire7", "fire8", "fire9", "conv10")),
    )
    return folder / "squeezenet.h5"


@pytest.fixture
def look(tmp_path, weights, monkeypatch):
    """Run the door over a folder of twelve pictures; what it runs is counted in `look.looked`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(12):
        size = (int(rng.integers(40, 70)), int(rng.integers(40, 70)), 3)
        Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(
            tmp_path / "pictures" / f"{number:02d}.png"
        )
    features = patch_pass._features

    def counted(*arguments):
        run.looked += 1
        return features(*arguments)

    monkeypatch.setattr(patch_pass, "_features", counted)

    def run(*arguments):
        run.looked = 0
        given = [
            "--pictures",
            str(tmp_path / "pictures"),
            "--weights",
            str(weights),
            "-o",
            str(tmp_path / "out.png"),
        ]
        return run_door(main, ["patches", *arguments, *given])

    run.looked = 0
    return run


def test_the_regions_are_those_of_the_highest_activations(look, weights, tmp_path):
    """The record names the best of all pictures, and each region by itself gives the activation that it tells."""
    assert look("fire3/concat:5", "--count", "4", "--rules", "none", "--cell", "48") == 0
    network = build(formats.read(weights))
    best = {}
    for path in sorted((tmp_path / "pictures").iterdir()):
        features = network.forward(load(path).pixels[None], ["fire3/concat"])[0]["fire3/concat"]
        best[path.name] = features[..., 5].max()
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    expected = sorted(best.values(), reverse=True)[:4]
    assert [one["activation"] for one in results] == pytest.approx(expected, rel=1e-5)
    for one in results:
        pixels = load(one["picture"]).pixels
        found = patch(network, "fire3/concat", tuple(one["place"]), pixels.shape[:2])
        assert [list(found.rows), list(found.columns)] == [one["rows"], one["columns"]]
        assert activation(network, found, pixels)[5] == pytest.approx(one["activation"], rel=1e-5)
    assert Image.open(tmp_path / "out.png").size == (2 * 48 + 4, 2 * 48 + 4)


def test_a_second_unit_costs_no_second_pass(look, tmp_path):
    """Another layer and another channel come from the index; a convolution before its ReLU is looked at once."""
    assert look("fire2/concat:3") == 0 and look.looked == 12
    assert look("pool1:7", "fire3/relu_squeeze1x1:1") == 0 and look.looked == 0
    assert look("fire3/squeeze1x1:1") == 0 and look.looked == 12
    assert look("fire3/squeeze1x1:2") == 0 and look.looked == 0
    Image.new("RGB", (50, 50)).save(tmp_path / "pictures" / "more.png")
    assert look("fire2/concat:3") == 0 and look.looked == 1
    assert Image.open(tmp_path / "out.png").size == (4 * (3 * 112 + 8) + 3 * 16, 3 * 112 + 8)


def test_stopped_it_goes_on(look, tmp_path, monkeypatch, capsys):
    """After Ctrl-C the same command does only what is left, and comes to the same result."""
    assert look("fire2/concat:3", "--index", str(tmp_path / "straight.json")) == 0
    straight = json.loads((tmp_path / "out.json").read_text())["results"]

    class Asked:
        def __enter__(self):
            return lambda: look.looked >= 5

        def __exit__(self, *_):
            return None

    with monkeypatch.context() as patched:
        patched.setattr(patch_pass, "interruptible", Asked)
        assert look("fire2/concat:3") == 130 and look.looked == 5
    assert "the same command goes on" in capsys.readouterr().err
    assert look("fire2/concat:3") == 0 and look.looked == 7
    assert json.loads((tmp_path / "out.json").read_text())["results"] == straight


def test_pictures_that_cannot_be_used_are_left_out(look, tmp_path, capsys):
    """Broken or too small ones are told of; one that is large enough for shallow layers alone serves those."""
    (tmp_path / "pictures" / "broken.png").write_text("no picture")
    Image.new("RGB", (2, 2)).save(tmp_path / "pictures" / "tiny.png")
    Image.effect_noise((5, 5), 99).save(tmp_path / "pictures" / "small.png")
    assert look("fire3/concat:5") == 0
    out, err = capsys.readouterr()
    assert "broken.png" in err and len(re.findall("left out", err)) == 2 and "small.png" not in out
    assert look("relu_conv1:5", "--count", "13", "--again") == 0
    assert "small.png" in (tmp_path / "out.json").read_text()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["fire3/concat"], "a target is LAYER:CHANNEL"),
        (["fire3/concta:1"], "did you mean 'fire3/concat'"),
        (["fire3/concat:128"], "has channels 0 to 127, no 128"),
        (["class:zebra"], "know no classes"),
        ([f"fire3/concat:{'9' * 5000}"], "is no target"),
        (["fire3/concat:1", "--index", "absent/index.json"], "the folder absent does not exist"),
        (["fire3/concat:1", "--rules", "guess"], "'guess' is none of plain, guided, deconv, none"),
    ],
)
def test_mistakes_are_one_line(arguments, message, look, capsys):
    """What is wrong and what to do, with status 2."""
    assert look("--quiet", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_an_index_of_other_pictures_says_how_to_begin_anew(look, tmp_path, capsys):
    """A picture that has gone is named; with --again everything is looked at anew, and with more places kept."""
    assert look("fire2/concat:3") == 0
    (tmp_path / "pictures" / "03.png").unlink()
    assert look("fire2/concat:3") == 2 and "03.png has gone" in capsys.readouterr().err
    assert look("fire2/concat:3", "--again", "--count", "11") == 0 and look.looked == 11
    assert len(json.loads((tmp_path / "out.json").read_text())["results"]) == 11
    assert look("fire2/concat:3", "--count", "12") == 2


def test_a_class_is_a_unit_that_sees_all(look, tmp_path):
    """Of a layer without places the whole middle square is the region."""
    whole = tmp_path / "whole.h5"
    formats.write(whole, random("squeezenet"))
    arguments = [
        "patches",
        "class:goldfish",
        "--pictures",
        str(tmp_path / "pictures"),
        "--weights",
        str(whole),
    ]
    assert (
        run_door(main, [*arguments, "-o", str(tmp_path / "c.png"), "--count", "2", "--rules", "guided"]) == 0
    )
    results = json.loads((tmp_path / "c.json").read_text())["results"]
    assert [one["place"] for one in results] == [None, None]
    assert results[0]["rows"] == results[0]["columns"] == [0, 227]
