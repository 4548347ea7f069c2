"""Files of networks that have been cut: fewer channels under the same names."""

from __future__ import annotations

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.formats.known import _CUT, find_weights
from nst.formats.verify import verify
from nst.networks import CUT, Weights, build

SHAPES = {"conv1_1": (3, 3, 3, 10), "conv1_2": (3, 3, 10, 7), "conv2_1": (3, 3, 7, 20)}


def _weights(shapes=SHAPES, network: str = "vgg19-cut") -> Weights:
    rng, arrays = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = (rng.standard_normal(shape) / 9).astype(np.float32)
        arrays[f"{name}.bias"] = rng.standard_normal(shape[-1]).astype(np.float32)
    return Weights(arrays, network, notes=["a test"])


def test_a_cut_network_is_read_as_it_was_written(tmp_path):
    """Any widths up to the whole network's come back, with their notes, and make a network with the usual names."""
    formats.write(tmp_path / "cut.h5", _weights())
    found = formats.read(tmp_path / "cut.h5")
    assert found.network == "vgg19-cut" and found.notes == ["a test"]
    assert {name: array.shape for name, array in found.arrays.items()} == {
        name: array.shape for name, array in _weights().arrays.items()
    }
    picture = np.zeros((1, 16, 16, 3), np.float32)
    assert build(found, pooling="avg").forward(picture, ["block2_conv1"])[0]["block2_conv1"].shape == (
        1,
        8,
        8,
        20,
    )
    assert not [check for check in verify(found, tmp_path / "cut.h5") if check.failed]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv1_2", (3, 3, 10, 65)),
        ("conv1_2", (5, 5, 10, 7)),
        ("conv1_1", (3, 3, 4, 10)),
        ("conv2_1", (1, 3, 7, 20)),
    ],
)
def test_what_cutting_cannot_have_made_is_refused(tmp_path, name, shape):
    """More channels than the whole network has, and kernels of another size, are refused before they are read."""
    formats.write(tmp_path / "cut.h5", _weights({**SHAPES, name: shape}))
    with pytest.raises(NstError, match=r"is expected"):
        formats.read(tmp_path / "cut.h5")


def test_layers_that_do_not_fit_together_are_refused(tmp_path):
    """A layer that reads another number of channels than the one before it makes is said in one line."""
    formats.write(tmp_path / "cut.h5", _weights({**SHAPES, "conv1_2": (3, 3, 9, 7)}))
    with pytest.raises(NstError, match="do not fit together"):
        build(formats.read(tmp_path / "cut.h5"))


@pytest.mark.parametrize("network", ["vgg19", "other-cut"])
def test_only_a_file_that_says_so_is_taken_for_cut(tmp_path, network):
    """Narrow arrays under a whole network's name, and a network that is not known, are refused."""
    formats.write(tmp_path / "cut.h5", _weights(network=network))
    with pytest.raises(NstError, match=r"is expected|unknown network"):
        formats.read(tmp_path / "cut.h5")


def test_a_cut_network_is_not_found_by_chance(tmp_path, monkeypatch):
    """A run that names no file never takes a cut network that lies in the folder of weights."""
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    formats.write(tmp_path / "vgg19-cut.h5", _weights())
    assert find_weights("vgg19") is None
    assert find_weights("vgg19-cut") == tmp_path / "vgg19-cut.h5"
    assert _CUT == CUT
