"""MNIST's files: read as they are meant, refused where they lie."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from nst.errors import NstError
from nst.images.idx import mnist, read_idx


def packed(array: np.ndarray) -> bytes:
    header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven digits to train on, packed, and three to test on, plain."""
    rng = np.random.default_rng(1)
    for name, count in (("train", 7), ("t10k", 3)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(count, dtype=np.uint8))):
            data = packed(array)
            if name == "train":
                (tmp_path / f"{name}-{kind}-ubyte.gz").write_bytes(data)
            else:
                (tmp_path / f"{name}-{kind}-ubyte").write_bytes(gzip.decompress(data))
    return tmp_path


def test_digits_are_read(folder):
    """Packed or plain, pictures and labels are those that were written."""
    train, test = mnist(folder)
    assert len(train) == 7 and len(test) == 3 and train.shape == (28, 28, 1) and train.classes[9] == "9"
    plain = (folder / "t10k-images-idx3-ubyte").read_bytes()
    assert test.pictures(np.arange(3)).tobytes() == plain[16:]
    assert train.labels.tolist() == list(range(7))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"\x00\x00\x08\x03", "no IDX header"),
        (b"<html>", "no IDX header"),
        (struct.pack(">4I", 0x803, 2**31, 28, 28), "claims"),
        (gzip.compress(struct.pack(">4I", 0x803, 2**20, 28, 28)), "claims"),
        (struct.pack(">4I", 0x803, 0, 28, 28), "claims"),
        (struct.pack(">4I", 0x803, 1, 28, 28) + bytes(785), "more than"),
        (gzip.compress(struct.pack(">4I", 0x803, 2, 28, 28) + bytes(28 * 28)), "less than"),
        (packed(np.zeros((2, 28, 28), np.uint8))[:-12], "damaged or cut short"),
        (b"\x1f\x8b" + bytes(100), "damaged or cut short"),
    ],
)
def test_a_lie_is_one_line(folder, data, cause):
    """A header that claims more or less than there is, no header, a damaged stream: one line with the file's name."""
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(data)
    with pytest.raises(NstError, match=cause) as caught:
        mnist(folder)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "cause"),
    [
        ("train-labels-idx1-ubyte.gz", np.arange(6, dtype=np.uint8), "7 pictures.*6 labels"),
        ("train-labels-idx1-ubyte.gz", np.full(7, 10, np.uint8), "label 10"),
        ("train-images-idx3-ubyte.gz", np.zeros((7, 28, 27), np.uint8), "27x28"),
    ],
)
def test_files_must_fit_each_other(folder, name, array, cause):
    """As many labels as pictures, ten digits, one size."""
    (folder / name).write_bytes(packed(array))
    with pytest.raises(NstError, match=cause):
        mnist(folder)


def test_a_missing_file_is_named(folder):
    """The error says which of the four files is not there."""
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(NstError, match=r"lacks train-labels-idx1-ubyte\.gz"):
        mnist(folder)


def test_damage_ends_in_one_line_or_a_right_answer(tmp_path):
    """Whatever single byte is changed, the reader returns bytes of the size claimed or raises an NstError."""
    path, rng = tmp_path / "x", np.random.default_rng(2)
    good = packed(np.zeros((3, 4, 5), np.uint8))
    for _ in range(300):
        bad = bytearray(good if rng.random() < 0.5 else gzip.decompress(good))
        bad[rng.integers(len(bad))] = rng.integers(256)
        path.write_bytes(bytes(bad[: rng.integers(1, len(bad) + 1)]) if rng.random() < 0.5 else bytes(bad))
        try:
            assert read_idx(path, 3).ndim == 3
        except NstError as error:
            assert "\n" not in str(error)


def test_the_real_digits():
    """The published mean and deviation of MNIST's training pictures: 0.1307 and 0.3081 of 255."""
    from nst.images.dataset import channel_statistics

    folder = Path(os.environ.get("NST_DATA", "")) / "mnist"
    if not os.environ.get("NST_DATA") or not folder.is_dir():
        pytest.skip("$NST_DATA/mnist is absent")
    train, test = mnist(folder)
    mean, deviation = channel_statistics(train)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert round(mean[0] / 255, 4) == 0.1307 and round(deviation[0] / 255, 4) == 0.3081
