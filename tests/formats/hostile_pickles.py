"""Malformed and hostile files that contain pickles, each written by a small function.

`CASES` maps a name to `(write, message)`: `write(path, canary)` makes the file, `message` is a part of the
one line that refuses it. Code that got executed would create the file `canary`.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np

from tests.formats import miniature as mini

TORCH = mini.renamed(mini.oihw(mini.arrays()), mini.TORCH)


class Evil:
    """Pickles as a call that creates the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return exec, (f"open({str(self.canary)!r}, 'w').close()",)


def torch(container, program) -> object:
    """Write a `.pth` whose state is another pickle."""

    def write(path: Path, canary: Path) -> None:
        container(path, TORCH, program=program(canary) if callable(program) else program)

    return write


def evil(canary: Path) -> bytes:
    """Return a pickle that creates the canary."""
    return pickle.dumps({"features.0.weight": Evil(canary)}, 2)


def tensor(count: int, offset: int, shape: tuple, strides: tuple, key: str = "0") -> bytes:
    """Return the pickle of a state with one tensor that claims these sizes."""
    storage = b"(" + mini.text("storage") + b"ctorch\nFloatStorage\n" + mini.text(key) + mini.text("cpu")
    storage += pickle.dumps(count, 2)[2:-1] + b"tQ"
    program = (
        b"\x80\x02}" + mini.text("features.0.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    )
    program += mini.integer(offset) + mini.ints(shape) + mini.ints(strides) + b"\x89}tRs"
    bias = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + mini.integer(0)
        + mini.ints((4,))
        + mini.ints((1,))
        + b"\x89}tR"
    )
    return program + mini.text("features.0.bias") + bias + b"s."


def torch_compressed(path: Path, canary: Path) -> None:
    """Write a zip `.pth` whose storages are compressed, which may hide a bomb."""
    mini.torch_zip(path, TORCH, compression=zipfile.ZIP_DEFLATED)


def legacy_evil(index: int) -> object:
    """Write a legacy `.pth` with an evil pickle in place of one of the first three or of the last."""

    def write(path: Path, canary: Path) -> None:
        bad = pickle.dumps(Evil(canary), 2)
        if index < 3:
            parts = list(mini.LEGACY_HEAD)
            parts[index] = parts[index][:-1] + bad[2:] if index == 0 else bad
            path.write_bytes(b"".join(parts) + mini.torch_state(TORCH, legacy=True) + pickle.dumps([], 2))
        else:
            path.write_bytes(b"".join(mini.LEGACY_HEAD) + mini.torch_state(TORCH, legacy=True) + bad)

    return write


def legacy_keys(keys: list) -> object:
    """Write a legacy `.pth` with another list of storages."""
    return lambda path, canary: mini.torch_legacy(path, TORCH, keys=keys)


def npy_evil(path: Path, canary: Path) -> None:
    """Write a pickled `.npy` that creates the canary when NumPy loads it."""
    np.save(path.with_suffix(".npy"), np.array({"conv1_1": Evil(canary)}), allow_pickle=True)
    path.with_suffix(".npy").rename(path)


def npy_claims(shape: tuple, data: bytes = b"U\x04abcd") -> object:
    """Write a pickled `.npy` whose kernel claims a shape that its four bytes do not have."""
    array = mini.python2_array(mini.ints(shape), b"f4", b"<", data)
    program = (
        b"}U\x07conv1_1]("
        + array
        + mini.python2_array(mini.ints((4,)), b"f4", b"<", b"U\x10" + b"0" * 16)
        + b"es"
    )
    return lambda path, canary: path.write_bytes(mini.numpy_object(program))


def npy_echo(path: Path, canary: Path) -> None:
    """Write a pickled `.npy` that turns one text into bytes a thousand times and keeps them all."""
    text = b"X" + (1 << 16).to_bytes(4, "little") + b"a" * (1 << 16) + b"q\x010c_codecs\nencode\nq\x020"
    path.write_bytes(mini.numpy_object(text + b"(" + b"h\x02h\x01\x85R" * 1000 + b"l"))


HUGE = 1 << 42


CASES = {
    "torch zip with code": (torch(mini.torch_zip, evil), "exec"),
    "torch zip without a dictionary": (torch(mini.torch_zip, b"\x80\x02]."), "a list instead"),
    "torch zip with numbers": (
        torch(mini.torch_zip, b"\x80\x02}" + mini.text("lr") + b"K\x01s."),
        "'lr' is not a tensor",
    ),
    "torch zip of 64 TiB": (
        torch(mini.torch_zip, tensor(HUGE, 0, (1 << 22, 1 << 22), (1 << 22, 1))),
        "shape",
    ),
    "torch storage of 64 TiB": (
        torch(mini.torch_zip, tensor(HUGE, 0, (4, 3, 3, 3), (27, 9, 3, 1))),
        "another size",
    ),
    "torch tensor beyond its storage": (
        torch(mini.torch_zip, tensor(108, 1, (4, 3, 3, 3), (27, 9, 3, 1))),
        "beyond",
    ),
    "torch negative stride": (
        torch(mini.torch_zip, tensor(108, 0, (4, 3, 3, 3), (27, 9, 3, -1))),
        "malformed",
    ),
    "torch storage in another folder": (
        torch(mini.torch_zip, tensor(108, 0, (4, 3, 3, 3), (27, 9, 3, 1), "../../etc/passwd")),
        "is missing",
    ),
    "torch pickle of megabytes": (
        torch(mini.torch_zip, b"\x80\x02" + b"N0" * (1 << 20) + b"N."),
        "one pickle",
    ),
    "torch zip compressed": (torch_compressed, "compressed"),
    "torch legacy with code": (torch(mini.torch_legacy, evil), "exec"),
    "torch legacy code in the first pickle": (legacy_evil(0), "exec"),
    "torch legacy code in the second pickle": (legacy_evil(1), "exec"),
    "torch legacy code in the third pickle": (legacy_evil(2), "exec"),
    "torch legacy code in the last pickle": (legacy_evil(3), "exec"),
    "torch legacy storage twice": (legacy_keys(["0", "0", *"123456789"]), "names it twice"),
    "torch legacy storage unknown": (legacy_keys(["x"]), "no tensor uses"),
    "torch legacy storage missing": (legacy_keys([]), "is missing"),
    "npy with code": (npy_evil, "exec"),
    "npy kernel of 64 TiB": (npy_claims((1 << 22, 1 << 22, 1, 1)), "shape"),
    "npy kernel without its bytes": (npy_claims((3, 3, 3, 4)), "needs 432 bytes"),
    "npy echo": (npy_echo, "no dictionary of layers"),
    "npy kernel of a list": (npy_claims((3, 3, 3, 4), b"]"), "holds no numbers"),
}
