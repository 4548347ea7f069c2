"""The door that trains: what it writes, how it stops and goes on, and what it refuses."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import re
import shlex
import signal
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.cli import run_door
from nst.formats.trained import read_trained, write_trained
from nst.networks.trainable import TRAINABLE, Trainable
from nst.train import main, parser
from nst.training import run
from nst.training.arguments import command_line
from nst.training.training_checkpoint import load_training, save_training
from tests.training import toy

QUICK = ["--network", "toy", "--epochs", "3", "--batch", "8", "--dropout", "0.3", "--average", "0.9"]
QUICK += ["--learning-rate", "0.05", "--schedule", "cosine", "--warmup", "0.5", "--label-smoothing", "0.1"]


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch) -> Path:
    """A working folder with pictures of three classes, and a toy among the networks that can be trained."""
    monkeypatch.setitem(TRAINABLE, "toy", Trainable(toy.network, (8, 8, 3), ("width",), any_side=True))
    monkeypatch.chdir(tmp_path)
    data = toy.pictures(36)
    for i, (pixels, label) in enumerate(zip(data.pictures(np.arange(36)), data.labels, strict=True)):
        folder = Path("pictures", toy.CLASSES[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path


def train(*arguments: str, network: list[str] = QUICK) -> int:
    """Call the door on the folder of pictures."""
    return run_door(main, ["folder", "pictures", *network, *arguments])


def test_it_leaves_a_network_a_log_and_a_report(capsys):
    """The network is one that can be read back with its classes, and the log has a line of JSON for each epoch."""
    assert train("-o", "out.npz", "--width", "4") == 0
    told = capsys.readouterr().err
    assert "log 3 is 1.099" in told and "epoch 3/3" in told and told.endswith("out.html\n")
    found = read_trained("out.npz")
    assert found.classes == tuple(sorted(toy.CLASSES)) and found.sizes == {"width": 4}
    assert found.network.nodes["conv1"].layer.weight.shape == (3, 3, 3, 4)
    lines = [json.loads(line) for line in Path("out.log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3] and [line["step"] for line in lines] == [3, 6, 9]
    names = {"epoch", "step", "seconds", "loss", "accuracy", "test_loss", "test_accuracy", "learning_rate"}
    assert all(line.keys() == names for line in lines)
    assert found.about["test accuracy"] == lines[-1]["test_accuracy"]
    page = Path("out.html").read_text()
    assert page.count("<svg") == 4 and "Learning rate" in page and "Accuracy" in page


def test_the_report_has_the_command(capsys):
    """With it the same bytes come out: what was loaded, frozen, slowed down and mirrored in tests is all in it."""
    assert train("-o", "base.npz", "--quiet") == 0
    how = ["--from", "base.npz", "--freeze", "[cn]o*1", "--rate", "fc=0.5", "--tta", "flip", "--quiet"]
    assert train("-o", "a b.npz", *how) == 0
    told = html.unescape(Path("a b.html").read_text())
    (command,) = re.findall(r"python -m nst\.train ([^<]*)", told)
    assert "--tta=flip" in command and "--from=base.npz" in command
    before = Path("a b.npz").read_bytes()
    Path("a b.npz").unlink()
    assert run_door(main, shlex.split(command)) == 0
    assert Path("a b.npz").read_bytes() == before


@pytest.mark.parametrize("at", [2, 3])
def test_ctrl_c_saves_and_says_how_to_go_on(at, monkeypatch, capsys):
    """Within an epoch and at its end; gone on with by that very command, the files are byte for byte the same."""
    assert train("-o", "whole.npz") == 0
    after = run.Run._after_step

    def pressed(self, trained):
        after(self, trained)
        if self.training.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(run.Run, "_after_step", pressed)
        capsys.readouterr()
        assert train("-o", "parts.npz") == 130
    told = capsys.readouterr().err
    assert f"stopped on request after step {at} of 9" in told
    (command,) = re.findall(r"go on with: python -m nst.train (.*)", told)
    assert run_door(main, command.split()) == 0
    assert Path("parts.npz").read_bytes() == Path("whole.npz").read_bytes()
    with np.load("parts.checkpoint.npz") as parts, np.load("whole.checkpoint.npz") as whole:
        assert set(parts) == set(whole)
        for name in set(parts) - {"meta"}:
            assert parts[name].tobytes() == whole[name].tobytes()
    kept = [
        [{**json.loads(line), "seconds": 0} for line in Path(f"{name}.log.jsonl").read_text().splitlines()]
        for name in ("parts", "whole")
    ]
    assert kept[0] == kept[1]


def refused(capsys, *arguments: str, cause: str) -> None:
    """Expect exit status 2 and one line that says the cause."""
    capsys.readouterr()
    assert run_door(main, list(arguments)) == 2
    told = capsys.readouterr().err
    assert cause in told and told.count("\n") == 1


def test_a_resumed_training_must_be_the_same(monkeypatch, capsys):
    """Another setting, other pictures, another command or a complete training: one line each, nothing is written."""
    assert train("-o", "out.npz") == 0
    before = {path: path.read_bytes() for path in Path().glob("out.*")}
    here = ["folder", "--resume", "-o", "out.npz"]
    refused(capsys, *here, cause="the training is complete")
    refused(capsys, *here, "--momentum", "0.5", cause="--momentum: the checkpoint was made with its default")
    refused(capsys, *here, "--epochs", "9", cause="--epochs: the checkpoint was made with 3")
    refused(capsys, "cifar10", "--resume", "out.checkpoint.npz", cause="not one of `nst.train cifar10`")
    Image.new("RGB", (8, 8)).save("pictures/red/new.png")
    refused(capsys, *here, cause="the pictures are not those")
    Path("pictures").rename("moved")
    refused(capsys, *here, cause="does not exist")
    refused(capsys, *here, "moved", cause="the pictures are not those")
    Path("moved/red/new.png").unlink()
    refused(capsys, *here, "moved", cause="the training is complete")
    assert before == {path: path.read_bytes() for path in Path().glob("out.*")}


def test_what_is_frozen_must_be_the_same(tmp_path, monkeypatch, capsys):
    """No checkpoint has the weights of frozen layers: the file that they came from is found again, and compared."""
    assert train("-o", "base.npz") == 0
    assert train("-o", "tuned.npz", "--from", "base.npz", "--freeze", "conv1") == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    here = ["folder", "--quiet", "--resume"]
    refused(capsys, *here, "../tuned.checkpoint.npz", cause="the training is complete")
    monkeypatch.chdir(tmp_path)
    assert train("-o", "base.npz", "--seed", "5") == 0
    refused(
        capsys,
        *here,
        "tuned.checkpoint.npz",
        cause="the weights of frozen layers are not those",
    )


def test_the_mean_must_be_the_same(monkeypatch, capsys):
    """A mean that comes with other weights is in no checkpoint: where that file has another one by now, it is told."""
    assert train("-o", "base.npz", "--quiet") == 0
    with monkeypatch.context() as patch:
        patch.setattr(run, "interruptible", lambda: nullcontext(lambda: True))
        assert train("-o", "tuned.npz", "--from", "base.npz") == 130
    base = read_trained("base.npz")
    network = toy.network(mean=(50.0,) * 3)
    write_trained("base.npz", dataclasses.replace(base, network=network, mean=(50.0,) * 3))
    refused(capsys, "folder", "--quiet", "--resume", "tuned.checkpoint.npz", cause="the means to subtract")


def test_nothing_to_test_on_is_an_error(capsys):
    """An empty list of tested pictures is no accuracy of 0 %, neither in a training nor in a dry run."""
    files = sorted(str(path.relative_to("pictures")) for path in Path("pictures").glob("*/*.png"))
    Path("pictures/train.txt").write_text("\n".join(files))
    Path("pictures/test.txt").write_text("")
    for more in ([], ["--dry-run"]):
        refused(capsys, "folder", "pictures", *QUICK, *more, cause="there is no picture to test on")


def test_checkpoints_that_are_none_are_refused(capsys):
    """A file that is missing, one of another kind, one cut short, and one whose settings are no settings."""
    assert train("-o", "out.npz") == 0
    refused(capsys, "folder", "--resume", "no.npz", cause="checkpoint no.npz does not exist")
    refused(capsys, "folder", "--resume", "out.npz", cause="its format is not 'nst training 1'")
    whole = Path("out.checkpoint.npz").read_bytes()
    Path("cut.npz").write_bytes(whole[: len(whole) // 2])
    refused(capsys, "folder", "--resume", "cut.npz", cause="cut.npz is damaged")
    for old, new in ((b'"momentum": null', b'"momentum": {}  '), (b'"seed": 0', b'"seed": -')):
        assert old in whole
        Path("odd.npz").write_bytes(whole.replace(old, new))
        refused(capsys, "folder", "--resume", "odd.npz", cause="checkpoint")


@pytest.mark.parametrize(
    "part, key, value",
    [
        ("arguments", "freeze", 5),
        ("arguments", "freeze", "conv1"),
        ("arguments", "by_name", 3),
        ("arguments", "flip", "yes"),
        ("arguments", "fit", "zzz"),
        ("arguments", "side", "abc"),
        ("arguments", "side", 10**7),
        ("arguments", "per_class", "x"),
        ("arguments", "held_out", "x"),
        ("arguments", "milestones", 3),
        ("arguments", "epochs", float("nan")),
        ("arguments", "weights", 7),
        ("state", "averaged", -11),
        ("state", "averaged", 10**6),
        ("state", "seconds", float("nan")),
        ("state", "sums", {"loss": 0.0, "correct": 0, "pictures": -8}),
        ("state", "sums", 3),
    ],
    ids=str,
)
def test_what_a_checkpoint_asks_for_is_believed_no_more_than_what_is_typed(part, key, value, stopped, capsys):
    """Whoever edits one setting of a checkpoint gets one line, and no traceback."""
    saved = load_training(stopped)
    (saved.settings["arguments"] if part == "arguments" else saved.state)[key] = value
    save_training("odd.checkpoint.npz", saved)
    refused(capsys, "folder", "--quiet", "--resume", "odd.checkpoint.npz", cause="")


@pytest.fixture
def stopped(monkeypatch) -> str:
    """The checkpoint of a training that was stopped after a step."""
    with monkeypatch.context() as patch:
        patch.setattr(run, "interruptible", lambda: nullcontext(lambda: True))
        assert train("-o", "part.npz", "--quiet") == 130
    return "part.checkpoint.npz"


@pytest.mark.parametrize(
    "words",
    [
        ["--no-flip", "--freeze=conv1", "--freeze=norm1", "--rate=fc=0.5", "--schedule=step"],
        ["--milestones=1,2.5", "--crop=0.5", "--nesterov", "--fit=squash", "--no-keep-features"],
        ["--from=a b.npz", "--by-name", "--", "-pictures"],
    ],
    ids=" ".join,
)
def test_a_command_is_written_as_it_is_read(words):
    """Parsing what `command_line` makes of parsed arguments gives the same arguments."""
    folder = parser().parse_args(["folder"]).parser
    options = vars(folder.parse_args(words))
    assert vars(folder.parse_args(command_line(folder, options))) == options


@pytest.mark.parametrize(
    "arguments, cause",
    [
        (["folder"], "name the folder of pictures"),
        (["folder", "nowhere"], "nowhere does not exist"),
        (["folder", "pictures", "-o", "out.h5"], "name an .npz file"),
        (["folder", "pictures", "-o", "no/out.npz"], "in a folder that can be written"),
        (["folder", "pictures", *QUICK, "--batch", "1000"], "do not fill one batch of 1000"),
        (["folder", "pictures", *QUICK, "--hidden", "3"], "toy has no 'hidden' to choose; it has width"),
        (["folder", "pictures", *QUICK, "--warmup", "7"], "warm-up of 7 epochs"),
        (["folder", "pictures", *QUICK, "--threads", "1000"], "--threads 1000"),
        (["folder", "pictures", "--epochs", "0"], "0 is not a whole number from 1"),
        (["cifar10", "--data", "nowhere"], "nowhere"),
        (["mnist", "--data", "nowhere"], "nowhere"),
        (["cifar11"], "cifar11"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_mistakes_are_one_line(arguments, cause, capsys):
    """Exit status 2, what is wrong, and no file."""
    refused(capsys, *arguments, cause=cause)
    assert [path.name for path in Path().iterdir()] == ["pictures"]


def test_a_training_that_diverges_keeps_what_was_saved(monkeypatch, capsys):
    """One line names step, layer and cause; the last checkpoint of finite weights stays, byte for byte.

    Here the last step of an epoch ruins the weights, and no loss has told of it when the epoch is to be saved.
    """
    save, saved = run.Run.save, []

    def watched(self):
        save(self)
        saved.append((self.training.step, Path("out.checkpoint.npz").read_bytes()))

    monkeypatch.setattr(run.Run, "save", watched)
    with np.errstate(all="ignore"):
        how = ["--learning-rate", "1e4", "--warmup", "400", "--schedule", "constant", "--weight-decay", "1"]
        assert train("-o", "out.npz", "--epochs", "400", *how) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("nst: step ") and "the learning rate is too high" in told
    step, content = saved[-1]
    assert 0 < step < int(re.findall(r"step (\d+)", told)[0])
    assert Path("out.checkpoint.npz").read_bytes() == content
    checkpoint = load_training("out.checkpoint.npz")
    assert checkpoint.state["step"] == step
    assert all(np.isfinite(array).all() for array in checkpoint.arrays.values())


def test_a_dry_run_says_how_much_it_would_be_and_writes_nothing(capsys):
    """Numbers and bytes of the network, and seconds; no file appears."""
    assert train("--dry-run", "-o", "out.npz") == 0
    told = capsys.readouterr().out
    numbers = sum(array.size for of in toy.network().parameters().values() for array in of.values())
    assert f"{numbers:,} numbers to train" in told and "all of it would take" in told
    assert [path.name for path in Path().iterdir()] == ["pictures"]


def test_quiet_says_nothing(capsys):
    """Neither progress nor files are told of."""
    assert train("--quiet", "-o", "out.npz") == 0
    assert capsys.readouterr() == ("", "")


def test_the_whole_door_says_how_it_is_used(capsys):
    """Each command has its help, with the options that matter there."""
    own = {"distil": "--gram-from", "decoder": "--feature-weight"}
    for command in ("mnist", "cifar10", "folder", *own):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert own.get(command, "--label-smoothing") in capsys.readouterr().out
