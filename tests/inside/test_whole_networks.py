"""`nst.look` with complete files: classes and fully connected layers of AlexNet and VGG, read when asked for."""

from __future__ import annotations

import argparse
import json

import pytest

from nst import formats, images
from nst.errors import NstError
from nst.images.bundled import landscape_path, strokes_path
from nst.inside.patch_index import read_index
from nst.inside.source import read_network
from nst.look import main
from nst.networks import ARCHITECTURES
from tests.test_prune import weights_of

PICTURES = [str(landscape_path()), str(strokes_path())]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the file of a complete network with a share of its channels, by name."""
    folder = tmp_path_factory.mktemp("whole")

    def made(name: str) -> str:
        path = folder / f"{name}.h5"
        if not path.exists():
            formats.write(path, weights_of(ARCHITECTURES[name].shapes(), f"{name}-cut", 16))
        return str(path)

    return made


@pytest.mark.parametrize("network", ["alexnet", "vgg19"])
def test_classes_are_wanted_of_any_complete_network(file, tmp_path, network):
    """`look unit class:zebra` climbs to a class of AlexNet and of VGG, and tells how probable it finds it."""
    arguments = ["unit", "class:zebra", "--weights", file(network), "-o", str(tmp_path / "u.png"), "--quiet"]
    assert main([*arguments, "--iterations", "2"]) == 0
    (result,) = json.loads((tmp_path / "u.json").read_text())["results"]
    assert result["class"] == 340 and 0 < result["probabilities"][0] < 1
    assert result["activation"] != result["before"]


@pytest.mark.parametrize("network", ["alexnet", "vgg19"])
def test_the_fully_connected_part_is_read_when_asked_for(file, network):
    """Layers and channels before it leave it in the file; it, its classes, and what does not exist, have it read."""
    options = argparse.Namespace(network=None, weights=file(network))
    last = "pool5"
    assert (
        read_network(options, [last, "conv5_1:3" if network == "vgg19" else "conv5:3"]).network.names[-1]
        == last
    )
    for asked in ("class:3", "fc6", "relu7:1", "fc9"):
        source = read_network(options, [asked])
        assert source.network.names[-1] == "prob" and source.scores == "fc8"


def test_layers_without_places_are_shown_the_middle_square(file, tmp_path):
    """Sheets of fc6 and of the probabilities come beside that of a convolution, from a picture of any size."""
    arguments = ["layers", PICTURES[0], "--weights", file("alexnet"), "-o", str(tmp_path), "--size", "100"]
    assert main([*arguments, "--layers", "relu1", "fc6", "prob"]) == 0
    results = json.loads((tmp_path / "layers.json").read_text())["results"]
    assert [(one["layer"], one["channels"]) for one in results] == [
        ("relu1", 6),
        ("fc6", 256),
        ("prob", 1000),
    ]
    assert results[0]["size"][1] < 30 and results[1]["size"] == [1, 1]


def test_what_has_no_places_has_no_style(file, tmp_path, capsys):
    """`look invert` makes the features of the scores, and leaves them out of the row of styles in one line."""
    output = tmp_path / "i.png"
    arguments = ["invert", PICTURES[0], "--weights", file("alexnet"), "-o", str(output), "--iterations", "1"]
    assert main([*arguments, "--layers", "relu1", "fc8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == [
        "features of relu1",
        "features of fc8",
        "style of relu1",
    ]
    assert lines[3].startswith("style of fc8: left out")
    assert images.load(output).size[1] > 3 * 227 > images.load(output).size[0]
    with pytest.raises(NstError, match="fc8 has no places, so it has no style"):
        main([*arguments, "--layers", "fc8", "--only", "style"])


def test_an_index_with_classes_serves_a_call_without(file, tmp_path):
    """The index keeps what it knows of classes when a later call asks for a convolution alone."""
    index = tmp_path / "index.json"
    arguments = [
        "--pictures",
        *PICTURES,
        "--weights",
        file("alexnet"),
        "--index",
        str(index),
        "--rules",
        "none",
    ]
    arguments += ["-o", str(tmp_path / "p.png"), "--quiet", "--size", "120"]
    assert main(["patches", "class:zebra", *arguments]) == 0
    assert main(["patches", "relu2:3", *arguments]) == 0
    about = json.loads(index.read_text())["about"]
    assert {"fc8", "relu2"} <= set(read_index(index, about).layers)


def test_an_index_of_another_width_is_refused(file, tmp_path):
    """A layer with other channels than the network's is told of in one line."""
    index = tmp_path / "index.json"
    arguments = [
        "patches",
        "relu2:3",
        "--pictures",
        *PICTURES,
        "--weights",
        file("alexnet"),
        "--index",
        str(index),
    ]
    arguments += ["-o", str(tmp_path / "p.png"), "--quiet", "--size", "120", "--rules", "none"]
    assert main(arguments) == 0
    content = json.loads(index.read_text())
    content["layers"]["relu2"] = content["layers"]["relu1"]
    index.write_text(json.dumps(content))
    with pytest.raises(
        NstError, match="relu2 has 6 channels there, and 16 in alexnet-cut; --again makes it anew"
    ):
        main(arguments)
    assert main([*arguments, "--again"]) == 0
