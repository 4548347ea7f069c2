"""Files that are good but unusual: each loads to the right numbers."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from PIL import Image

from nst.images import load
from nst.images.icc import srgb_profile
from nst.images.load import FORMATS
from tests.images.makers import blob, chunk, display_p3, encode, linear_grey, png, press, tiff_floats

RED, GREY, WHITE = [255, 0, 0], [128, 128, 128], [255, 255, 255]


@pytest.fixture
def read(tmp_path):
    """Write bytes to a file, load it and return the `Picture`; its first promises are checked on the way."""

    def write_and_load(data: bytes, **options):
        path = tmp_path / "picture"
        path.write_bytes(data)
        picture = load(path, **options)
        height, width = picture.size
        assert picture.pixels.shape == (height, width, 3) and picture.pixels.dtype == np.float32
        assert picture.pixels.min() >= 0 and picture.pixels.max() <= 255
        assert picture.source == path and picture.sha256 == hashlib.sha256(data).hexdigest()
        if picture.alpha is not None:
            assert picture.alpha.shape == (height, width) and picture.alpha.dtype == np.float32
        return picture

    return write_and_load


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return what a camera stores so that the orientation shows `upright`: the table of the EXIF standard."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_picture(orientation, kind, read):
    """Orientations 1 to 8 all load upright, in every format that has them."""
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    image = Image.fromarray(np.ascontiguousarray(stored(blob(), orientation)))
    picture = read(encode(image, kind, exif=exif(orientation), **options))
    assert picture.size == (24, 36)
    np.testing.assert_allclose(picture.pixels, blob(), atol=6 if kind == "JPEG" else 0)


def test_the_alpha_turns_with_the_picture(read):
    """EXIF orientation applies to the opacity as to the colours."""
    upright = np.dstack([blob(), np.linspace(10, 250, 24 * 36).reshape(24, 36).astype(np.uint8)])
    image = Image.fromarray(np.ascontiguousarray(stored(upright, 6)))
    picture = read(encode(image, "PNG", exif=exif(6)), alpha="keep")
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), upright[..., 3])


@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0"])
def test_a_corrupt_exif_block_is_ignored(block, read):
    """A broken EXIF block costs nothing but itself."""
    data = encode(Image.fromarray(blob()), "JPEG", quality=95, subsampling=0, exif=block)
    np.testing.assert_allclose(read(data).pixels, blob(), atol=6)


def test_an_orientation_out_of_range_is_ignored(read):
    """Orientation 9 does not exist, and turns nothing."""
    np.testing.assert_array_equal(read(encode(Image.fromarray(blob()), "PNG", exif=exif(9))).pixels, blob())


def ramp_16() -> np.ndarray:
    return np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(4, 16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_stays_a_ramp(kind, read):
    """16-bit grey is scaled by 1/257, finer than 8 bits, not clipped to white."""
    picture = read(encode(Image.fromarray(ramp_16()), kind))
    np.testing.assert_allclose(picture.pixels, np.repeat(ramp_16()[..., None] / 257, 3, axis=-1), atol=1e-4)
    assert len(np.unique(picture.pixels)) == 64


def test_big_endian_grey_of_16_bits(read):
    """The byte order of the file does not matter."""
    values = ramp_16()
    tags = [(256, 16), (257, 4), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 128)]
    directory = struct.pack(">H", len(tags))
    for tag, value in tags:
        kind, packed = (
            (4, struct.pack(">I", value)) if tag in (273, 279) else (3, struct.pack(">HH", value, 0))
        )
        directory += struct.pack(">HHI", tag, kind, 1) + packed
    data = b"MM\0*" + struct.pack(">I", 8 + 128) + values.astype(">u2").tobytes() + directory + bytes(4)
    np.testing.assert_allclose(read(data).pixels[..., 0], values / 257, atol=1e-4)


def test_a_tiff_whose_white_is_zero(read):
    """16-bit grey stored as ink rather than light is turned round."""
    data = encode(Image.fromarray(ramp_16()), "TIFF", tiffinfo={262: 0})
    np.testing.assert_allclose(read(data).pixels[..., 0], 255 - ramp_16() / 257, atol=1e-4)


def test_colour_of_16_bits_is_accepted_and_said(read):
    """16-bit colour loads to its upper 8 bits, with a note."""
    picture = read(png(blob().astype(np.uint16) * 257, 16, 2))
    np.testing.assert_array_equal(picture.pixels, blob())
    assert "16 bits a channel reduced to 8" in picture.notes


def test_floats_from_0_to_1_are_scaled(read):
    """A float TIFF of 0..1 becomes 0..255, with a note, and keeps its precision."""
    values = np.linspace(0, 1, 24).reshape(4, 6).astype(np.float32)
    picture = read(tiff_floats(values))
    np.testing.assert_allclose(picture.pixels[..., 1], values * 255, rtol=1e-6)
    assert any("floats" in note for note in picture.notes)


def transparent_red() -> Image.Image:
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    image.putpixel((2, 0), (255, 0, 0, 51))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_red_on_white_is_white(kind, read):
    """Alpha is composited on white: a·c + (1 − a)·255."""
    picture = read(
        encode(transparent_red(), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    )
    assert picture.alpha is None
    np.testing.assert_allclose(picture.pixels[0, :3], [WHITE, RED, [255, 204, 204]], atol=1e-3)
    assert "composited on white" in picture.notes


def test_alpha_can_be_kept(read):
    """With alpha="keep" the colours are as stored, white where nothing is seen, and the opacity is 0..1."""
    picture = read(encode(transparent_red(), "PNG"), alpha="keep")
    np.testing.assert_allclose(picture.alpha[0], [0, 1, 0.2, 0], atol=1e-6)
    np.testing.assert_array_equal(picture.pixels[0, :3], [WHITE, RED, RED])


def test_an_opaque_alpha_channel_is_no_alpha(read):
    """RGBA that is opaque throughout loads as RGB, without a note."""
    picture = read(encode(Image.fromarray(blob()).convert("RGBA"), "PNG"), alpha="keep")
    assert picture.alpha is None and picture.notes == []


def test_a_wrong_alpha_argument_is_the_programmers(tmp_path):
    """An unknown way to treat alpha is a ValueError at once."""
    with pytest.raises(ValueError, match="white"):
        load(tmp_path / "absent.png", alpha="black")


def palette(transparency: object, kind: str) -> bytes:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 128, 128, 128, 0, 0, 255])
    image.putdata([0, 1, 2])
    return encode(image, kind, transparency=transparency)


@pytest.mark.parametrize(
    ("kind", "transparency", "first"),
    [("PNG", 0, WHITE), ("GIF", 0, WHITE), ("PNG", b"\x33\xff\xff", [255, 204, 204])],
)
def test_a_palette_with_transparency(kind, transparency, first, read):
    """A palette entry that is transparent, wholly or partly, is composited; the others stay."""
    pixels = read(palette(transparency, kind)).pixels
    np.testing.assert_allclose(pixels[0], [first, GREY, [0, 0, 255]], atol=1e-3)


@pytest.mark.parametrize(
    ("bits", "colour_type", "samples", "transparent", "expected"),
    [
        (8, 0, [[0], [128], [255]], [128], [0, 255, 255]),
        (8, 0, [[0], [128], [255]], [0], [255, 128, 255]),
        (2, 0, [[0], [2], [3]], [2], [0, 255, 255]),
        (4, 0, [[0], [5], [15]], [0], [255, 85, 255]),
        (1, 0, [[0], [1], [0]], [0], [255, 255, 255]),
        (16, 0, [[0], [2570], [2571]], [2570], [0, 255, 2571 / 257]),
        (8, 2, [[0] * 3, [9] * 3, [90] * 3], [9] * 3, [0, 255, 90]),
        (16, 2, [[0] * 3, [2570] * 3, [5140] * 3], [2570] * 3, [0, 255, 20]),
    ],
)
def test_one_transparent_colour_at_each_depth(bits, colour_type, samples, transparent, expected, read):
    """A PNG's single transparent colour is found at its own bit depth and becomes white."""
    mask = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    picture = read(png(np.array([samples]), bits, colour_type, mask))
    np.testing.assert_allclose(picture.pixels[0, :, 0], expected, atol=1e-4)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_every_simple_mode_of_png(mode, read):
    """A white picture is white, whatever the mode that holds it."""
    image = Image.new("RGB", (5, 3), "white").convert(mode)
    np.testing.assert_array_equal(read(encode(image, "PNG")).pixels, 255)


def test_grey_with_alpha(read):
    """LA is composited like RGBA."""
    image = Image.fromarray(np.array([[[0, 0], [0, 255], [100, 51]]], np.uint8), "LA")
    pixels = read(encode(image, "PNG")).pixels
    np.testing.assert_allclose(pixels[0, :, 2], [255, 0, 224], atol=1e-3)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_without_a_profile(kind, read):
    """Cyan ink removes red; the conversion is called approximate."""
    options = {"quality": 100} if kind == "JPEG" else {}
    picture = read(encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), kind, **options))
    np.testing.assert_allclose(picture.pixels[8, 8], [0, 255, 255], atol=3)
    assert any("CMYK without a profile" in note for note in picture.notes)


def test_cmyk_with_a_profile(read):
    """The profile is used: a press's cyan is darker than the screen's, paper is white, black nearly black."""
    inks = np.zeros((1, 3, 4), np.uint8)
    inks[0, 1, 0] = inks[0, 2, 3] = 255
    data = encode(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=press())
    picture = read(data)
    paper, cyan, black = picture.pixels[0]
    assert paper.min() > 250 and black.max() < 70
    assert cyan[0] < 60 and 110 < cyan[1] < 190 and 190 < cyan[2] < 240
    assert "converted from Press to sRGB" in picture.notes


def test_lab_colours(read):
    """A TIFF in L*a*b* becomes sRGB."""
    picture = read(encode(Image.fromarray(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8), "LAB"), "TIFF"))
    np.testing.assert_allclose(picture.pixels[0], [WHITE, [0, 0, 0]], atol=3)


def test_display_p3_becomes_srgb(read):
    """The same numbers mean stronger colours in Display P3: in sRGB they move from grey, and grey stays."""
    colours = np.array([[[200, 100, 100], [100, 200, 100], [120, 120, 120]]], np.uint8)
    picture = read(encode(Image.fromarray(colours), "PNG", icc_profile=display_p3()))
    red, green, grey = picture.pixels[0]
    assert red[0] > 205 and red[1] < 99 and green[0] < 95 and green[1] > 200
    np.testing.assert_allclose(grey, 120, atol=2)
    assert picture.notes == ["converted from Display P3 to sRGB"]


def test_a_profile_and_an_alpha_channel_together(read):
    """Colours are converted before they are composited, and the opacity is not touched."""
    image = Image.new("RGBA", (1, 1), (200, 100, 100, 128))
    data = encode(image, "PNG", icc_profile=display_p3())
    kept, flat = read(data, alpha="keep"), read(data)
    assert kept.pixels[0, 0, 0] > 205 and kept.alpha[0, 0] == np.float32(128 / 255)
    a = 128 / 255
    np.testing.assert_allclose(flat.pixels, a * kept.pixels + (1 - a) * 255, rtol=1e-5)


@pytest.mark.parametrize("deep", [False, True])
def test_a_grey_profile(deep, read):
    """A grey profile applies to 8 and 16 bits: linear 128/255 is sRGB 188, and 16 bits stay finer than 8."""
    values = np.array([[0, 128 * 257, 20 * 257, 20 * 257 + 90, 65535]], np.uint16)
    image = Image.fromarray(values if deep else (values // 257).astype(np.uint8))
    picture = read(encode(image, "PNG", icc_profile=linear_grey()))
    np.testing.assert_allclose(picture.pixels[0, [0, 1, 4], 0], [0, 188, 255], atol=1)
    assert (picture.pixels[0, 3, 0] > picture.pixels[0, 2, 0]) == deep


def test_a_grey_picture_with_a_colour_profile(read):
    """Grey made from a Display P3 picture often keeps its profile: it stays grey, on that profile's curve."""
    image = Image.fromarray(np.array([[0, 120, 255]], np.uint8))
    picture = read(encode(image, "PNG", icc_profile=display_p3()))
    np.testing.assert_allclose(picture.pixels[0], [[0] * 3, [120] * 3, [255] * 3], atol=2)
    assert not any("ignored" in note for note in picture.notes)


def test_an_srgb_profile_changes_nothing(read):
    """The common case, a file tagged sRGB, keeps its exact numbers and needs no note."""
    picture = read(encode(Image.fromarray(blob()), "PNG", icc_profile=srgb_profile()))
    np.testing.assert_array_equal(picture.pixels, blob())
    assert picture.notes == []


@pytest.mark.parametrize(
    "profile", [b"garbage", bytes(128), display_p3()[:200], linear_grey(), press()], ids=lambda p: str(len(p))
)
def test_a_profile_that_does_not_fit_is_ignored_with_a_note(profile, read):
    """A corrupt profile, or one for another kind of picture, leaves the pixels as they are and says so."""
    picture = read(encode(Image.fromarray(blob()), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(picture.pixels, blob())
    assert len(picture.notes) == 1 and picture.notes[0].startswith("ignored its colour profile")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(kind, read):
    """The first frame of an animation, or page of a TIFF, is taken, and the note counts them."""
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = read(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(picture.pixels, np.broadcast_to(RED, (6, 8, 3)))
    assert "first frame of 3" in picture.notes


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_tiny_and_extreme_pictures(size, kind, read):
    """One pixel, and a line of pixels, load like any other picture."""
    assert read(encode(Image.new("RGB", size, "red"), kind)).size == size[::-1]


@pytest.mark.skipif("AVIF" not in FORMATS, reason="this Pillow reads no AVIF")
def test_avif(read):
    """AVIF loads where Pillow has it."""
    np.testing.assert_allclose(
        read(encode(Image.fromarray(blob()), "AVIF", quality=100)).pixels, blob(), atol=8
    )


def test_the_extension_does_not_matter(tmp_path):
    """What a file is, its content says."""
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encode(Image.fromarray(blob()), "PNG"))
    np.testing.assert_array_equal(load(path).pixels, blob())
