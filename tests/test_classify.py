"""The door that says what is in a picture."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.classify import _parser, main
from nst.cli import run_door
from nst.errors import NstError
from nst.formats.trained import TrainedNetwork, write_trained
from nst.images import luminance
from nst.images.folder import pictures_in
from nst.images.imagenet import class_names, synsets
from nst.inside.classifier import read_classifier, read_labels, square
from nst.networks.trainable import TRAINABLE, Trainable
from tests.networks.test_architectures import random
from tests.test_readme import commands
from tests.training import toy

REAL = Path(os.environ.get("NST_WEIGHTS", ""))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with the canonical file of a SqueezeNet that has learnt nothing."""
    folder = tmp_path_factory.mktemp("weights")
    formats.write(folder / "squeezenet.h5", random("squeezenet"))
    return folder


@pytest.fixture
def photos(tmp_path, weights, monkeypatch):
    """Three pictures in a folder of folders; the weights are found."""
    monkeypatch.setenv("NST_WEIGHTS", str(weights))
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "deep/c.PNG"):
        Image.fromarray(rng.integers(0, 255, (240, 300, 3), np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_a_folder_gives_labels_with_probabilities(photos, capsys):
    """Every picture of the folder, in order of names, with as many classes as asked for, the likeliest first."""
    assert run_door(main, [str(photos), "--top", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line).name for line in lines[::5]] == ["a.jpg", "b.png", "c.PNG"]
    shares = [float(line.split()[0]) for line in lines[1:5]]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0
    number, name = lines[1].split(maxsplit=3)[2:]
    assert class_names()[int(number)] == name


def test_json_holds_what_the_network_says(photos, tmp_path, capsys):
    """Scores and probabilities are the network's own: the softmax of all scores, and they add up."""
    assert (
        main([str(photos / "a.jpg"), "--json", str(tmp_path / "out.json"), "--top", "1000", "--fit", "none"])
        == 0
    )
    found = json.loads((tmp_path / "out.json").read_text())["pictures"][0]["networks"][0]
    assert found["network"] == "squeezenet" and len(found["classes"]) == 1000
    assert sum(entry["probability"] for entry in found["classes"]) == pytest.approx(1, abs=1e-3)
    total = sum(math.exp(entry["score"]) for entry in found["classes"])
    for entry in found["classes"][::100]:
        assert entry["probability"] == pytest.approx(math.exp(entry["score"]) / total, rel=1e-3, abs=1e-6)
        assert synsets()[entry["class"]] == entry["synset"]
    capsys.readouterr()
    assert main([str(photos / "a.jpg"), "--json", "-", "--top", "1", "--fit", "none"]) == 0
    again = json.loads(capsys.readouterr().out)["pictures"][0]["networks"][0]["classes"]
    assert again == found["classes"][:1]


def test_several_networks_each_answer(photos, weights, capsys):
    """Named or given as a file, each network has its own lines."""
    arguments = ["--network", "squeezenet", "--weights", str(weights / "squeezenet.h5"), "--top", "1"]
    assert main([str(photos / "a.jpg"), *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == lines[3] == "  squeezenet" and lines[2] == lines[4]


def test_labels_count_how_often_it_is_right(photos, tmp_path, capsys):
    """A label that is the first answer counts twice, one among the five once, one that is far off never."""
    main([str(photos), "--json", str(tmp_path / "out.json"), "--top", "1000"])
    ranks = [
        [entry["class"] for entry in one["networks"][0]["classes"]]
        for one in json.loads((tmp_path / "out.json").read_text())["pictures"]
    ]
    labels = {"a.jpg": ranks[0][0], "b.png": ranks[1][4], "c.PNG": ranks[2][5]}
    (tmp_path / "labels.txt").write_text("".join(f"{name} {label}\n" for name, label in labels.items()))
    capsys.readouterr()
    assert main([str(photos), "--labels", str(tmp_path / "labels.txt"), "--top", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "squeezenet: 1 of 3 right, 2 among the first five"


def test_a_broken_picture_is_left_out_of_a_folder_but_not_when_named(photos, capsys):
    """In a folder it is told and the rest goes on, with status 1; by itself it is an error, status 2."""
    (photos / "broken.png").write_text("no picture")
    assert run_door(main, [str(photos), "--top", "1"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6 and "left out" in err and "broken.png" in err
    assert run_door(main, [str(photos / "broken.png")]) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.png"], "missing.png does not exist"),
        (["--network", "googlnet"], "did you mean 'googlenet'"),
        (["--network", "googlenet"], "no weights of googlenet are here"),
        (["--top", "0"], "--top must be"),
        (["--labels", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--json", "absent/out.json", "--network", "googlnet"], "the folder absent does not exist"),
    ],
)
def test_mistakes_are_one_line(arguments, message, photos, capsys):
    """What is wrong and what to do, with status 2."""
    assert run_door(main, [str(photos / "a.jpg"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_labels_say_which_line_is_wrong(tmp_path):
    """A name may have spaces; a class that there is not is refused with its line."""
    (tmp_path / "l.txt").write_text("my cat.png 281\n\nno number\n")
    with pytest.raises(NstError, match="line 3"):
        read_labels(tmp_path / "l.txt")
    (tmp_path / "l.txt").write_text("a.png " + "9" * 5000)
    with pytest.raises(NstError, match="line 1"):
        read_labels(tmp_path / "l.txt")
    (tmp_path / "l.txt").write_text("my cat.png 281\n")
    assert read_labels(tmp_path / "l.txt") == {"my cat.png": 281}


@pytest.mark.parametrize("size", [(227, 227), (300, 500), (640, 256)])
def test_the_square_is_the_middle(size):
    """Cut without scaling it starts at half of what is over, at 1 of 227; scaled, its middle is the picture's."""
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = np.stack([y, x, 0 * x], axis=-1).astype(np.float32)
    cut = square(pixels, 224, "none")
    assert cut.shape == (224, 224, 3)
    assert cut[0, 0].tolist() == [(size[0] - 224) // 2, (size[1] - 224) // 2, 0]
    for fit in ("crop", "squash"):
        whole = square(pixels, 224, fit)
        assert whole.shape == (224, 224, 3)
        np.testing.assert_allclose(whole.mean((0, 1))[:2], [(n - 1) / 2 for n in size], atol=0.6)
    with pytest.raises(NstError, match="--fit crop"):
        square(pixels[:100], 224, "none")


def test_of_a_long_strip_the_middle_is_enlarged_alone():
    """One row of 400,000 pixels would fill 300 GB at the network's size; its middle is what is looked at."""
    strip = np.broadcast_to(np.arange(400_000, dtype=np.float32)[None, :, None], (1, 400_000, 3))
    for pixels in (strip, strip.swapaxes(0, 1)):
        assert square(pixels, 224).mean() == pytest.approx((400_000 - 1) / 2, abs=0.6)


def test_a_name_that_is_no_text_is_written_all_the_same(photos, tmp_path, capsys):
    """Bytes that are no UTF-8 come back from the JSON as Python has them."""
    name = os.fsdecode(b"caf\xe9.jpg")
    (photos / "a.jpg").rename(photos / name)
    assert run_door(main, [str(photos / name), "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["pictures"][0]
    assert found["picture"] == str(photos / name)
    capsys.readouterr()
    assert run_door(main, [str(photos / name), "--json", "-"]) == 0
    assert "caf\\udce9.jpg" in capsys.readouterr().out


def test_weights_that_end_early_give_no_scores(tmp_path):
    """A file without a classifier is refused with the layer at which it ends."""
    formats.write(tmp_path / "w.h5", random("alexnet"))
    with pytest.raises(NstError, match="ends at pool5"):
        read_classifier(path=tmp_path / "w.h5")


def test_a_picture_counts_once_and_hidden_ones_never(tmp_path):
    """Named and in a folder at once, it comes where it was named."""
    for name in ("a.png", "b.png", ".hidden.png", "note.txt"):
        (tmp_path / name).touch()
    found = pictures_in([tmp_path / "b.png", tmp_path])
    assert [(path.name, named) for path, named in found] == [("b.png", True), ("a.png", False)]


def test_the_list_of_classes():
    """A thousand names, each with its own identifier, in the order of the identifiers."""
    assert len(class_names()) == len(set(synsets())) == 1000
    assert synsets() == sorted(synsets()) and all(class_names())


def test_the_readmes_commands_are_understood():
    """Each line that calls the door passes the parser."""
    found = commands("nst.classify")
    assert len(found) >= 4 and all(_parser().parse_args(arguments).pictures for arguments in found)


def test_real_weights_know_a_can_opener(capsys):
    """GoogLeNet and SqueezeNet on the first of 200 pictures of ImageNet, whose class is 473."""
    picture = REAL.parent / "data" / "imagenet-val-200" / "ILSVRC2012_val101.jpeg"
    if not (REAL / "bvlc_googlenet.npz").is_file() or not picture.is_file():
        pytest.skip("NST_WEIGHTS does not name a folder with bvlc_googlenet.npz and ../data/imagenet-val-200")
    arguments = [
        "--network",
        "googlenet",
        "--network",
        "squeezenet",
        "--fit",
        "none",
        "--top",
        "1",
        "--json",
        "-",
    ]
    assert main([str(picture), *arguments]) == 0
    both = json.loads(capsys.readouterr().out)["pictures"][0]["networks"]
    assert [one["classes"][0]["class"] for one in both] == [473, 473]
    assert both[0]["classes"][0]["score"] == pytest.approx(19.1636, abs=1e-3)


@pytest.mark.parametrize("name", ["grey", "colour"])
def test_a_network_that_was_trained_here_names_its_own_classes(name, tmp_path, capsys):
    """The file that nst.train wrote says which they are, how large its pictures are, and whether they have colours."""
    channels = {"grey": 1, "colour": 3}[name]
    network, mean = toy.network(mean=(100.0,) * channels), (100.0,) * channels
    trained = TrainedNetwork("toy", {}, ("cat", "dog", "e\x1bel"), (8, 8, channels), mean, network)
    write_trained(tmp_path / "net.npz", trained)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRAINABLE, "toy", Trainable(toy.network, (8, 8, channels)))
        command = [str(tmp_path / "a.png"), "--weights", str(tmp_path / "net.npz"), "--fit", "none"]
        assert run_door(main, [*command, "--json", str(tmp_path / "out.json")]) == 0
    said = capsys.readouterr().out
    assert "cat" in said and "dog" in said and "\x1b" not in said
    x = picture.astype(np.float32)
    scores = network.forward((x if channels == 3 else luminance(x)[..., None])[None], ["fc"])[0]["fc"][0]
    (found,) = json.loads((tmp_path / "out.json").read_text())["pictures"][0]["networks"]
    assert [entry["class"] for entry in found["classes"]] == np.argsort(-scores).tolist()
    assert found["classes"][0]["score"] == pytest.approx(scores.max(), abs=1e-4)


@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_a_network_that_was_trained_here_sees_what_it_was_tested_on(fit, tmp_path, monkeypatch):
    """By default a picture of its own size stays as it is, and others are cut or squashed as in its training."""
    monkeypatch.setitem(TRAINABLE, "toy", Trainable(toy.network, (8, 8, 3)))
    network = toy.network()
    mean = (100.0,) * 3
    write_trained(
        tmp_path / "n.npz", TrainedNetwork("toy", {}, tuple("abc"), (8, 8, 3), mean, network, fit=fit)
    )
    classifier = read_classifier(path=tmp_path / "n.npz")
    own = np.random.default_rng(0).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    wide = np.zeros((8, 24, 3), np.float32)
    wide[:, 8:16] = own
    seen = own if fit == "crop" else square(wide, 8, "squash")
    for given, expected in ((own, own), (wide, seen)):
        scores = network.forward(expected[None], ["fc"])[0]["fc"][0]
        np.testing.assert_allclose(classifier(given).scores, scores, rtol=1e-4, atol=1e-5)


def test_real_weights_are_right_as_often_as_elsewhere(tmp_path, capsys):
    """Of 200 pictures with labels GoogLeNet knows 147, and 179 among five; SqueezeNet 117 and 172: as in PyTorch."""
    folder = REAL.parent / "data" / "imagenet-val-200"
    files = [REAL / "bvlc_googlenet.npz", REAL / "squeezenet_v1.1.npz", folder / "labels.txt"]
    if not all(path.is_file() for path in files):
        pytest.skip("weights of GoogLeNet and SqueezeNet, and the 200 pictures beside them, are not here")
    arguments = [
        str(folder),
        "--labels",
        str(files[2]),
        "--fit",
        "none",
        "--json",
        str(tmp_path / "all.json"),
    ]
    assert main([*arguments, "--weights", str(files[0]), "--weights", str(files[1])]) == 0
    counts = json.loads((tmp_path / "all.json").read_text())["counts"]
    assert [(one["network"], one["pictures"], one["first"], one["first_five"]) for one in counts] == [
        ("googlenet", 200, 147, 179),
        ("squeezenet", 200, 117, 172),
    ]
    assert capsys.readouterr().out.endswith("squeezenet: 117 of 200 right, 172 among the first five\n")
