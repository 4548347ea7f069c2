"""Makes the files that the tests of loading read: raw PNGs, colour profiles, broken and odd pictures."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples: np.ndarray, bits: int, colour_type: int, *extra: bytes) -> bytes:
    """Return a PNG of (H, W, channels) samples; `extra` chunks stand before the data."""
    height, width = samples.shape[:2]
    flat = samples.reshape(height, -1)
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in flat]
    elif bits == 8:
        rows = [row.astype(np.uint8).tobytes() for row in flat]
    else:
        planes = (flat[..., None] >> np.arange(bits)[::-1]) & 1
        rows = [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in planes]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return what Pillow would write into a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff_floats(values: np.ndarray) -> bytes:
    """Return a TIFF of 32-bit floats."""
    return encode(Image.fromarray(values.astype(np.float32)), "TIFF")


def blob(height: int = 24, width: int = 36) -> np.ndarray:
    """Return a small smooth colour picture (H, W, 3) uint8 without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [40 + 5 * x, 230 - 7 * y, 60 + 2 * x + 3 * y]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Assemble an ICC version 2 profile."""
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = struct.pack(">I4sI4s4s4s12s", offset + len(body), b"", 0x02400000, kind, space, connection, b"")
    header += b"acsp" + bytes(24) + struct.pack(">I", 0) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(raw)) + raw + bytes(78)


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _gamma(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def display_p3() -> bytes:
    """A profile with the primaries of Display P3, adapted to D50, and a gamma of 2.2."""
    tags = {b"desc": _text("Display P3"), b"wtpt": _xyz(0.9642, 1.0, 0.8249)}
    tags[b"rXYZ"] = _xyz(0.5151, 0.2412, -0.0011)
    tags[b"gXYZ"] = _xyz(0.2920, 0.6922, 0.0419)
    tags[b"bXYZ"] = _xyz(0.1571, 0.0666, 0.7841)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(2.2))
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def linear_grey() -> bytes:
    """A grey profile of gamma 1: its middle is much lighter in sRGB."""
    tags = {b"desc": _text("Linear grey"), b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": _gamma(1.0)}
    return _profile(b"mntr", b"GRAY", b"XYZ ", tags)


def press() -> bytes:
    """A CMYK profile whose cyan is that of a press: L*a*b* 55, -37, -50, far from the screen's cyan."""
    inks = np.array([[45.0, 37.0, 50.0], [52.0, -74.0, 3.0], [6.0, 5.0, -93.0], [84.0, 0.0, 0.0]])
    grid = (np.arange(16)[:, None] >> np.arange(4)[::-1]) & 1  # C varies slowest
    lab = np.array([100.0, 0, 0]) - grid @ inks
    lab[:, 0] = lab[:, 0].clip(0, 100)
    table = np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], axis=-1)
    line = bytes(range(256))
    lut = (
        b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    )
    lut += 4 * line + np.rint(table).clip(0, 255).astype(np.uint8).tobytes() + 3 * line
    tags = {b"desc": _text("Press"), b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"A2B0": lut}
    return _profile(b"prtr", b"CMYK", b"Lab ", tags)
