"""Checkpoints that must be refused, each made from a good one: damage, lies about sizes, code in disguise."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nst.engine.checkpoint import FORMAT, Checkpoint, save_checkpoint

SENTINEL = "executed"  # the file that a pickle would make, beside the checkpoint


def good() -> Checkpoint:
    """A small checkpoint with something in every field."""
    rng = np.random.default_rng(8)
    return Checkpoint(
        iteration=7,
        scale=1,
        done=2,
        image=rng.uniform(0, 255, (1, 6, 5, 3)).astype(np.float32),
        optimizer={
            "t": np.asarray(7),
            "m": rng.normal(size=(1, 6, 5, 3)),
            "empty": np.zeros((0, 3), np.float32),
        },
        settings={"arguments": ["a.jpg", "--size", "32"], "é": None},
        hashes={"content": "ab" * 32},
        rng=rng.bit_generator.state,
        trace={"rows": [{"iteration": 1, "loss": 2.5}]},
        thumbnails={0: np.zeros((4, 3, 3), np.uint8), 5: np.full((4, 3, 3), 9, np.uint8)},
    )


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def header(descr: str, shape: str, payload: bytes = b"") -> bytes:
    """An .npy of version 1 whose header says what it likes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + payload


def rewritten(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes | None) -> None:
    """Write the good checkpoint with some members replaced; None leaves one out."""
    save_checkpoint(path, good())
    with zipfile.ZipFile(path) as archive:
        old = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in {**old, **members}.items():
            if data is not None:
                archive.writestr(name if name.endswith(".pkl") else f"{name}.npy", data)


def with_meta(**changes: object) -> Callable[[Path], None]:
    """A maker of checkpoints whose JSON has other values; `...` leaves a key out."""

    def make(path: Path) -> None:
        checkpoint = good()
        meta = {key: value for key, value in vars(checkpoint).items() if isinstance(value, int | dict)}
        del meta["optimizer"], meta["thumbnails"]
        meta = {
            key: value for key, value in {"format": FORMAT, **meta, **changes}.items() if value is not ...
        }
        rewritten(path, meta=npy(np.frombuffer(json.dumps(meta).encode(), np.uint8)))

    return make


def with_text(text: bytes) -> Callable[[Path], None]:
    return lambda path: rewritten(path, meta=npy(np.frombuffer(text, np.uint8)))


def with_image(array: np.ndarray) -> Callable[[Path], None]:
    return lambda path: rewritten(path, image=npy(array))


def with_member(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda path: rewritten(path, **{name: data})


def patched(change: Callable[[bytearray], object]) -> Callable[[Path], None]:
    """A maker that changes bytes of the good file."""

    def make(path: Path) -> None:
        save_checkpoint(path, good())
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(bytes(data))

    return make


class _Code:
    """Makes a file when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / SENTINEL),)


def pickled_object(path: Path) -> None:
    """An object array, which NumPy stores as a pickle, as one of the optimiser's arrays."""
    rewritten(path, **{"optimizer.m": npy(np.array([_Code(path.parent)], object))})


def pickle_alone(path: Path) -> None:
    """No archive at all but a pickle, which np.load would run."""
    path.write_bytes(pickle.dumps(_Code(path.parent)))


def pickled_member(path: Path) -> None:
    """An archive with a member that is a pickle."""
    rewritten(path, **{"data.pkl": pickle.dumps(_Code(path.parent))})


def compressed_bomb(path: Path) -> None:
    """A hundred mebibytes of zeros in a hundred kilobytes."""
    rewritten(path, zipfile.ZIP_DEFLATED, **{"optimizer.m": npy(np.zeros(100 << 20, np.uint8))})


def overlapping_bomb(path: Path) -> None:
    """A hundred members that all lie on the same mebibyte, each with all headers before it in its extra field."""
    count, data = 100, npy(np.zeros(1 << 20, np.uint8))
    import zlib

    crc = zlib.crc32(data)
    names = [f"optimizer.{n:03}.npy".encode() for n in range(count)]
    local = 30 + len(names[0])
    sizes = struct.pack("<III", crc, len(data), len(data))
    body, directory = b"", b""
    for n, name in enumerate(names):
        extra = (count - 1 - n) * local
        head = struct.pack("<HHHHH", 20, 0, 0, 0, 0) + sizes
        body += b"PK\x03\x04" + head + struct.pack("<HH", len(name), extra) + name
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + head
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, n * local) + name
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body) + len(data), 0)
    path.write_bytes(body + data + directory + b"PK\x05\x06" + end)


def _encrypt(data: bytearray) -> None:
    for mark, offset in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)


def _claim_four_gigabytes(data: bytearray) -> None:
    at = data.find(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)


def _swap_a_number(data: bytearray) -> None:
    at = data.rfind(b"PK\x03\x04")
    data[at + 300] ^= 1


FLOAT32 = "'<f4'"
IMAGE = good().image
FLAT = np.zeros((4, 3), np.uint8)

# What it is: how it is made, and what must be said about it (where the words are not those of a library).
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("no checkpoint at all\n"), "not a zip file"),
    "cut in half": (patched(lambda data: data.__delitem__(slice(len(data) // 2, None))), "not a zip file"),
    "cut at the end": (patched(lambda data: data.__delitem__(slice(-30, None))), "not a zip file"),
    "a changed byte": (patched(_swap_a_number), "Bad CRC-32"),
    "an encrypted archive": (patched(_encrypt), "is encrypted"),
    "an archive of nothing": (lambda path: zipfile.ZipFile(path, "w").close(), "it lacks 'meta'"),
    "pickle": (pickle_alone, "not a zip file"),
    "object array": (pickled_object, "optimizer.m: its header claims object"),
    "a pickled member": (pickled_member, "unexpected member 'data.pkl'"),
    "compressed bomb": (compressed_bomb, "claim more bytes than it has"),
    "compressed member": (lambda path: rewritten(path, zipfile.ZIP_DEFLATED), "unexpected member 'meta.npy'"),
    "overlapping bomb": (overlapping_bomb, "claim more bytes than it has"),
    "a directory that claims 4 GiB": (patched(_claim_four_gigabytes), "claim more bytes than it has"),
    "64 TiB shape": (
        with_member("image", header(FLOAT32, "(1, 2097152, 2097152, 4)")),
        "but it holds 0 bytes",
    ),
    "64 TiB state": (
        with_member("optimizer.m", header(FLOAT32, "(17592186044416,)", b"abcd")),
        "but it holds 4 bytes",
    ),
    "negative shape": (with_member("image", header(FLOAT32, "(-1, -1, 1, 3)", b"\0" * 12)), ""),
    "code for a header": (
        with_member("image", header("__import__('os').mkdir('executed')", "()")),
        "malformed",
    ),
    "an unknown header": (with_member("image", b"\x93NUMPY\x09\x00" + b"\0" * 64), "no NumPy header"),
    "no header": (with_member("image", b""), ""),
    "no image": (with_member("image", None), "it lacks 'image'"),
    "no JSON": (with_member("meta", None), "it lacks 'meta'"),
    "other format": (with_meta(format="nst checkpoint 9"), f"its format is not {FORMAT!r}"),
    "no format": (with_meta(format=...), "its format is not"),
    "NaN image": (with_image(np.full_like(IMAGE, np.nan)), "the image is not finite"),
    "infinite image": (with_image(np.full_like(IMAGE, np.inf)), "the image is not finite"),
    "float64 image": (with_image(IMAGE.astype(np.float64)), "the image is float64"),
    "big-endian image": (with_image(IMAGE.astype(">f4")), "the image is >f4"),
    "image without a batch": (with_image(IMAGE[0]), "(6, 5, 3), not float32"),
    "image of two pictures": (with_image(np.repeat(IMAGE, 2, axis=0)), "(2, 6, 5, 3), not float32"),
    "image of words": (with_image(np.full((1, 6, 5, 3), "x")), "the image is <U1"),
    "flat thumbnail": (with_member("thumbnail.0", npy(FLAT)), "a thumbnail is not"),
    "thumbnail without pixels": (
        with_member("thumbnail.0", npy(np.zeros((0, 3, 3), np.uint8))),
        "a thumbnail is not",
    ),
    "thumbnail of no iteration": (with_member("thumbnail.x", npy(FLAT)), "invalid literal"),
    "iteration of words": (with_meta(iteration="seven"), "iteration is not"),
    "negative iteration": (with_meta(iteration=-7), "iteration is not"),
    "broken iteration": (with_meta(iteration=7.5), "iteration is not"),
    "a scale of words": (with_meta(scale="coarse"), "scale is not"),
    "fewer than no iterations of a scale": (with_meta(done=-1), "done is not"),
    "no scale": (with_meta(scale=...), "it lacks 'scale'"),
    "no iteration": (with_meta(iteration=...), "it lacks 'iteration'"),
    "settings that are a list": (with_meta(settings=[]), "settings is not"),
    "hashes that are a number": (with_meta(hashes=3), "hashes is not"),
    "trace that is null": (with_meta(trace=None), "trace is not"),
    "deep JSON": (with_text(b'{"a":' * 200_000), "recursion depth"),
    "JSON that is a list": (with_text(b"[1, 2]"), "its format is not"),
    "JSON that is a number": (with_text(b"7"), "its format is not"),
    "JSON cut short": (with_text(b'{"format": "nst checkpoint 2", "iter'), "Unterminated string"),
    "JSON that is no text": (with_text(b"\xff\xfe\x00"), "codec can't decode"),
    "a number of many digits": (with_text(b'{"iteration": ' + b"9" * 10_000 + b"}"), ""),
}
