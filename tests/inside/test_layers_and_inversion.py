"""`look layers` and `look invert`, on a small random VGG."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nst import formats, images
from nst.errors import NstError
from nst.images.bundled import strokes_path
from nst.inside.invert import invert, invert_style
from nst.inside.maps import contact_sheet, map_picture, taps_with_maps
from nst.look import main
from nst.networks import build, random_weights, vgg, vgg_shapes
from tests.test_prune import weights_of

STROKES = str(strokes_path())


@pytest.fixture
def weights(tmp_path) -> str:
    """A VGG-19 to conv3_1 with an eighth of the filters, as a file."""
    table = {name: shape for name, shape in list(vgg_shapes("vgg19").items())[:10]}
    formats.write(tmp_path / "small.h5", weights_of(table, "vgg19-cut", 8))
    return str(tmp_path / "small.h5")


def test_a_map_shows_sign_and_strength():
    """Black is nothing, white the largest answer, blue what is negative."""
    found = map_picture(np.array([[0.0, 2.0], [1.0, -2.0]]), 2.0)
    assert found[0, 0].tolist() == [0, 0, 0] and found[0, 1].tolist() == [255, 255, 255]
    assert found[1, 0].tolist() == [127.5] * 3 and found[1, 1].argmax() == 2


def test_every_channel_has_its_cell():
    """Each channel is found in the sheet, enlarged without mixing its places; faint ones only without `together`."""
    features = np.zeros((1, 2, 4, 6), np.float32)
    features[0, 0, 1], features[0, 1, 3] = np.arange(6) + 1, (np.arange(6) + 1) / 2
    own, together = contact_sheet(features), contact_sheet(features, together=True)
    assert own.shape == (24 * 3 + 2 * 2, 48 * 2 + 2, 3)
    faintest = own[:24, :48, 0]
    assert (
        faintest[:12, 12:24].min() == 255
        and faintest[12:, 36:].max() == 127.5
        and faintest[:12, :12].max() == 0
    )
    assert together[:24, :48].max() == pytest.approx(255 / 6)
    assert together[-24:, -48:].max() == 255


def test_units_without_places_are_compared():
    """Of a fully connected layer each unit is a square, and white means the same for all."""
    found = contact_sheet(np.array([[1.0, 4.0, 2.0, 0.0]]))
    assert sorted(np.unique(found[::18, ::18, 0])) == [0, 63.75, 127.5, 255]


def test_what_is_shown_of_a_network():
    """Every ReLU and pooling of a VGG is shown, convolutions before their ReLU are not."""
    taps = taps_with_maps(vgg(random_weights()))
    assert taps[:3] == ["relu1_1", "relu1_2", "pool1"] and not [tap for tap in taps if tap.startswith("conv")]


def test_look_layers_writes_a_sheet_for_each_layer(weights, tmp_path, capsys):
    """As many sheets as layers, with a record of what is in them; asked for some, it writes these."""
    folder = tmp_path / "some" / "maps"
    assert main(["layers", STROKES, "-o", str(folder), "--weights", weights, "--size", "48"]) == 0
    record = json.loads((folder / "layers.json").read_text())["results"]
    assert [row["layer"] for row in record] == taps_with_maps(build(formats.read(weights)))
    assert {row["file"] for row in record} == {path.name for path in folder.glob("*.png")}
    assert record[0]["channels"] == 8 and record[-1]["size"] == [9, 12]
    assert capsys.readouterr().out.count("maps of") == len(record)
    one = tmp_path / "one"
    assert (
        main(
            [
                "layers",
                STROKES,
                "-o",
                str(one),
                "--weights",
                weights,
                "--size",
                "48",
                "--layers",
                "block2_conv1",
            ]
        )
        == 0
    )
    assert [path.name for path in one.glob("*.png")] == ["01-relu2_1.png"]
    with pytest.raises(NstError, match="no layer 'relu9'"):
        main(["layers", STROKES, "-o", str(one), "--weights", weights, "--layers", "relu9"])


@pytest.fixture(scope="module")
def small() -> tuple:
    """The random network, and a picture of 32 pixels with something in it."""
    pixels = images.resize(images.load(STROKES).pixels, 32)[None]
    return vgg(random_weights(), pooling="avg"), pixels


def test_a_shallow_layer_determines_the_picture(small):
    """From noise, the features of relu1_1 bring the picture itself back."""
    network, picture = small
    found = invert(network, picture, "relu1_1", 60, smooth=0)
    assert found.error < 1e-3
    assert np.square(found.picture - picture).mean() < 0.05 * picture.var()


def test_the_error_is_that_of_the_features(small):
    """What is reported is the share of the target's square that is left, measured anew; smoothing costs some of it."""
    network, picture = small
    errors = []
    for smooth in (0.0, 1.0):
        found = invert(network, picture, "relu2_1", 15, smooth=smooth)
        target, is_now = (network.forward(one, ["relu2_1"])[0]["relu2_1"] for one in (picture, found.picture))
        assert found.error == pytest.approx(
            np.square(is_now - target).sum() / np.square(target).sum(), rel=1e-3
        )
        errors.append(found.error)
    assert errors[0] < errors[1]


def test_style_is_kept_and_arrangement_is_not(small):
    """The Gram matrices come back from noise, while the features at their places do not."""
    network, picture = small
    found = invert_style(network, picture, ["relu1_1", "relu2_1"], 40)
    assert found.error < 0.02
    features = [network.forward(one, ["relu2_1"])[0]["relu2_1"] for one in (picture, found.picture)]
    assert np.square(features[1] - features[0]).sum() > 0.1 * np.square(features[0]).sum()


def test_look_invert_writes_both_rows(weights, tmp_path, capsys):
    """Two rows, the picture at the head of each; the record has an error for every picture."""
    output = tmp_path / "found.png"
    flags = ["--weights", weights, "--size", "32", "--iterations", "3", "--quiet"]
    assert main(["invert", STROKES, "-o", str(output), "--layers", "relu1_1", "block2_conv1", *flags]) == 0
    record = json.loads(output.with_suffix(".json").read_text())
    assert [(row["of"], row["layer"]) for row in record["results"]] == [
        (what, layer) for what in ("features", "style") for layer in ("relu1_1", "relu2_1")
    ]
    assert images.load(output).size == (2 * 26 + 4, 3 * 32 + 8)
    assert capsys.readouterr().out.count("of the square left") == 4
    assert main(["invert", STROKES, "-o", str(output), "--only", "style", *flags]) == 0
    assert {row["of"] for row in json.loads(output.with_suffix(".json").read_text())["results"]} == {"style"}
