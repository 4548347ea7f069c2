"""Saving: the right bytes, or the old file untouched and one line."""

from __future__ import annotations

import os
import stat
import struct

import numpy as np
import pytest
from PIL import Image

import nst.files
from nst.errors import NstError
from nst.images import check_target, eight_bits, load, save
from nst.images.icc import srgb_profile
from tests.images.makers import blob

LOSSLESS, LOSSY = [".png", ".tif", ".TIFF"], [".jpg", ".jpeg", ".webp"]


@pytest.mark.parametrize("extension", LOSSLESS + LOSSY)
def test_round_trip(extension, tmp_path):
    """What is saved loads again: exactly, or to a few levels where the format loses."""
    pixels = blob().astype(np.float32)
    save(tmp_path / f"out{extension}", pixels)
    loaded = load(tmp_path / f"out{extension}")
    np.testing.assert_allclose(loaded.pixels, pixels, atol=0 if extension in LOSSLESS else 12)
    assert loaded.notes == [] and os.listdir(tmp_path) == [f"out{extension}"]


def test_values_are_clipped_and_rounded(tmp_path):
    """Floats outside 0..255 are clipped, not wrapped, and the rest is rounded, not truncated."""
    pixels = np.array([[[-40.0, 0.4, 0.6], [254.6, 255.4, 999.0]]], np.float32)
    save(tmp_path / "out.png", pixels)
    np.testing.assert_array_equal(load(tmp_path / "out.png").pixels, [[[0, 0, 1], [255, 255, 255]]])


@pytest.mark.parametrize("extension", [".png", ".webp", ".tif"])
def test_alpha_round_trip(extension, tmp_path):
    """The opacity survives in every format that has it."""
    alpha = np.linspace(0, 1, 24 * 36, dtype=np.float32).reshape(24, 36)
    save(tmp_path / f"out{extension}", blob().astype(np.float32), alpha)
    np.testing.assert_allclose(
        load(tmp_path / f"out{extension}", alpha="keep").alpha, alpha, atol=0.5 / 255 + 1e-6
    )


def test_jpeg_composites_on_white(tmp_path):
    """JPEG has no transparency: what is transparent becomes white."""
    alpha = np.zeros((16, 32), np.float32)
    alpha[:, 16:] = 1
    save(tmp_path / "out.jpg", np.full((16, 32, 3), 60.0, np.float32), alpha)
    pixels = load(tmp_path / "out.jpg").pixels
    np.testing.assert_allclose(pixels[:, 4], 255, atol=3)
    np.testing.assert_allclose(pixels[:, 28], 60, atol=3)


def test_jpeg_keeps_colour_at_full_resolution(tmp_path):
    """Quality 95 with 4:4:4: stripes of one pixel in red and blue stay apart."""
    pixels = np.zeros((16, 16, 3), np.float32)
    pixels[:, ::2, 0] = pixels[:, 1::2, 2] = 200
    save(tmp_path / "out.jpg", pixels)
    np.testing.assert_allclose(load(tmp_path / "out.jpg").pixels, pixels, atol=25)


@pytest.mark.parametrize("extension", LOSSLESS + LOSSY)
def test_the_same_pixels_give_the_same_bytes(extension, tmp_path):
    """Nothing such as a time of day gets into the file."""
    for name in ("a", "b"):
        save(tmp_path / (name + extension), blob().astype(np.float32))
    a, b = ((tmp_path / (name + extension)).read_bytes() for name in "ab")
    assert a == b


def test_the_profile_has_no_date_of_its_own():
    """Bytes 24 to 35 of a profile are its date: always the first of January 2000."""
    assert srgb_profile()[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)


def test_the_profile_is_srgb_and_optional(tmp_path):
    """The file says sRGB, unless that is not wanted."""
    for name, wanted in (("with.png", True), ("without.png", False)):
        save(tmp_path / name, blob().astype(np.float32), profile=wanted)
        with Image.open(tmp_path / name) as image:
            assert ("icc_profile" in image.info) == wanted


@pytest.mark.parametrize("name", ["out", "out.bmp", "out.", "out.png.txt", ".png"])
@pytest.mark.parametrize("function", [lambda path: save(path, np.zeros((2, 2, 3))), check_target])
def test_an_unknown_extension_lists_the_known(name, function, tmp_path):
    """The extension decides the format; an unknown one is refused with those that would do."""
    with pytest.raises(NstError, match=r"unknown extension .*\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"):
        function(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("broken", ["fsync", "replace", "chmod"])
def test_a_failure_leaves_the_old_file(broken, tmp_path, monkeypatch):
    """When the disk fails at any step, the old bytes stay, nothing is left beside them, one line tells."""
    path = tmp_path / "out.png"
    save(path, blob().astype(np.float32))
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nst.files.os, broken, fail)
    with pytest.raises(NstError, match=r"cannot write .*out\.png: No space left"):
        save(path, np.zeros((4, 4, 3), np.float32))
    monkeypatch.undo()
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["out.png"]


def test_values_that_are_not_finite_are_refused(tmp_path):
    """A picture with NaN is not written as black."""
    pixels = np.zeros((4, 4, 3), np.float32)
    pixels[1, 2, 0] = np.nan
    with pytest.raises(NstError, match="not finite"):
        save(tmp_path / "out.png", pixels)
    assert os.listdir(tmp_path) == []


def test_a_side_that_the_format_cannot_hold(tmp_path):
    """WebP ends at 16383 pixels: one line that names format, size and a way out."""
    with pytest.raises(NstError, match=r"WEBP of 17000x1 pixels failed .*try \.png"):
        save(tmp_path / "out.webp", np.zeros((1, 17_000, 3), np.float32))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="permission bits are POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_umask_is_honoured(mask, tmp_path):
    """The file gets the permissions that any new file would get, not those of a private temporary one."""
    old = os.umask(mask)
    try:
        save(tmp_path / "out.png", np.zeros((2, 2, 3), np.float32))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o666 & ~mask


def test_check_target_accepts_and_leaves_nothing(tmp_path):
    """A good target is returned, whether or not it exists, and the folder stays as it was."""
    assert check_target(tmp_path / "out.png") == tmp_path / "out.png"
    assert os.listdir(tmp_path) == []
    (tmp_path / "out.png").write_bytes(b"old")
    check_target(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"old"


def test_check_target_refuses(tmp_path):
    """A folder, a missing folder, a file in place of the folder, a name too long: all before the long run."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name, cause in [
        ("folder.png", "it is a folder"),
        ("absent/out.png", "does not exist"),
        ("file/out.png", "does not exist"),
        ("x" * 300 + ".png", "cannot write"),
    ]:
        with pytest.raises(NstError, match=cause):
            check_target(tmp_path / name)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write")
def test_check_target_tries_rather_than_trusts_permission_bits():
    """A folder that even root cannot write is found out."""
    with pytest.raises(NstError, match="cannot write"):
        check_target("/proc/out.png")


def test_eight_bits_round_and_clip():
    """To the nearest of 0..255, however many rows there are; bytes stay as they are."""
    assert eight_bits(np.array([-3.0, 0.4, 0.6, 254.6, 300.0])).tolist() == [0, 0, 1, 255, 255]
    many = np.random.default_rng(0).uniform(-10, 270, (600, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(eight_bits(many), np.clip(np.rint(many), 0, 255))
    assert eight_bits(told := eight_bits(many)) is told
