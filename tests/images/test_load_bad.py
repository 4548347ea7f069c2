"""Files that are no good: each ends in one line that names the file, and nothing else happens."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images import load
from nst.images.load import FORMATS
from tests.images.makers import SIGNATURE, blob, chunk, encode, png, tiff_floats

PICTURE = Image.fromarray(blob(120, 160))
NOISE = Image.fromarray(np.random.RandomState(0).randint(0, 256, (120, 160, 3), dtype=np.uint8))
PNG, JPEG, GIF = encode(NOISE, "PNG"), encode(NOISE, "JPEG"), encode(NOISE, "GIF")
TIFF, WEBP, BMP = encode(NOISE, "TIFF"), encode(NOISE, "WEBP"), encode(NOISE, "BMP")


def header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds ten bytes."""
    declared = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        SIGNATURE + chunk(b"IHDR", declared) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


BAD = {
    "empty.png": (b"", "empty"),
    "text.png": (b"this is a shopping list\n", "not a picture"),
    "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "document.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    "document.png": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    "figure.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "PostScript"),
    "figure.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "PostScript"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "phone.heic": (heic(), "HEIC"),
    "layers.psd": (b"8BPS\0\1" + bytes(60), "Photoshop"),
    "ppm.png": (b"P6 2 2 255\n" + bytes(12), "unknown format"),
    "ico.png": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(60), "unknown format"),
    "signature.png": (SIGNATURE, "not a picture"),
    "no_data.png": (PNG[:33], "damaged"),
    "cut.png": (PNG[: len(PNG) // 2], "cut short"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "cut short"),
    "jpeg_header.jpg": (JPEG[:40], "is damaged"),
    "cut.gif": (GIF[: len(GIF) // 2], "cut short"),
    "cut.tif": (TIFF[: len(TIFF) // 2], "damaged"),
    "cut.webp": (WEBP[: len(WEBP) // 2], "damaged"),
    "cut.bmp": (BMP[: len(BMP) // 2], "cut short"),
    "broken_checksum.png": (PNG[:20] + b"\xff" + PNG[21:], "damaged"),
    "broken_stream.png": (PNG[:60] + bytes(60) + PNG[120:], "damaged"),
    "no_width.png": (header(0, 10), "damaged"),
    "no_size.gif": (b"GIF89a\0\0\0\0\0\0\0;", "damaged"),
    "short.png": (header(300, 300), "cut short"),
    "over_limit.png": (header(9000, 9000), "--max-pixels"),
    "bomb.png": (header(50_000, 50_000), "--max-pixels"),
    "bomb.gif": (b"GIF89a" + struct.pack("<HH", 65535, 65535) + GIF[10:], "--max-pixels"),
    "bomb.bmp": (BMP[:18] + struct.pack("<ii", 40_000, 40_000) + BMP[26:], "--max-pixels"),
    "text_bomb.png": (
        png(blob(), 8, 2, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000), 9))),
        "damaged",
    ),
    "nan.tif": (tiff_floats(np.full((4, 4), np.nan)), "not finite"),
    "infinite.tif": (tiff_floats(np.array([[0.5, np.inf]])), "not finite"),
    "wide_floats.tif": (tiff_floats(np.array([[0.0, 300.0]])), "0 to 300"),
    "negative_floats.tif": (tiff_floats(np.array([[-1.0, 0.5]])), "-1 to 0.5"),
    "integers.tif": (encode(Image.fromarray(np.array([[1, 70_000]], np.int32)), "TIFF"), "32-bit"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(name, tmp_path):
    """Whatever the bytes, the outcome is an `NstError` of one line with the path and the cause."""
    data, cause = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(NstError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message and cause in message
    assert "\n" not in message and len(message) < 400
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["bomb.png", "bomb.gif", "bomb.bmp", "over_limit.png"])
def test_a_bomb_takes_no_memory(name, tmp_path):
    """A picture of gigapixels is refused by its header, before anything of that size is allocated."""
    path = tmp_path / name
    path.write_bytes(BAD[name][0])
    tracemalloc.start()
    with pytest.raises(NstError):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_the_limit_is_the_callers(tmp_path):
    """`max_pixels` is compared with the declared size, equality allowed, and both are named."""
    path = tmp_path / "picture.png"
    PICTURE.save(path)
    assert load(path, max_pixels=120 * 160).size == (120, 160)
    with pytest.raises(NstError, match=r"160x120 pixels, more than --max-pixels 19199"):
        load(path, max_pixels=120 * 160 - 1)


def test_a_raised_limit_is_obeyed(tmp_path, monkeypatch):
    """Who asks for more pixels than Pillow warns of gets them; below that the warning is an error."""
    path = tmp_path / "picture.png"
    PICTURE.save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 120 * 160 - 1)
    assert load(path, max_pixels=120 * 160).notes == []
    with pytest.raises(NstError, match="--max-pixels 10000"):
        load(path, max_pixels=10_000)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    """A path that is no file is named as such."""
    with pytest.raises(NstError, match="does not exist"):
        load(tmp_path / "absent.png")
    with pytest.raises(NstError, match="not a file"):
        load(tmp_path)
    with pytest.raises(NstError, match=r"cannot be read|does not exist"):
        load(tmp_path / ("x" * 300 + ".png"))


def test_rare_decoders_stay_shut():
    """Formats with parsers of programs or documents can never be reached."""
    assert set(FORMATS) <= {"PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"}


def test_random_damage_never_escapes(tmp_path):
    """Flipped bytes give a picture or an `NstError`, never another exception or a warning."""
    random = np.random.RandomState(3)
    small = Image.fromarray(blob())
    exif = Image.Exif()
    exif[0x0112] = 6
    outcomes = set()
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        options = {} if kind in ("GIF", "BMP") else {"exif": exif}
        whole = np.frombuffer(encode(small, kind, **options), np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[random.randint(len(data), size=3)] = random.randint(0, 256, 3)
            path = tmp_path / "damaged.png"
            path.write_bytes(data.tobytes())
            try:
                outcomes.add(load(path, max_pixels=10_000).pixels.dtype.name)
            except NstError as error:
                assert "\n" not in str(error)
                outcomes.add("refused")
    assert outcomes == {"float32", "refused"}
