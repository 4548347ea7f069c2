"""The door `python -m nst.prune`, on small networks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst import formats, images
from nst.errors import NstError
from nst.formats.trained import TrainedNetwork, read_trained, write_trained
from nst.images.bundled import landscape_path, strokes_path
from nst.images.idx import DIGITS
from nst.networks import ARCHITECTURES, Weights, build, vgg_mnist, vgg_shapes
from nst.prune import main
from nst.pruning import by_kernel, choose, remove
from nst.pruning.source import square
from nst.run import main as run
from nst.train import main as train

CONVOLUTIONS = ("conv1_1", "conv2_1", "conv2_2", "conv3_1")
PICTURES = [str(landscape_path()), str(strokes_path())]


def weights_of(table: dict, network: str, narrow: int, seed: int = 0) -> Weights:
    """Return random weights of an architecture with all but its answers and the picture a share as wide."""
    rng, arrays = np.random.default_rng(seed), {}
    for name, shape in table.items():
        thin = tuple(n // narrow if n >= 16 else n for n in shape[-2:])
        thin = thin[:-1] + shape[-1:] if shape[-1] == 1000 else thin
        size = (*shape[:-2], *thin)
        scale = np.sqrt(2 / np.prod(size[:-1])) if len(size) > 1 else 0.1
        arrays[name] = (scale * rng.standard_normal(size)).astype(np.float32)
    return Weights(arrays, network, source="made for a test", licence="none")


@pytest.fixture
def small_vgg(tmp_path) -> Path:
    """A VGG-19 to conv3_1 with an eighth of the filters, as a file."""
    table = {name: shape for name, shape in list(vgg_shapes("vgg19").items())[:10]}
    path = tmp_path / "small.h5"
    formats.write(path, weights_of(table, "vgg19-cut", 8))
    return path


@pytest.fixture
def digits(tmp_path) -> tuple[Path, Path]:
    """A narrow `vgg-mnist` as `nst.train` writes it, and the folder of a small data set of its kind."""
    rng, folder = np.random.default_rng(2), tmp_path / "mnist"
    folder.mkdir()
    for name, count in (("train", 256), ("t10k", 40)):
        pixels, labels = rng.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / f"{name}-{kind}-ubyte").write_bytes(head + array.astype(np.uint8).tobytes())
    network, about = vgg_mnist(1, width=8), {"test accuracy": 0.5}
    trained = TrainedNetwork("vgg-mnist", {"width": 8}, DIGITS, (28, 28, 1), (33.3,), network, about)
    write_trained(tmp_path / "digits.npz", trained)
    return tmp_path / "digits.npz", folder


@pytest.fixture
def door(capsys):
    """Run the door and return its status, and what it printed."""

    def call(*arguments: object) -> tuple[int, str]:
        status = main([str(one) for one in arguments])
        return status, capsys.readouterr().out

    return call


def test_a_cut_file_is_painted_with(door, small_vgg, tmp_path):
    """What `cut` writes has the width asked for, says where it comes from, and `nst.run --weights` paints with it."""
    dest = tmp_path / "narrow.h5"
    arguments = ("--width", "1/2", "--pictures", *PICTURES, "--side", "48", "--dtype", "float16")
    status, out = door("cut", small_vgg, dest, *arguments)
    assert status == 0 and "cut to 1/2 of its width" in out
    found = formats.read(dest)
    assert found.network == "vgg19-cut" and found.licence == "none"
    assert found.arrays["conv3_1.weight"].shape == (3, 3, 8, 16)
    assert found.source.endswith("from small.h5") and "before: made for a test" in found.notes
    assert any("1/2 of each layer's filters" in note for note in found.notes)
    assert dest.stat().st_size < small_vgg.stat().st_size / 2
    painted = tmp_path / "out.png"
    flags = ["--size", "48", "--iterations", "2", "--quiet", "--content-layers", "relu2_2"]
    assert run([*PICTURES, "-o", str(painted), "--weights", str(dest), *flags]) == 0
    assert images.load(painted).size[1] == 48


@pytest.mark.parametrize("by", ["l1", "activation", "duplicates"])
def test_ranking_and_removing_go_by_the_same_scores(door, small_vgg, tmp_path, by):
    """The filters that `rank` prints last are those whose kernels are found in what `remove` writes."""
    options = ("--by", by, "--layers", "conv2_1", "--pictures", *PICTURES, "--side", "32")
    _, out = door("rank", small_vgg, *options)
    order = [int(part.partition("(")[0]) for part in out.removeprefix("conv2_1: ").split(", ")]
    dest = tmp_path / "left.h5"
    assert door("remove", small_vgg, dest, "--keep", "0.25", *options)[0] == 0
    before, after = (formats.read(path).arrays["conv2_1.weight"] for path in (small_vgg, dest))
    assert np.array_equal(after, before[..., sorted(order[-4:])])
    assert formats.read(dest).arrays["conv2_2.weight"].shape[2] == 4


def test_what_activation_maximisation_finds_alike_goes_first(door, small_vgg, tmp_path):
    """A filter that another one repeats, weaker, is the first to go by the pictures that both want."""
    weights = formats.read(small_vgg)
    kernel, bias = weights.arrays["conv1_1.weight"].copy(), weights.arrays["conv1_1.bias"].copy()
    kernel[..., 5], bias[5] = 0.8 * kernel[..., 2], 0.8 * bias[2]
    weights.arrays.update({"conv1_1.weight": kernel, "conv1_1.bias": bias})
    formats.write(tmp_path / "twins.h5", weights)
    options = ("--by", "maximised", "--layers", "conv1_1", "--iterations", "12", "--side", "32")
    status, out = door("rank", tmp_path / "twins.h5", *options)
    assert status == 0 and out.startswith("conv1_1: 5 (0), ")


def test_a_classifier_with_branches_is_cut_and_read_back(door, tmp_path):
    """A SqueezeNet without half of its filters is a file that is read, built, and answers with all its classes."""
    source, dest = tmp_path / "squeeze.h5", tmp_path / "less.h5"
    formats.write(source, weights_of(ARCHITECTURES["squeezenet"].shapes(), "squeezenet-cut", 8))
    assert (
        door("remove", source, dest, "--keep", "1/2", "--mend", "--pictures", PICTURES[0], "--side", "64")[0]
        == 0
    )
    found = formats.read(dest)
    network = build(found)
    assert found.arrays["fire3/expand3x3.weight"].shape == (3, 3, 1, 4)
    picture = np.full((1, 64, 64, 3), 100, np.float32)
    assert network.forward(picture, ["pool10"])[0]["pool10"].shape == (1, 1000)


def test_the_comparison_has_costs_and_worth(door, small_vgg, tmp_path):
    """Parameters, operations, bytes, time and style stand beside one another; the whole network is once itself."""
    table = {name: shape for name, shape in list(vgg_shapes("vgg19").items())[:18]}
    whole, narrow = tmp_path / "whole.h5", tmp_path / "narrow.h5"
    formats.write(whole, weights_of(table, "vgg19-cut", 16))
    door("cut", whole, narrow, "--width", "3/4", "--pictures", *PICTURES, "--side", "48")
    status, out = door("compare", whole, narrow, "--size", "32", "--pair", *PICTURES)
    header, first, second = (line.split() for line in out.splitlines())
    assert status == 0 and header[:4] == ["file", "parameters", "GFLOP", "bytes"]
    assert first[-1] == "1.00" and float(second[-2]) > 0
    assert int(second[1].replace(",", "")) < 0.6 * int(first[1].replace(",", ""))


def test_answers_are_counted(door, tmp_path):
    """With labels, `compare` counts how often a classifier is right, first and among its first five."""
    source = tmp_path / "squeeze.h5"
    weights = weights_of(ARCHITECTURES["squeezenet"].shapes(), "squeezenet-cut", 8)
    formats.write(source, weights)
    for name in PICTURES:
        os.symlink(name, tmp_path / Path(name).name)
    answer = build(weights).forward(square(PICTURES[0], 227, managed=False), ["pool10"])[0]["pool10"].argmax()
    lines = [f"{Path(PICTURES[0]).name} {answer}", f"{Path(PICTURES[1]).name} 1001"]
    (tmp_path / "labels.txt").write_text("\n".join(lines))
    _, out = door("compare", source, "--size", "64", "--labels", tmp_path / "labels.txt")
    assert "1 of 2" in out


def test_a_classifier_is_cut_and_trained_on(door, digits, tmp_path):
    """What `remove` leaves of a network of `nst.train` is its file again, which `--from` goes on with as it is."""
    source, data = digits
    dest, tuned = tmp_path / "cut.npz", tmp_path / "tuned.npz"
    status, out = door("remove", source, dest, "--keep", "1/4")
    assert status == 0 and "vgg-mnist" in out
    whole, found = read_trained(source), read_trained(dest)
    expected = remove(whole.network, choose(whole.network, by_kernel(whole.network, CONVOLUTIONS), 1 / 4))
    picture = np.random.default_rng(0).uniform(0, 255, (2, 28, 28, 1)).astype(np.float32)
    scores = [one.forward(picture, ["fc4"])[0]["fc4"] for one in (expected, found.network)]
    np.testing.assert_array_equal(*scores)
    assert found.arrays["conv3_1.weight"].shape == (3, 3, 4, 8) and found.classes == DIGITS
    assert "test accuracy" not in found.about and found.about["made smaller"]["from"] == "digits.npz"
    how = ["--epochs", "1", "--warmup", "0", "--quiet", "--from", str(dest), "-o", str(tuned)]
    assert train(["mnist", "--data", str(data), *how]) == 0
    shapes = [
        {name: array.shape for name, array in read_trained(one).arrays.items()} for one in (dest, tuned)
    ]
    assert shapes[0] == shapes[1]
    _, out = door("compare", source, dest, tuned, "--data", data)
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows[1:]] == ["digits.npz", "cut.npz", "tuned.npz"]
    assert all(" of 40" in line and " ms" in line for line in out.splitlines()[1:])
    assert int(rows[2][1].replace(",", "")) < 0.1 * int(rows[1][1].replace(",", ""))


def test_a_cut_weight_file_is_trained_on(tmp_path):
    """A canonical file of a cut network gives `nst.train` its widths as well, and its arrays by name."""
    source, dest = tmp_path / "squeeze.h5", tmp_path / "tuned.npz"
    formats.write(source, weights_of(ARCHITECTURES["squeezenet"].shapes(), "squeezenet-cut", 8))
    for number, name in enumerate(PICTURES * 2):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        os.symlink(name, folder / f"{number}{Path(name).suffix}")
    how = ["--network", "squeezenet", "--side", "32", "--batch", "2", "--epochs", "1", "--quiet"]
    how += ["--from", str(source), "--by-name", "--rate", "fire*=0", "-o", str(dest)]
    assert train(["folder", str(tmp_path / "pictures"), *how]) == 0
    before, after = formats.read(source).arrays, read_trained(dest).arrays
    assert np.array_equal(before["fire9/expand3x3.weight"], after["fire9/expand3x3.weight"])
    assert after["head/scores.weight"].shape == (64, 2)


@pytest.mark.parametrize("by", ["l1", "activation"])
def test_a_classifier_is_mended_with_its_own_pictures(door, digits, tmp_path, by):
    """Its answers come nearer to those of the whole, and its convolutions still have no biases."""
    source, data = digits
    looked = ["--data", data, "--count", "64", "--keep", "3/4", "--by", by, "--layers", "conv1_1"]
    for name, *flags in (("plain.npz",), ("mended.npz", "--mend")):
        assert door("remove", source, tmp_path / name, *looked, *flags)[0] == 0
    plain, mended = (read_trained(tmp_path / name) for name in ("plain.npz", "mended.npz"))
    assert plain.arrays.keys() == mended.arrays.keys() == read_trained(source).arrays.keys()
    picture = np.random.default_rng(4).integers(0, 256, (8, 28, 28, 1)).astype(np.float32)
    whole, cut, fitted = (
        one.network.forward(picture, ["relu2_1"])[0]["relu2_1"]
        for one in (read_trained(source), plain, mended)
    )
    assert np.square(fitted - whole).sum() < 0.7 * np.square(cut - whole).sum()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "DIGITS", "out.h5"], "are .npz files of float32"),
        (["remove", "DIGITS", "out.npz", "--dtype", "float16"], "are .npz files of float32"),
        (["remove", "DIGITS", "out.npz", "--mend"], "name its --data"),
        (["remove", "DIGITS", "out.npz", "--mend", "--pictures", PICTURES[0]], "name its --data"),
        (["remove", "DIGITS", "out.npz", "--mend", "--data", "absent"], "absent lacks train-images"),
        (["rank", "DIGITS", "--by", "maximised"], "sees grey ones"),
        (["cut", "DIGITS", "out.npz", "--pictures", PICTURES[0]], "is a classifier"),
        (["compare", "DIGITS", "--labels", "labels.txt"], "name its data set with --data"),
        (["compare", "SMALL", "--data", "mnist"], "is no network of nst.train"),
        (["remove", "SMALL", "out.h5", "--mend", "--data", "mnist"], "is no network of nst.train"),
    ],
)
def test_what_does_not_go_with_a_classifier_is_one_line(
    digits, small_vgg, monkeypatch, tmp_path, arguments, message
):
    """Formats and pictures of one kind of network are not those of the other, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    names = {"DIGITS": str(digits[0]), "SMALL": str(small_vgg)}
    with pytest.raises(NstError, match=message):
        main([names.get(one, one) for one in arguments])
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cut", "SMALL", "out.npz", "--pictures", PICTURES[0]], "must end in .h5"),
        (["cut", "SMALL", "SMALL", "--pictures", PICTURES[0]], "--force overwrites"),
        (["cut", "SMALL", "DEST", "--pictures", "absent"], "absent does not exist"),
        (["cut", "SMALL", "DEST", "--pictures", PICTURES[0], "--width", "5/4"], "no share above 0"),
        (["remove", "SMALL", "DEST", "--by", "activation"], "looks at pictures"),
        (["remove", "SMALL", "DEST", "--mend"], "looks at pictures"),
        (["cut", "SMALL", "DEST", "--pictures", PICTURES[0], "--width", "1e-999999999"], "no share above 0"),
        (["cut", "SMALL", "absent/d.h5", "--pictures", PICTURES[0]], "the folder absent does not exist"),
        (["rank", "SMALL", "--layers", "conv9_1"], "no layer 'conv9_1'"),
        (["rank", "SMALL", "--layers", "relu1_1"], "relu1_1 is a ReLU and has no filters"),
    ],
)
def test_a_wrong_argument_is_one_line(small_vgg, tmp_path, arguments, message):
    """What is wrong is said in one line, and nothing is written."""

    given = [
        str(small_vgg) if one == "SMALL" else str(tmp_path / "d.h5") if one == "DEST" else one
        for one in arguments
    ]
    with pytest.raises(NstError, match=message):
        main(given)
    assert not (tmp_path / "d.h5").exists()
