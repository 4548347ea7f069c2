"""Malformed and hostile files of every other kind, each written by a small function.

`CASES` maps a name to `(write, message)`: `write(path, canary)` makes the file, `message` is a part of the
one line that refuses it. Code that got executed would create the file `canary`.
"""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tests.formats import miniature as mini
from tests.formats.hostile_pickles import TORCH, Evil


def npz(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> object:
    """Write an `.npz` from raw members."""

    def write(path: Path, canary: Path) -> None:
        with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name that comes twice
            for name, data in members.items():
                archive.writestr(name.strip("+"), data)

    return write


def member(array: np.ndarray) -> bytes:
    """Return an array as a member of an `.npz`."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz_object(path: Path, canary: Path) -> None:
    """Write an `.npz` with an array of objects."""
    np.savez(
        path.with_suffix(".npz"), **{"conv1_1.weight": np.array([Evil(canary)], object)}, allow_pickle=True
    )
    path.with_suffix(".npz").rename(path)


def npz_lying(compression: int) -> object:
    """Write an `.npz` whose directory understates what the first kernel inflates to: sixteen mebibytes."""

    def write(path: Path, canary: Path) -> None:
        good = member(mini.arrays()["conv1_1.weight"])
        npz({"conv1_1.weight.npy": good + bytes(16 << 20)}, compression)(path, canary)
        data = bytearray(path.read_bytes())
        start = data.rindex(b"PK\x01\x02") + 24
        data[start : start + 4] = struct.pack("<I", len(good))
        path.write_bytes(data)

    return write


def safetensors(header: dict, tail: bytes = b"") -> object:
    """Write a safetensors file with entries that do not fit."""

    def write(path: Path, canary: Path) -> None:
        mini.safetensors(path, TORCH, header)
        path.write_bytes(path.read_bytes() + tail)

    return write


def entry(shape: list, place: list, dtype: str = "F32") -> dict:
    """Return an entry for the first kernel of a safetensors file."""
    return {"features.0.weight": {"dtype": dtype, "shape": shape, "data_offsets": place}}


def raw(data: bytes) -> object:
    """Write these bytes."""
    return lambda path, canary: path.write_bytes(data)


def caffe(*blobs: bytes, name: bytes = b"conv1_1") -> object:
    """Write a Caffe model with one layer of these blobs."""
    layer = (
        mini.field(1, name) + mini.field(2, b"Convolution") + b"".join(mini.field(7, blob) for blob in blobs)
    )
    return raw(mini.field(1, b"net") + mini.field(100, layer))


def blob(shape: tuple, data: bytes) -> bytes:
    """Return a Caffe blob that claims a shape."""
    return mini.field(7, mini.field(1, b"".join(mini.varint(n) for n in shape))) + mini.field(5, data)


MAT_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind: int, data: bytes, size: int | None = None) -> bytes:
    """Return an element of a MAT-file, padded, that may claim another size."""
    return struct.pack("<II", kind, len(data) if size is None else size) + data + b"\0" * (-len(data) % 8)


def mat(kind: int, dims: tuple, rest: bytes = b"", name: bytes = b"layers") -> bytes:
    """Return a variable of a MAT-file."""
    head = (
        element(6, struct.pack("<II", kind, 0))
        + element(5, struct.pack(f"<{len(dims)}i", *dims))
        + element(1, name)
    )
    return element(14, head + rest)


def nested(depth: int) -> bytes:
    """Return cells within cells."""
    inner = mat(1, (0, 0))
    for _ in range(depth):
        inner = mat(1, (1, 1), inner)
    return inner


# A variable `layers` that declares a gibibyte, and zeros to inflate.
BOMB = element(15, zlib.compress(struct.pack("<II", 14, 1 << 30) + mat(1, (1, 1))[8:] + bytes(1 << 25)))


CASES = {
    "a Git LFS pointer": (
        raw(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 574670860\n"),
        "Git LFS",
    ),
    "an HTML page": (raw(b"\n<!DOCTYPE html><html><body>404</body></html>"), "HTML page"),
    "an XML answer": (raw(b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), "XML"),
    "an empty file": (raw(b""), "is empty"),
    "zeros": (raw(bytes(4096)), "zeros"),
    "noise": (raw(bytes(range(7, 250)) * 9), "not a weight file"),
    "gzip": (raw(b"\x1f\x8b\x08" + bytes(40)), "gzip"),
    "a picture": (raw(b"\x89PNG\r\n\x1a\n" + bytes(40)), "a picture"),
    "MATLAB 7.3": (raw(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n"), "save -v7"),
    "another pickle": (
        lambda path, canary: path.write_bytes(pickle.dumps(Evil(canary), 2)),
        "pickle that is not",
    ),
    "another zip": (npz({"readme.txt": b"hello"}), "neither"),
    "a Torch7 file": (raw(struct.pack("<iiii", 4, 1, 3, 0) + bytes(40)), "Torch7"),
    "HDF5 of nothing": (raw(b"\x89HDF\r\n\x1a\n" + bytes(600)), "damaged HDF5"),
    "npy of one array": (lambda path, canary: path.write_bytes(member(np.zeros(3))), "one array"),
    "npy header that is code": (
        raw(b"\x93NUMPY\x01\x00\x1e\x00" + b"__import__('os').abort()\n".ljust(30)),
        "malformed",
    ),
    "npz with code": (npz_object, "not as large"),
    "npz header of 64 TiB": (
        npz({"conv1_1.weight.npy": mini.npy_header((1 << 22, 1 << 22), "<f4")}),
        "not as large",
    ),
    "npz bomb": (
        npz(
            {
                "conv1_1.weight.npy": mini.npy_header((1 << 24,), "<f4") + bytes(1 << 26),
                "conv1_1.bias.npy": member(np.zeros(4)),
            },
            zipfile.ZIP_DEFLATED,
        ),
        "shape",
    ),
    "npz that inflates to more": (npz_lying(zipfile.ZIP_DEFLATED), "damaged"),
    "npz bomb by bzip2": (npz_lying(zipfile.ZIP_BZIP2), "packed as NumPy never does"),
    "npz header of gigabytes": (
        npz({"conv1_1.weight.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff"}),
        "bytes of text",
    ),
    "npz brackets": (npz({"conv1_1.weight.npy": b"\x93NUMPY\x01\x00\xa0\x0f" + b"[" * 4000}), "damaged"),
    "npz member twice": (
        npz({"conv1_1.bias.npy": member(np.zeros(4, "f4")), "conv1_1.bias.npy+": member(np.ones(4, "f4"))}),
        "there twice",
    ),
    "npz layer under two names": (
        npz({"conv1_1.bias.npy": member(np.zeros(4)), "block1_conv1.bias.npy": member(np.zeros(4))}),
        "there twice",
    ),
    "npz wrong shape": (
        npz({"conv1_1.weight.npy": member(np.zeros((5, 5, 3, 4))), "conv1_1.bias.npy": member(np.zeros(4))}),
        "is expected",
    ),
    "safetensors header too long": (raw(struct.pack("<Q", 1 << 38) + b'{"a": 1}'), "header declares"),
    "safetensors header not JSON": (raw(struct.pack("<Q", 8) + b'{"a": 1,'), "damaged"),
    "safetensors brackets": (raw(struct.pack("<Q", 100_005) + b'{"a":' + b"[" * 100_000), "damaged"),
    "safetensors name twice": (raw(struct.pack("<Q", 15) + b'{"a":1, "a": 2}'), "twice"),
    "safetensors overlap": (safetensors(entry([4, 3, 3, 3], [16, 448])), "overlaps"),
    "safetensors beyond the file": (safetensors(entry([1 << 22, 1 << 22], [0, 1 << 46])), "overlaps"),
    "safetensors shape against place": (safetensors(entry([1 << 22, 1 << 22], [0, 432])), "another size"),
    "safetensors negative": (safetensors(entry([-4, -3, 3, 3], [0, 432])), "no proper shape"),
    "safetensors bfloat16": (safetensors(entry([4, 3, 3, 3], [0, 216], "BF16")), "BF16"),
    "safetensors tail": (safetensors({}, b"tail"), "belong to no array"),
    "Caffe length past the end": (
        raw(mini.field(1, b"net") + b"\xa2\x06" + mini.varint(1 << 40) + b"abc"),
        "cut short",
    ),
    "Caffe blob of 64 TiB": (caffe(blob((1 << 22, 1 << 22), b"abcd"), blob((4,), bytes(16))), "shape"),
    "Caffe blob without its bytes": (
        caffe(blob((4, 3, 3, 3), b"abcd"), blob((4,), bytes(16))),
        "needs 432 bytes",
    ),
    "Caffe dimensions without end": (caffe(blob((1,) * 1000, b"abcd")), "more than 8 dimensions"),
    "Caffe numbers one by one": (caffe(mini.varint(5 << 3 | 5) + bytes(4)), "one packed piece"),
    "Caffe endless number": (raw(mini.field(1, b"net") + b"\xa2\x06" + b"\xff" * 20), "ten bytes"),
    "Caffe three blobs": (caffe(*[blob((4,), bytes(16))] * 3), "more arrays than"),
    "Caffe a hundred thousand blobs": (caffe(*[b""] * 100_000), "more arrays than"),
    "Caffe blob of nothing": (caffe(b""), "holds no numbers"),
    "Caffe layer twice": (
        raw(
            mini.field(1, b"net")
            + mini.field(100, mini.field(1, b"conv1_1") + mini.field(7, blob((4,), bytes(16)))) * 2
        ),
        "there twice",
    ),
    "MAT cell of two thousand million": (
        raw(MAT_HEAD + mat(1, (1, (1 << 31) - 1))),
        "declares 2147483647 members",
    ),
    "MAT cell of 2**62": (raw(MAT_HEAD + mat(1, ((1 << 31) - 1, (1 << 31) - 1))), "members"),
    "MAT negative size": (raw(MAT_HEAD + mat(1, (-1, 4))), "negative"),
    "MAT nested": (raw(MAT_HEAD + nested(40)), "nested too deeply"),
    "MAT element past the end": (raw(MAT_HEAD + element(14, b"", 1 << 31)), "cut short"),
    "MAT compressed bomb": (raw(MAT_HEAD + BOMB), "no set of weights"),
    "MAT without layers": (raw(MAT_HEAD + mat(1, (0, 0), name=b"other")), "no cell array"),
    "MAT variable twice": (raw(MAT_HEAD + mat(1, (0, 0)) * 2), "there twice"),
    "MAT field names": (
        raw(MAT_HEAD + mat(1, (1, 1), mat(2, (1, 1), element(5, struct.pack("<i", -1)) + element(1, b"a")))),
        "field names",
    ),
}
