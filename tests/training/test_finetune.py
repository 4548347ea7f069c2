"""Beginning with another network's weights, through the door: loading, freezing, rates, and features that are kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.cli import run_door
from nst.formats.trained import read_trained
from nst.networks.trainable import TRAINABLE, Trainable
from nst.prune import main as prune
from nst.train import main
from nst.training import finetune
from nst.training.features import Features
from nst.training.train_folder import first_of_each
from tests.training import toy

QUICK = ["--network", "toy", "--recipe", "vgg-small", "--epochs", "3", "--batch", "8", "--shift", "0"]
QUICK += ["--cutout", "0", "--warmup", "0", "--learning-rate", "0.05", "--dropout", "0.3"]


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch) -> None:
    """A working folder with pictures of three classes, and of two of them, and a toy among the networks."""
    monkeypatch.setitem(TRAINABLE, "toy", Trainable(toy.network, (8, 8, 3), ("width",), any_side=True))
    monkeypatch.chdir(tmp_path)
    data = toy.pictures(36)
    for i, (pixels, label) in enumerate(zip(data.pictures(np.arange(36)), data.labels, strict=True)):
        for folder in ("three", "two")[: 2 if label else 1]:
            Path(folder, toy.CLASSES[label]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(Path(folder, toy.CLASSES[label], f"{i}.png"))


def train(folder: str, output: str, *arguments: str) -> int:
    """Call the door on one of the folders."""
    return run_door(main, ["folder", folder, *QUICK, "-o", output, *arguments])


def test_a_frozen_base_is_taken_over_and_stays(capsys):
    """What was learned on three classes is loaded for two, but for the classifier; frozen layers keep their bytes."""
    assert train("three", "first.npz") == 0
    assert train("two", "second.npz", "--from", "first.npz", "--by-name", "--freeze", "[cn]o*1") == 0
    told = capsys.readouterr().err
    assert "by name from first.npz (toy)" in told and "fc.weight: 8x2 here, 8x3 in the file" in told
    assert "frozen: 2 layers, conv1 to norm1" in told and "up to relu1, run once over 44 pictures" in told
    first, second = (read_trained(name) for name in ("first.npz", "second.npz"))
    assert first.mean == second.mean and len(second.classes) == 2
    same = {name for name, array in first.arrays.items() if np.array_equal(array, second.arrays[name])}
    assert same == {"conv1.weight", "norm1.gamma", "norm1.beta", "norm1.running_mean", "norm1.running_var"}


def test_kept_features_train_what_pictures_train():
    """With features kept, networks and accuracies are those that training on pictures gives, up to rounding."""
    assert train("three", "first.npz") == 0
    how = "--from", "first.npz", "--freeze", "conv1", "--freeze", "norm1", "--rate", "fc=0.5"
    assert train("three", "kept.npz", *how, "--keep-features") == 0
    assert train("three", "whole.npz", *how, "--no-keep-features") == 0
    kept, whole = read_trained("kept.npz"), read_trained("whole.npz")
    assert kept.about["test accuracy"] == whole.about["test accuracy"]
    for name, array in whole.arrays.items():
        np.testing.assert_allclose(kept.arrays[name], array, rtol=1e-3, atol=1e-5)
    assert not np.array_equal(kept.arrays["fc.weight"], read_trained("first.npz").arrays["fc.weight"])


def test_where_features_cannot_be_kept_pictures_do(monkeypatch, capsys):
    """Too large to keep, features are given up and pictures trained on, unless they were asked for."""
    monkeypatch.setattr(finetune, "Features", partial(Features, limit=10))
    how = "--freeze", "conv1", "--freeze", "norm1"
    assert train("three", "kept.npz", *how) == 0
    assert "training on the pictures instead" in capsys.readouterr().err
    assert train("three", "whole.npz", *how, "--no-keep-features") == 0
    assert Path("kept.npz").read_bytes() == Path("whole.npz").read_bytes()
    assert train("three", "none.npz", *how, "--keep-features") == 2
    assert "--no-keep-features" in capsys.readouterr().err.splitlines()[-1]


def test_a_resumed_training_on_features_gives_the_same_bytes(monkeypatch):
    """Stopped after an epoch and gone on with, the features are computed anew, and the files are the same."""
    from nst.training import run

    assert train("three", "first.npz") == 0
    how = "--from", "first.npz", "--freeze", "conv1", "--freeze", "norm1"
    assert train("three", "once.npz", *how) == 0
    with monkeypatch.context() as patch:
        patch.setattr(run, "interruptible", Stopped)
        assert train("three", "parts.npz", *how) == 130
    assert train("three", "parts.npz", "--resume") == 0
    assert Path("parts.npz").read_bytes() == Path("once.npz").read_bytes()


def test_what_was_cut_is_trained_and_resumed(monkeypatch, capsys):
    """From fewer filters, and with a classifier for fewer classes; stopped and gone on with, it is the same file."""
    from nst.training import run

    assert train("three", "first.npz") == 0
    assert prune(["remove", "first.npz", "cut.npz", "--keep", "1/2"]) == 0
    assert train("three", "once.npz", "--from", "cut.npz") == 0
    assert read_trained("once.npz").arrays["conv2.weight"].shape == (3, 3, 3, 4)
    with monkeypatch.context() as patch:
        patch.setattr(run, "interruptible", Stopped)
        assert train("three", "parts.npz", "--from", "cut.npz") == 130
    assert train("three", "parts.npz", "--resume") == 0
    assert Path("parts.npz").read_bytes() == Path("once.npz").read_bytes()
    assert train("two", "fewer.npz", "--from", "cut.npz", "--by-name") == 0
    assert "fc.weight: 4x2 here, 4x3 in the file" in capsys.readouterr().err
    assert read_trained("fewer.npz").arrays["conv2.weight"].shape == (3, 3, 3, 4)


class Stopped:
    """Asks to stop after every step."""

    def __enter__(self):
        return lambda: True

    def __exit__(self, *error):
        return None


def test_a_rate_of_nought_keeps_a_layer():
    """`--rate` reaches the optimiser: with the factor 0 the classifier alone does not move."""
    assert train("three", "first.npz") == 0
    assert train("three", "second.npz", "--from", "first.npz", "--rate", "fc=0") == 0
    first, second = (read_trained(name).arrays for name in ("first.npz", "second.npz"))
    assert np.array_equal(first["fc.weight"], second["fc.weight"])
    assert not np.array_equal(first["conv2.weight"], second["conv2.weight"])


def test_a_dry_run_tells_what_is_kept_and_writes_nothing(capsys):
    """It measures the frozen layers on a few pictures and says what all take in time and memory."""
    assert train("three", "out.npz", "--freeze", "conv1", "--freeze", "norm1", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "frozen: 2 layers" in told and "which takes" in told and "8x8x6 for each" in told
    assert not Path("out.npz").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--by-name"], "name the file"),
        (["--from", "missing.npz"], "missing.npz"),
        (["--freeze", "fire*"], "matches no layer that learns; there are conv1"),
        (["--freeze", "*"], "nothing to learn"),
        (["--rate", "fc"], "GLOB=FACTOR"),
        (["--rate", "fc=-1"], "GLOB=FACTOR"),
        (["--rate", "fire*=0.1"], "no parameter that learns"),
        (["--keep-features"], "no frozen layer"),
        (["--keep-features", "--freeze", "conv1", "--shift", "0.2", "--turn", "5"], "--turn, --shift"),
    ],
)
def test_what_makes_no_sense_ends_in_one_line(arguments, message, capsys):
    """Each mistake is told with what to do, before anything is trained or written."""
    assert train("three", "out.npz", *arguments) == 2
    told = capsys.readouterr().err
    assert message in told.splitlines()[-1] and not Path("out.npz").exists()


def test_a_file_of_another_network_wants_by_name(capsys):
    """Without `--by-name` everything must fit; the message names what does not."""
    assert train("three", "first.npz") == 0
    assert train("two", "second.npz", "--from", "first.npz") == 2
    assert "fc.weight does not fit; --by-name" in capsys.readouterr().err


def test_few_of_each_class_are_the_first_of_it():
    """`--per-class` keeps the order and takes as many of each class as there are, up to the number."""
    assert first_of_each(np.array([2, 0, 2, 0, 1, 2, 0]), 2).tolist() == [0, 1, 2, 3, 4]
