"""The canonical file: what is written comes back, and nothing is left half-written."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.networks.weights import Weights
from tests.formats import miniature


def weights() -> Weights:
    """Return the miniature with every field filled."""
    return Weights(
        miniature.arrays(),
        "custom",
        "RGB",
        (1.5, 2.25, 1 / 3),
        (0.1, 0.2, 1 / 7),
        "somewhere/vgg.pth",
        "ab" * 32,
        "CC BY 4.0",
        ["first note", "second: ü"],
    )


def test_float32_round_trip_is_exact(tmp_path):
    """Every number and every statement about them survives, the checksum of the source included."""
    formats.write(tmp_path / "w.h5", weights())
    assert formats.identify(tmp_path / "w.h5") == "nst-h5"
    found = formats.read(tmp_path / "w.h5", top=True, shapes=miniature.SHAPES)
    expected = weights()
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays.pop(name), array)
    assert not found.arrays
    expected.arrays = {}
    assert found == expected


def test_float16_keeps_eleven_bits_and_halves_the_file(tmp_path):
    """The half-precision file gives each number rounded once, as float32."""
    formats.write(tmp_path / "w.h5", weights(), "float16")
    with h5py.File(tmp_path / "w.h5") as file:
        assert file["conv1_1/weight"].dtype == np.float16
    found = formats.read(tmp_path / "w.h5", top=True, shapes=miniature.SHAPES)
    for name, array in weights().arrays.items():
        assert found.arrays[name].dtype == np.float32
        np.testing.assert_array_equal(found.arrays[name], array.astype(np.float16).astype(np.float32))


def test_same_weights_give_the_same_bytes(tmp_path):
    """No time stamp or order of a dictionary gets into the file."""
    for name in ("a.h5", "b.h5"):
        formats.write(tmp_path / name, weights())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("change", "dtype", "message"),
    [
        ({"conv1_1.bias": np.full(4, 1e6, np.float32)}, "float16", "too large for float16"),
        ({"conv1_1/bias.weight": np.zeros(4, np.float32)}, "float32", "is called"),
        ({}, "float64", "not as 'float64'"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file(change, dtype, message, tmp_path):
    """A refusal is one line; the file that was there stays, and no temporary file remains."""
    (tmp_path / "w.h5").write_text("old")
    broken = weights()
    broken.arrays |= change
    with pytest.raises(NstError, match=message):
        formats.write(tmp_path / "w.h5", broken, dtype)
    assert [path.name for path in tmp_path.iterdir()] == ["w.h5"]
    assert (tmp_path / "w.h5").read_text() == "old"


def test_a_failure_midway_leaves_the_old_file(tmp_path, monkeypatch):
    """When the disk fills up while writing, the message is one line and the old file is whole."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    formats.write(tmp_path / "w.h5", weights())
    before = (tmp_path / "w.h5").read_bytes()
    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(NstError, match="No space left"):
        formats.write(tmp_path / "w.h5", weights())
    assert (tmp_path / "w.h5").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
