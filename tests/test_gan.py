"""The door `python -m nst.gan`: what it prints and writes, how it stops and goes on, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.adversarial.training import FORMAT, Run, read_checkpoint
from nst.cli import run_door
from nst.formats.generator_file import read_generator
from nst.gan import main
from nst.npz import write_npz

SMALL = ["--net", "dense", "--width", "8", "--noise", "3"]
QUICK = [
    "--steps",
    "6",
    "--batch",
    "4",
    "--critic-steps",
    "2",
    "--head-start",
    "1",
    "--learning-rate",
    "0.001",
]
PATCHES = ["--width", "4", "--noise", "2", "--side", "40", *QUICK, "--steps", "2", "--head-start", "0"]
SEEN = ["--steps", "40", "--critic-steps", "1"]  # so that the running statistics of the generator are its own
SUFFIXES = (".npz", ".png", ".log.jsonl", ".checkpoint.npz")


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch) -> Path:
    """A working folder with a few digits and a texture."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("mnist.npz", train_images=rng.integers(0, 256, (20, 28, 28), dtype=np.uint8))
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save("sample.png")
    return tmp_path


def gan(*arguments: str) -> int:
    return run_door(main, list(arguments))


def digits(*arguments: str) -> int:
    return gan("mnist", "--data", "mnist.npz", *SMALL, *QUICK, *arguments)


def everything(name: str) -> list[bytes]:
    return [Path(name + suffix).read_bytes() for suffix in SUFFIXES]


def test_the_toy_prints_estimate_bound_and_closed_form(capsys):
    """A line for each look; the first is of a trained critic, to 5 per cent of the closed form."""
    how = ["--head-start", "8", "--batch", "256", "--learning-rate", "1e-4", "--steps", "4", "--looks", "2"]
    assert gan("toy", "--real", "0,1", "--fake=-2,1", *how) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "closed form" in head and "Lipschitz bound" in head and len(lines) == 3
    step, *_, known, estimate, slope, found = lines[0].split()
    assert (step, known) == ("0", "2.0000")
    assert float(found) == pytest.approx(2, rel=0.05)
    assert float(estimate) / float(slope) == pytest.approx(float(found), rel=1e-2)


def test_digits_leave_a_generator_a_sheet_and_a_log(capsys):
    """The log has the critic's estimate, the measured Lipschitz bound and the one that its weights allow."""
    assert digits("-o", "out.npz") == 0
    told = capsys.readouterr().err
    assert "estimate" in told and "measured Lipschitz bound" in told and "6/6" in told
    (line,) = [json.loads(line) for line in Path("out.log.jsonl").read_text().splitlines()]
    assert line["step"] == 6 and line["critic_steps"] == 100 + 5 * 2
    assert 0 < line["slope"] <= line["bound"]
    assert Image.open("out.png").size == (8 * 28, 8 * 28)
    found = read_generator("out.npz")
    assert found.sizes == {"noise": 3, "hidden": 8} and found.about["step"] == 6


def test_the_same_seed_gives_the_same_bytes(capsys):
    """All four files; another seed gives another generator."""
    for name, seed in (("one", "7"), ("two", "7"), ("three", "8")):
        assert digits("-o", f"{name}.npz", "--seed", seed, "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert everything("one") == everything("two")
    assert everything("one")[0] != everything("three")[0]


@pytest.mark.parametrize("kind", ["mnist", "texture"])
def test_ctrl_c_saves_and_says_how_to_go_on(kind, monkeypatch, capsys):
    """Gone on with by that very command, all files are byte for byte those of a training that was never stopped."""
    how = ["--data", "mnist.npz", *SMALL, *QUICK] if kind == "mnist" else ["sample.png", *PATCHES]
    assert gan(kind, *how, "-o", "whole.npz") == 0
    step = Run.step

    def pressed(self):
        step(self)
        if self.game.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", pressed)
        capsys.readouterr()
        assert gan(kind, *how, "-o", "parts.npz") == 130
    told = capsys.readouterr().err
    assert "stopped on request after step 1 of" in told
    (command,) = re.findall(r"go on with: python -m nst.gan (.*)", told)
    assert everything("parts") != everything("whole")
    assert gan(*shlex.split(command)) == 0
    assert everything("parts") == everything("whole")


def test_saving_on_the_way_changes_nothing():
    """Nor does the log's pace: files of a training that saved at each step are those of one that did not."""
    assert digits("-o", "often.npz", "--save-every", "1", "--quiet") == 0
    assert digits("-o", "once.npz", "--quiet") == 0
    assert everything("often") == everything("once")


def test_a_texture_is_drawn_in_any_size(capsys):
    """The generator of one texture makes pictures of the size that is asked for, others for another seed."""
    assert gan("texture", "sample.png", *PATCHES, *SEEN, "-o", "t.npz") == 0
    assert Image.open("t.png").size == (256, 256)
    assert read_generator("t.npz").about["of"] == "sample.png"
    for name, size, seed in (("a", "50x33", "0"), ("b", "50x33", "1"), ("c", "24", "0")):
        assert gan("sample", "t.npz", "-o", f"{name}.png", "--size", size, "--seed", seed) == 0
    a, b, c = (np.asarray(Image.open(f"{name}.png")) for name in "abc")
    assert a.shape == (33, 50, 3) and c.shape == (24, 24, 3)
    assert not np.array_equal(a, b)


def test_a_critic_may_look_through_the_network_that_comes_with_nst():
    """Its own layers are clipped and kept in the checkpoint, those of the network are neither."""
    assert gan("texture", "sample.png", *PATCHES, "--features", "relu1_1", "-o", "t.npz", "--quiet") == 0
    found = read_checkpoint("t.checkpoint.npz")
    assert found.settings["features"] == "relu1_1"
    critic = {name.split(".")[1] for name in found.arrays if name.startswith("critic.")}
    assert critic == {"conv1", "conv2", "conv3", "scores"}


def test_digits_are_drawn_in_any_number():
    """Ten of them lie in rows of three, the last row filled up with black."""
    assert digits("-o", "d.npz", "--quiet") == 0
    assert gan("sample", "d.npz", "--count", "10", "-o", "ten.png", "--quiet") == 0
    picture = np.asarray(Image.open("ten.png"))
    assert picture.shape == (4 * 28, 3 * 28, 3)
    assert picture[-28:, 28:].max() == 0 and picture[:28].max() > 0


def refused(capsys, *arguments: str, cause: str) -> None:
    """Expect exit status 2 and one line that says the cause."""
    capsys.readouterr()
    assert gan(*arguments) == 2
    told = capsys.readouterr().err
    assert cause in told and told.count("\n") == 1


def test_what_cannot_be_trained_is_refused(capsys):
    """Before anything is written: data, sizes, targets."""
    refused(capsys, "mnist", cause="mnist does not exist")
    refused(capsys, "texture", "none.png", cause="none.png does not exist")
    refused(capsys, "texture", "sample.png", cause="64x48 pixels: too few for patches of 64")
    refused(capsys, "texture", "sample.png", "--side", "42", cause="take a multiple")
    refused(capsys, "texture", "sample.png", "-o", "out.png", cause="name an .npz file")
    refused(capsys, "mnist", "--data", "mnist.npz", "-o", "no/out.npz", cause="name an .npz file")
    refused(capsys, "mnist", "--data", "mnist.npz", "-o", "mnist.npz", cause="would overwrite an input")
    refused(capsys, "toy", "--real", "1", cause="no mean and deviation")
    refused(capsys, "toy", "--real", "0,0", cause="not a number from 1e-06")
    refused(capsys, "mnist", "--clip", "0", cause="--clip")
    assert not list(Path().glob("*.jsonl"))


def test_what_cannot_be_drawn_is_refused(capsys):
    """A size of digits, a count of textures, a file of something else, the model itself as the target."""
    assert digits("-o", "d.npz", "--quiet") == 0
    assert gan("texture", "sample.png", *PATCHES, "-o", "t.npz", "--quiet") == 0
    refused(capsys, "sample", "d.npz", "--size", "64", cause="makes digits: give --count")
    refused(capsys, "sample", "t.npz", "--count", "4", cause="makes textures: give --size")
    refused(capsys, "sample", "t.npz", "--size", "9999", cause="no size up to 4096")
    refused(capsys, "sample", "mnist.npz", cause="name a file that nst.gan wrote")
    refused(capsys, "sample", "t.checkpoint.npz", cause="its format is not")


def test_a_resumed_training_must_be_the_same(capsys):
    """Other settings, other pictures, another command, a complete training: each is told from the checkpoint."""
    assert digits("-o", "out.npz", "--quiet") == 0
    again = ["mnist", "--data", "mnist.npz", "-o", "out.npz", "--resume"]
    refused(capsys, *again, cause="the training is complete")
    refused(capsys, *again, "--clip", "0.02", cause="--clip: the checkpoint was made with 0.01")
    refused(capsys, *again, "--recipe", "quick", cause="--recipe: the checkpoint has its own")
    refused(capsys, *again, "--net", "dc", cause="--net: the checkpoint was made with dense")
    refused(
        capsys, "texture", "sample.png", "-o", "out.npz", "--resume", cause="not one of `nst.gan texture`"
    )
    np.savez("mnist.npz", train_images=np.ones((20, 28, 28), np.uint8))
    refused(capsys, *again, cause="the pictures are not those")


def resumed(capsys, change=lambda meta, arrays: None) -> tuple[int, str]:
    """Go on from a checkpoint that has two steps to go, after `change`; return the status and what was said."""
    assert digits("-o", "out.npz", "--quiet") == 0
    found = read_checkpoint("out.checkpoint.npz")
    meta = {"settings": found.settings, "state": found.state}
    meta["settings"]["recipe"]["steps"] = 8
    meta["state"] |= {"history": [], "estimates": [0.1] * 6}
    change(meta, found.arrays)
    write_npz("part.checkpoint.npz", FORMAT, meta, found.arrays)
    capsys.readouterr()
    status = gan("mnist", "--data", "mnist.npz", "--resume", "part.checkpoint.npz")
    return status, capsys.readouterr().err


def test_a_checkpoint_that_is_right_is_gone_on_with(capsys):
    """What the next test breaks is otherwise whole."""
    status, told = resumed(capsys)
    assert status == 0 and "8/8" in told and Path("part.npz").exists()


@pytest.mark.parametrize(
    "where, what, value",
    [
        ("state", "step", -1),
        ("state", "step", 9),
        ("state", "step", "3"),
        ("state", "averaged", 99),
        ("state", "history", None),
        ("state", "history", [3]),
        ("state", "history", [{"step": 6}]),
        ("state", "history", [{"step": 6, "critic_steps": 6, "estimate": 0.1, "slope": 0, "bound": 1}]),
        ("state", "estimates", [None] * 6),
        ("state", "estimates", []),
        ("settings", "recipe", {"clip": 0.01}),
        ("settings", "width", 10**9),
        ("settings", "net", "other"),
        ("arrays", "critic.fc1.weight", np.zeros((2, 2), np.float32)),
        ("arrays", "generator.fc1.bias", np.full(8, np.nan, np.float32)),
        ("arrays", "of_critic.fc1.bias", np.full(2, -1, np.float32)),
    ],
)
def test_a_checkpoint_is_not_believed(where, what, value, capsys):
    """Whatever is wrong with it ends in one line, and no file is written."""

    def change(meta, arrays):
        (arrays if where == "arrays" else meta[where])[what] = value

    status, told = resumed(capsys, change)
    assert status == 2 and told.count("\n") == 1
    assert not Path("part.npz").exists()
