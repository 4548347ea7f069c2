"""Pictures decoded for training: right side up, the right part, and the right words for a bad one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images import load
from nst.images.decode import decode


def ramp(height: int, width: int) -> np.ndarray:
    """Red grows with the column, green with the row."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns * 255 // (width - 1), rows * 255 // (height - 1), 0 * rows], -1).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_numbers_are_those_of_load(tmp_path, mode):
    """Every mode of picture gives, rounded, what the loader gives that all other doors use."""
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    image = Image.fromarray(ramp(12, 9))
    if mode == "I;16":
        image = Image.fromarray(ramp(12, 9)[..., 0].astype(np.uint16) * 257)
    elif mode in ("LA", "RGBA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(ramp(12, 9)[..., 1]))
    else:
        image = image.convert(mode)
    image.save(path)
    pixels = decode(path)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.rint(load(path, managed=False).pixels))


def test_pictures_are_turned_upright(tmp_path):
    """A camera's note that it was held sideways is obeyed, also where the picture is resized."""
    image, exif = Image.fromarray(ramp(40, 80)), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.jpg", exif=exif, quality=95)
    assert decode(tmp_path / "x.jpg").shape == (80, 40, 3)
    small = decode(tmp_path / "x.jpg", (16, 8)).astype(int)
    assert small.shape == (16, 8, 3) and small[0, 4, 0] < 20 and small[-1, 4, 0] > 235


def test_another_aspect_is_cut_or_squashed(tmp_path):
    """Cropping keeps the middle square at the right aspect; squashing keeps everything."""
    Image.fromarray(ramp(30, 90)).save(tmp_path / "x.png")
    cut = decode(tmp_path / "x.png", (10, 10)).astype(int)
    squashed = decode(tmp_path / "x.png", (10, 10), "squash").astype(int)
    assert abs(cut[5, 0, 0] - 90) < 8 and abs(cut[5, -1, 0] - 165) < 8
    assert squashed[5, 0, 0] < 20 and squashed[5, -1, 0] > 235
    assert decode(tmp_path / "x.png", (60, 60)).shape == (60, 60, 3)


def test_a_large_jpeg_is_reduced_as_it_is_decoded(tmp_path):
    """The shortcut of the decoder changes the result by little more than rounding."""
    Image.fromarray(ramp(800, 1000)).save(tmp_path / "x.jpg", quality=95)
    Image.fromarray(ramp(800, 1000)).save(tmp_path / "x.png")
    quick, slow = (decode(tmp_path / f"x.{kind}", (64, 64)).astype(int) for kind in ("jpg", "png"))
    assert np.abs(quick - slow).max() <= 6


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut short"])
def test_what_is_no_picture_is_one_line(tmp_path, data):
    """The error is the loader's own, with the name of the file."""
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(NstError, match=r"x\.jpg"):
        decode(tmp_path / "x.jpg")


def test_a_cut_picture_is_refused_at_every_length(tmp_path):
    """A JPEG or PNG cut anywhere is an NstError, not half a picture."""
    for kind in ("jpg", "png"):
        Image.fromarray(ramp(40, 40)).save(tmp_path / f"x.{kind}")
        whole = (tmp_path / f"x.{kind}").read_bytes()
        for length in range(1, len(whole) - 40, 37):
            (tmp_path / "y").write_bytes(whole[:length])
            with pytest.raises(NstError):
                decode(tmp_path / "y", (8, 8))


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    """The size is compared before anything is decoded."""
    monkeypatch.setattr("nst.images.decode.MAX_PIXELS", 99)
    Image.fromarray(ramp(10, 10)).save(tmp_path / "x.png")
    with pytest.raises(NstError, match="10x10"):
        decode(tmp_path / "x.png")


def test_threads_do_not_disturb_each_other(tmp_path):
    """Pictures that need the careful loader give the same from four threads, and warnings stay errors after."""
    import warnings

    filters = list(warnings.filters)
    for number in range(20):
        Image.fromarray(ramp(20, 20 + number)).convert("P").save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.iterdir())
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(decode, paths * 3))
    for one, path in zip(many, paths * 3, strict=True):
        np.testing.assert_array_equal(one, decode(path))
    assert warnings.filters == filters
