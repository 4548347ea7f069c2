"""A trained network as a file: read back as it was, and never believed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.formats.trained import FORMAT, TrainedNetwork, is_trained, read_trained, write_trained
from nst.networks import trainable, vgg_cifar
from nst.networks.surgery import remove
from nst.npz import write_npz
from nst.training.average import arrays

SIZES = {"width": 2, "hidden": 8}
NAMES = ("cat", "dog", "a bird")
MEAN = (120.0, 110.5, 100.25)


@pytest.fixture
def trained() -> TrainedNetwork:
    """A narrow VGG-19 whose arrays, running statistics too, are no longer the fresh ones."""
    network, rng = vgg_cifar(1, classes=3, mean=MEAN, **SIZES), np.random.default_rng(0)
    for _, _, array in arrays(network):
        array += rng.random(array.shape, np.float32)
    return TrainedNetwork("vgg19-cifar", SIZES, NAMES, (32, 32, 3), MEAN, network, {"recipe": {"epochs": 3}})


def test_it_comes_back_as_it_was(trained, tmp_path):
    """Names, mean, all arrays and what is told; the network that is built of it says the same to a picture."""
    write_trained(tmp_path / "net.npz", trained)
    found = read_trained(tmp_path / "net.npz")
    assert (found.name, found.sizes, found.classes, found.shape, found.mean, found.about) == (
        "vgg19-cifar",
        SIZES,
        NAMES,
        (32, 32, 3),
        MEAN,
        {"recipe": {"epochs": 3}},
    )
    assert {name: array.tobytes() for name, array in found.arrays.items()} == {
        name: array.tobytes() for name, array in trained.arrays.items()
    }
    x = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    scores = [one.network.forward(x, ["norm8"])[0]["norm8"] for one in (trained, found)]
    np.testing.assert_array_equal(*scores)


def test_the_same_network_gives_the_same_bytes(trained, tmp_path):
    """Written twice, the files are equal."""
    for name in ("a.npz", "b.npz"):
        write_trained(tmp_path / name, trained)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_cut_network_comes_back_as_it_is(trained, tmp_path):
    """With fewer filters in some layers than its name and sizes tell, it is read by what its arrays are."""
    kept = {"conv1_1": [1], "conv3_4": [0, 2, 5], "fc6": [0, 1, 2, 3, 6, 7]}
    cut = dataclasses.replace(trained, network=remove(trained.network, kept))
    write_trained(tmp_path / "cut.npz", cut)
    found = read_trained(tmp_path / "cut.npz")
    assert found.arrays["conv1_2.weight"].shape == (3, 3, 1, 2) and found.sizes == SIZES
    assert {name: array.tobytes() for name, array in found.arrays.items()} == {
        name: array.tobytes() for name, array in cut.arrays.items()
    }


def written(path: Path, trained: TrainedNetwork, head: dict, changed: dict) -> Path:
    """Write a file whose head or arrays are others than they should be."""
    meta = {"network": trained.name, "sizes": trained.sizes, "classes": list(trained.classes)}
    meta |= {"shape": [32, 32, 3], "mean": list(trained.mean), "about": {}}
    of = {name: array for name, array in {**trained.arrays, **changed}.items() if array is not None}
    write_npz(path, FORMAT, {**meta, **head}, of)
    return path


@pytest.mark.parametrize(
    "head, changed, cause",
    [
        ({"network": "vgg20"}, {}, "no network 'vgg20'"),
        ({"network": ["vgg19-cifar"]}, {}, "which network"),
        ({"network": "vgg19-cifar", "sizes": {"width": 4096, "hidden": 8}}, {}, "much larger than the file"),
        ({"sizes": {"width": 10**9}}, {}, "is no width"),
        ({"sizes": {"seed": 3}}, {}, "'seed'"),
        ({"sizes": {"width": True, "hidden": 8}}, {}, "is no width"),
        ({"sizes": {"width": 1, "hidden": 8}}, {}, "not float32"),
        ({"classes": []}, {}, "classes make no sense"),
        ({"classes": [1, 2, 3]}, {}, "classes is not"),
        ({"classes": ["cat"] * 4}, {}, "fc8.weight"),
        ({"classes": "cat"}, {}, "classes is not"),
        ({"shape": [32, 32]}, {}, "shape"),
        ({"shape": [32, 33, 3]}, {}, "no pictures of the shape"),
        ({"mean": [1.0, 2.0]}, {}, "mean"),
        ({"mean": [1.0, 2.0, "x"]}, {}, "mean"),
        ({"about": 3}, {}, "make no sense"),
        ({}, {"fc8.weight": None}, "'fc8.weight' is missing"),
        ({}, {"fc9.weight": np.zeros(3, np.float32)}, "'fc9.weight' is missing, or belongs to no layer"),
        ({}, {"norm8.gamma": np.zeros(4, np.float32)}, "norm8.gamma is float32 (4,), not float32 (3,)"),
        ({}, {"norm8.gamma": np.zeros(3)}, "norm8.gamma is float64"),
        ({}, {"conv1_1.weight": np.zeros((3, 3, 3, 1), np.float32)}, "norm1_1"),
        (
            {},
            {"fc8.weight": np.zeros((8, 2), np.float32)},
            "fc8.weight is float32 (8, 2), not float32 (8, 3)",
        ),
        ({}, {"norm8.gamma": np.full(3, np.nan, np.float32)}, "not finite"),
    ],
    ids=lambda part: json.dumps(part, default=str)[:40],
)
def test_a_file_that_is_wrong_ends_in_one_line(trained, tmp_path, head, changed, cause):
    """Whatever it claims, no memory is taken for it, and the line names the file and the cause."""
    path = written(tmp_path / "net.npz", trained, head, changed)
    with pytest.raises(NstError) as caught:
        read_trained(path)
    assert str(path) in str(caught.value) and cause in str(caught.value) and "\n" not in str(caught.value)


def test_other_files_are_told_apart(tmp_path):
    """What is missing, and a zip that holds something else."""
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    for path in (tmp_path / "other.npz", tmp_path / "none.npz"):
        with pytest.raises(NstError, match=r"trained network .*npz"):
            read_trained(path)


def test_a_zip_of_another_age_is_none_of_ours(trained, tmp_path):
    """An archive that claims to need a zip of version 20.0 is left to whoever reads it: a line, and no traceback."""
    write_trained(tmp_path / "net.npz", trained)
    content = bytearray((tmp_path / "net.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 200
    (tmp_path / "net.npz").write_bytes(content)
    assert not is_trained(tmp_path / "net.npz")
    for read in (read_trained, formats.read):
        with pytest.raises(NstError, match=r"net\.npz"):
            read(tmp_path / "net.npz")


@pytest.mark.parametrize("shape", [[60000, 60000, 3], [64, 32, 3], [64, 64, 1]], ids=str)
def test_pictures_of_any_size_are_squares_of_a_size_that_one_can_train_on(shape, tmp_path):
    """Whoever classifies enlarges pictures to what the file says: no more than can be trained, and in its channels."""
    network = trainable.fresh("vgg-small", 0, classes=3, mean=(1.0,) * shape[2], sizes={"width": 8})
    found = TrainedNetwork("vgg-small", {"width": 8}, NAMES, tuple(shape), (1.0,) * shape[2], network)
    write_trained(tmp_path / "net.npz", found)
    with pytest.raises(NstError, match=r"net\.npz .*no pictures of the shape"):
        read_trained(tmp_path / "net.npz")
    write_trained(tmp_path / "net.npz", dataclasses.replace(found, shape=(64, 64, 3), mean=(1.0,) * 3,
        network=trainable.fresh("vgg-small", 0, classes=3, mean=(1.0,) * 3, sizes={"width": 8})))  # fmt: skip
    assert read_trained(tmp_path / "net.npz").shape == (64, 64, 3)


@pytest.mark.parametrize("name", trainable.TRAINABLE)
def test_every_network_to_train_can_be_read_back(name, tmp_path):
    """The same name, with its smallest sizes where it has some, builds a network that the file fits."""
    known = trainable.TRAINABLE[name]
    sizes = dict.fromkeys(known.sizes, 8)
    mean = MEAN[: known.shape[2]]
    network = trainable.fresh(name, 0, classes=3, mean=mean, sizes=sizes)
    write_trained(tmp_path / "net.npz", TrainedNetwork(name, sizes, NAMES, known.shape, mean, network))
    assert read_trained(tmp_path / "net.npz").arrays.keys() == {
        f"{layer}.{own}" for layer, own, _ in arrays(network, frozen=True)
    }
