"""Telling what a file is from its first bytes, whatever its name says."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

from nst.errors import NstError
from nst.files import require_file
from nst.formats import caffemodel, canonical, hdf5

FORMATS = {
    "nst-h5": "canonical HDF5 of nst",
    "keras-h5": "Keras HDF5",
    "matconvnet-mat": "MatConvNet .mat",
    "caffemodel": "Caffe .caffemodel",
    "torch-zip": "PyTorch .pth, zip",
    "torch-legacy": "PyTorch .pth, legacy",
    "npy-dict": "NumPy .npy with a pickled dict",
    "safetensors": "safetensors",
    "npz": "NumPy .npz",
}

# The pickled number with which every legacy .pth begins: LONG1, ten bytes, 0x1950A86A20F9469CFC6C.
TORCH_MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

# What people hand over by mistake, by its beginning: nothing of it is read.
OTHERS = (
    (rb"\x1f\x8b", "a gzip archive: unpack it first"),
    (rb"\xfd7zXZ|BZh|\x28\xb5\x2f\xfd|7z\xbc\xaf", "a compressed archive: unpack it first"),
    (rb"MATLAB 7\.3", "a MATLAB 7.3 file: save it again with `save -v7`"),
    (rb"PK\x05\x06", "an empty zip archive"),
    (rb"[\x80][\x00-\x05]", "a Python pickle that is not PyTorch's"),
    (rb"GGUF", "a GGUF file"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF", "a picture"),
    (rb"[\x04\x03]\x00\x00\x00[\x01-\x08]\x00\x00\x00", "a Torch7 .t7 file, which is not read"),
    (rb"%PDF", "a PDF document"),
)


def identify(path: str | os.PathLike) -> str:
    """Return which weight format a file is in, a key of `FORMATS`, by content and not by extension.

    Raises
    ------
    NstError
        When it is none of them; the message names what was found instead where that is known, such as the
        page of an error or the pointer that Git LFS leaves in place of a large file.
    """
    file = require_file(path, "the weight file")
    with open(file, "rb") as stream:
        head = stream.read(512)
    kind = _by_magic(file, head)
    if kind is None:
        raise NstError(f"{file} is {_describe(file, head)}; read are: {', '.join(FORMATS.values())}")
    return kind


def _by_magic(file: Path, head: bytes) -> str | None:
    if head.startswith(HDF5_MAGIC):
        return "nst-h5" if hdf5.root_text(file, "format") == canonical.FORMAT else "keras-h5"
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "matconvnet-mat"
    if head.startswith(b"PK\x03\x04"):
        return _by_members(file)
    if head[:1] == b"\x80" and head[2:].startswith(TORCH_MAGIC):
        return "torch-legacy"
    if head.startswith(b"\x93NUMPY"):
        return "npy-dict"
    if re.match(rb".{8}\s*\{", head, re.DOTALL) and int.from_bytes(head[:8], "little") < 1 << 40:
        return "safetensors"
    if _page(head) is None and caffemodel.plausible(head):
        return "caffemodel"
    return None


def _by_members(file: Path) -> str | None:
    """Tell a zip archive by the names in it: PyTorch keeps a `data.pkl`, NumPy only `.npy` members."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception as error:  # the directory of an archive is foreign bytes like the rest
        raise NstError(f"{file} is a damaged zip archive, perhaps cut short: download it again") from error
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return "torch-zip"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def _page(head: bytes) -> str | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself: run `git lfs pull` or download the file"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<!--")):
        return "an HTML page, probably the error page of a download: download the file again"
    if text.startswith((b"<?xml", b"{", b"[")):
        return "a text file (XML or JSON), probably the error answer of a download: download the file again"
    return None


def _describe(file: Path, head: bytes) -> str:
    if page := _page(head):
        return page
    if head.startswith(b"PK"):
        return "a zip archive, but neither PyTorch's nor NumPy's"
    for pattern, what in OTHERS:
        if re.match(pattern, head):
            return what
    if not head.strip(b"\0"):
        return "nothing but zeros, probably a download that never finished"
    return f"not a weight file that is known here (it begins with {head[:8].hex(' ')})"
