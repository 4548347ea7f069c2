"""The door that shows what units look for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.cli import run_door
from nst.look import main
from tests.networks.test_architectures import random


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with the canonical file of a SqueezeNet that has learnt nothing."""
    folder = tmp_path_factory.mktemp("weights")
    formats.write(folder / "squeezenet.h5", random("squeezenet"))
    return folder


@pytest.fixture
def look(tmp_path, weights, monkeypatch, capsys):
    """`look(...)` runs `look unit` at a small size in an empty folder: exit status, output, errors."""
    monkeypatch.setenv("NST_WEIGHTS", str(weights))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        capsys.readouterr()
        small = ["--network", "squeezenet", "--size", "64", "--iterations", "4"]
        return run_door(main, ["unit", *small, *arguments]), *capsys.readouterr()

    return run


def test_a_row_for_each_target_and_a_record(look, tmp_path):
    """Three targets, two pictures each, side by side; the record says how, from what, and what came of it."""
    targets = "fire3/concat:5", "fire2/concat:3@middle", "class:zebra"
    still = "--jitter", "0", "--turn", "0", "--zoom", "0"  # so that four steps lead up for certain
    status, out, err = look(*targets, *still, "--count", "2", "-o", "a.png")
    assert (status, len(out.splitlines())) == (0, 3)
    assert "network: squeezenet from" in err and "fire3/concat:5: step 4 of 4" in err
    assert Image.open("a.png").size == (2 * 64 + 4, 3 * 64 + 8)
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["settings"]["recipe"]["iterations"] == 4 and len(record["hashes"]["weights"]) == 64
    assert tuple(result["target"] for result in record["results"]) == targets
    assert all(result["activation"] > result["before"] for result in record["results"])
    assert record["results"][2]["class"] == 340 and len(record["results"][2]["probabilities"]) == 2


def test_the_same_command_the_same_picture(look, tmp_path):
    """To the byte; and what it prints of the activation is in the record."""
    look("fire3/concat:5", "--quiet", "-o", "a.png")
    status, out, err = look("fire3/concat:5", "--quiet", "-o", "b.png")
    assert (status, err) == (0, "")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    activation = json.loads((tmp_path / "b.json").read_text())["results"][0]["activation"]
    assert f"-> {activation:.4g}" in out


def test_settings_change_the_recipe(look, tmp_path):
    """A flag changes one setting of the recipe, the rest stay."""
    assert look("fire3/concat:5", "--recipe", "yosinski-3", "--blur", "2", "--rate", "5")[0] == 0
    recipe = json.loads((tmp_path / "unit.json").read_text())["settings"]["recipe"]
    assert (recipe["space"], recipe["rate"], recipe["rules"]["blur"]) == ("pixels", 5, 2)
    assert (recipe["rules"]["blur_every"], recipe["rules"]["decay"]) == (4, 1e-4)


def test_stretched_pictures_have_full_contrast(look):
    """A faint picture becomes a strong one with grey in the middle; the activation is that of the faint one."""
    faint = "fire3/concat:5", "--recipe", "plain", "--start", "1", "--rate", "1e-6"
    plain, strong = (look(*faint, *flags)[1].split("(")[0] for flags in ((), ("--stretch", "-o", "b.png")))
    assert plain == strong
    weak, full = (np.asarray(Image.open(name), float) for name in ("unit.png", "b.png"))
    assert weak.std() < 20 < 35 < full.std() and abs(full.mean() - 127.5) < 3


def test_pictures_of_one_target_differ(look):
    """Several begin from different noise, and diversity is understood."""
    assert look("fire3/concat:5", "--count", "2", "--diversity", "10")[0] == 0
    pixels = np.asarray(Image.open("unit.png"), float)
    assert np.abs(pixels[:, :64] - pixels[:, 68:]).mean() > 1


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["fire3/concat:999"], "fire3/concat has channels 0 to 127, no 999"),
        (["fire3/concatt:1"], "did you mean 'fire3/concat'?"),
        (["class:zebraa"], "no class is called 'zebraa'; did you mean 'zebra'?"),
        (["fire3/concat:1", "--recipe", "wave"], "no recipe 'wave'; did you mean 'waves'?"),
        (["fire3/concat:1", "-o", "nowhere/a.png"], "the folder nowhere does not exist"),
        (["fire3/concat:1", "--network", "vgg16"], "no weights of vgg16 are here"),
        (["fire3/concat:1", "--count", "2", "--diversity", "1", "--diversity-layer", "x"], "no layer 'x'"),
        (["class:3", "--count", "2", "--diversity", "1"], "a class has no places"),
        ([], "the following arguments are required: TARGET"),
    ],
)
def test_mistakes_are_one_line(look, tmp_path, arguments, said):
    """Said before any picture is made, and nothing is written."""
    status, out, err = look(*arguments, "--quiet")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_command_is_needed(capsys):
    """Without one, or with an unknown one, there is one line."""
    assert run_door(main, []) == 2
    assert "COMMAND" in capsys.readouterr().err
    assert run_door(main, ["units"]) == 2
    assert "invalid choice: 'units'" in capsys.readouterr().err
