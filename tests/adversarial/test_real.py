"""What is real: MNIST from both kinds of files, and patches of a texture."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.adversarial.real import digit_source, digits, inwards, outwards, patch_source, texture
from nst.errors import NstError
from tests.images.test_idx import packed

DIGITS = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("name", ["train_images", "x_train"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_digits_from_an_npz(name, save, tmp_path):
    """Under either usual name, packed or not; what else lies in the file does not matter."""
    save(tmp_path / "mnist.npz", **{name: DIGITS, "labels": np.arange(7)})
    assert np.array_equal(digits(tmp_path / "mnist.npz"), DIGITS)


def test_digits_from_a_folder(tmp_path):
    """The four IDX files: those to train on."""
    for part, pixels in (("train", DIGITS), ("t10k", DIGITS[:2])):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(packed(pixels))
        labels = np.zeros(len(pixels), np.uint8)
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed(labels))
    assert np.array_equal(digits(tmp_path), DIGITS)


def refused(path: Path, cause: str) -> None:
    with pytest.raises(NstError, match=cause) as caught:
        digits(path)
    assert path.name in str(caught.value)


def test_what_is_no_mnist_is_refused(tmp_path):
    """Other arrays, other shapes, other kinds of numbers, no file, damage: one line with the name of the file."""
    path = tmp_path / "bad.npz"
    refused(path, "does not exist")
    for arrays, cause in (
        ({"pictures": DIGITS}, "no array train_images or x_train"),
        ({"x_train": DIGITS.astype(np.float32)}, "float32"),
        ({"x_train": DIGITS[:, :, :20]}, "not bytes"),
        ({"x_train": DIGITS[:0]}, "not bytes"),
        ({"x_train": DIGITS[0]}, "not bytes"),
    ):
        np.savez(path, **arrays)
        refused(path, cause)
    path.write_bytes(b"PK" + bytes(50))
    refused(path, "damaged")


def test_a_size_that_is_claimed_is_not_believed(tmp_path):
    """A header that promises more pictures than the archive has bytes for takes no memory."""
    np.savez(tmp_path / "good.npz", x_train=DIGITS)
    with zipfile.ZipFile(tmp_path / "good.npz") as archive:
        data = archive.read("x_train.npy")
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("x_train.npy", data.replace(b"(7, 28, 28), }     ", b"(900000, 28, 28), }"))
    refused(tmp_path / "bad.npz", "not as large as its shape")


def test_digits_are_drawn_from_all():
    """In -1..1, with a channel, the same for the same generator; every picture comes, and none that is not there."""
    draw = digit_source(DIGITS)
    found = draw(np.random.default_rng(1), 200)
    assert found.shape == (200, 28, 28, 1) and found.dtype == np.float32
    assert found.min() == -1 and found.max() == 1
    assert np.array_equal(found, draw(np.random.default_rng(1), 200))
    back = np.rint(outwards(found[..., 0])).astype(np.uint8)
    places = [int(np.flatnonzero((DIGITS == one).all(axis=(1, 2)))[0]) for one in back]
    assert set(places) == set(range(7))


def test_patches_come_from_everywhere(tmp_path):
    """The first and the last possible place are both drawn, and each patch is one of the sample."""
    pixels = inwards(np.arange(5 * 6 * 3).reshape(5, 6, 3))
    found = patch_source(pixels, 4)(np.random.default_rng(2), 100)
    assert found.shape == (100, 4, 4, 3)
    corners = {tuple(patch[0, 0]) for patch in found}
    assert corners == {tuple(pixels[top, left]) for top in (0, 1) for left in (0, 1, 2)}
    np.testing.assert_array_equal(found[0], pixels[_place(pixels, found[0])])


def _place(pixels: np.ndarray, patch: np.ndarray) -> tuple[slice, slice]:
    ((top, left),) = np.argwhere((pixels == patch[0, 0]).all(axis=2))
    return slice(top, top + 4), slice(left, left + 4)


def test_a_sample_is_read_at_the_size_that_is_asked_for(tmp_path):
    """Its longest side is that; one that is smaller than a patch is refused with both sizes."""
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(tmp_path / "sample.png")
    assert texture(tmp_path / "sample.png", None, 40)[1].shape == (40, 80, 3)
    assert texture(tmp_path / "sample.png", 160, 64)[1].shape == (80, 160, 3)
    with pytest.raises(NstError, match="80x40 pixels: too few for patches of 48"):
        texture(tmp_path / "sample.png", None, 48)
