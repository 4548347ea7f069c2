"""Malformed and hostile HDF5 files, each written by a small function.

`CASES` maps a name to `(write, message)`: `write(path, canary)` makes the file, `message` is a part of the
one line that refuses it. Code that got executed would create the file `canary`.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from nst.formats import write as write_canonical
from nst.networks.weights import Weights
from tests.formats import miniature as mini

KERNEL = "block1_conv1/kernel:0"


def keras(change) -> object:
    """Write a good Keras file, then let `change(file, path)` spoil it."""

    def write(path: Path, canary: Path) -> None:
        mini.keras(path, mini.arrays(), "{0}/{new}:0")
        with h5py.File(path, "a") as file:
            change(file, path)

    return write


def replaced(**arguments) -> object:
    """Replace the first kernel of a Keras file by a data set made with these arguments."""

    def change(file: h5py.File, path: Path) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, **arguments)

    return keras(change)


def linked(link) -> object:
    """Replace the first kernel of a Keras file by a link."""

    def change(file: h5py.File, path: Path) -> None:
        with h5py.File(path.with_name("other.h5"), "w") as other:
            other["secret"] = np.zeros((3, 3, 3, 4), np.float32)
        del file[KERNEL]
        file[KERNEL] = link(path.with_name("other.h5"))

    return keras(change)


def external(file: h5py.File, path: Path) -> None:
    """Let the first kernel take its numbers from another file."""
    secret = path.with_name("secret")
    secret.write_bytes(b"s" * 432)
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 3, 4), np.float32, external=[(str(secret), 0, 432)])


def virtual(file: h5py.File, path: Path) -> None:
    """Let the first kernel be put together from another file."""
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["secret"] = np.zeros((3, 3, 3, 4), np.float32)
    layout = h5py.VirtualLayout((3, 3, 3, 4), np.float32)
    layout[...] = h5py.VirtualSource(path.with_name("other.h5"), "secret", (3, 3, 3, 4))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def circle(file: h5py.File, path: Path) -> None:
    """Let a group contain itself."""
    file["block1_conv1/again"] = file["block1_conv1"]


def thicket(file: h5py.File, path: Path) -> None:
    """Let each of five groups hold the next fifty times: 50 ** 5 paths, and no circle."""
    inner = file.create_group("e")
    for name in "dcba":
        group = file.create_group(name)
        for index in range(50):
            group[str(index)] = inner
        inner = group


def plugin(file: h5py.File, path: Path) -> None:
    """Ask for a filter that HDF5 would load as a plugin (32015 is Zstandard)."""
    del file[KERNEL]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3, 3, 3, 4))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((3, 3, 3, 4))
    made = h5py.h5d.create(file["block1_conv1"].id, b"kernel:0", h5py.h5t.NATIVE_FLOAT, space, properties)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros((3, 3, 3, 4), np.float32))


def canonical(**attributes) -> object:
    """Write a canonical file with other attributes than it should have."""

    def write(path: Path, canary: Path) -> None:
        write_canonical(path, Weights(mini.arrays(), "custom"))
        with h5py.File(path, "a") as file:
            for name, value in attributes.items():
                file.attrs[name] = value

    return write


CASES = {
    "HDF5 soft link": (linked(lambda other: h5py.SoftLink("/block1_conv2/kernel:0")), "SoftLink"),
    "HDF5 external link": (linked(lambda other: h5py.ExternalLink(other, "/secret")), "ExternalLink"),
    "HDF5 external storage": (keras(external), "another file"),
    "HDF5 virtual data set": (keras(virtual), "virtual"),
    "HDF5 circle": (keras(circle), "nested too deeply"),
    "HDF5 thicket": (keras(thicket), "too many members"),
    "HDF5 plugin filter": (keras(plugin), "not built in"),
    "HDF5 of 64 TiB": (replaced(shape=(1 << 22, 1 << 22), dtype=np.float32, chunks=(64, 64)), "shape"),
    "HDF5 chunk larger than the array": (
        replaced(
            data=np.ones((3, 3, 3, 4), "f4"),
            maxshape=(None,) * 4,
            chunks=(3, 3, 3, 1 << 15),
            compression="gzip",
        ),
        "chunks larger",
    ),
    "HDF5 never written": (replaced(shape=(3, 3, 3, 4), dtype=np.float32), "written in full"),
    "HDF5 integers": (replaced(data=np.zeros((3, 3, 3, 4), np.int32)), "int32"),
    "HDF5 texts": (replaced(data=[b"abc"]), "shape"),
    "HDF5 compound": (replaced(data=np.zeros((3, 3, 3, 4), [("a", "f4")])), "float of 16"),
    "HDF5 named type": (
        keras(lambda file, path: file.__setitem__("type", np.dtype("f4"))),
        "neither a group",
    ),
    "HDF5 unknown layer": (
        keras(lambda file, path: file.__setitem__("conv9/kernel:0", np.zeros(3))),
        "no layer",
    ),
    "HDF5 batch normalisation": (
        keras(lambda file, path: file.__setitem__("bn/gamma:0", np.zeros(3))),
        "neither a kernel",
    ),
    "HDF5 missing layer": (
        keras(lambda file, path: file.__delitem__("block1_conv2")),
        "conv1_2.weight' is missing",
    ),
    "HDF5 missing bias": (
        keras(lambda file, path: file.__delitem__("block2_conv1/bias:0")),
        "conv2_1.bias' is missing",
    ),
    "canonical scale of zero": (canonical(scale=[1.0, 0.0, 1.0]), "makes no sense"),
    "canonical mean of text": (canonical(mean="grey"), "not three numbers"),
    "canonical mean of a million numbers": (canonical(mean=np.zeros(8000)), "not three numbers"),
    "canonical mean not finite": (canonical(mean=[np.nan, 0, 0]), "not finite"),
    "canonical channel order": (canonical(channel_order="GRB\x1b[31m"), "makes no sense"),
    "canonical network of numbers": (canonical(network=np.arange(5)), "not text"),
}
