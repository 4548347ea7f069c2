"""A network of three small convolutions and two dense layers, written in every weight format.

Each function of `WRITERS` writes the same numbers as the programs of its format do; the readers must give
them back. Containers are put together by hand where no library of the format is at hand.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import scipy.io

SHAPES = {
    "conv1_1.weight": (3, 3, 3, 4),
    "conv1_1.bias": (4,),
    "conv1_2.weight": (3, 3, 4, 4),
    "conv1_2.bias": (4,),
    "conv2_1.weight": (3, 3, 4, 6),
    "conv2_1.bias": (6,),
    "fc6.weight": (2 * 2 * 6, 5),
    "fc6.bias": (5,),
    "fc7.weight": (5, 4),
    "fc7.bias": (4,),
}
KERAS = {
    "conv1_1": "block1_conv1",
    "conv1_2": "block1_conv2",
    "conv2_1": "block2_conv1",
    "fc6": "fc1",
    "fc7": "fc2",
}
TORCH = {
    "conv1_1": "features.0",
    "conv1_2": "features.2",
    "conv2_1": "features.5",
    "fc6": "classifier.0",
    "fc7": "classifier.3",
}


def arrays() -> dict[str, np.ndarray]:
    """Return numbers for the whole network, in the canonical layout."""
    rng = np.random.default_rng(7)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def oihw(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the numbers as a framework with channels first stores them, written out step by step."""
    found = {}
    for name, array in values.items():
        if array.ndim == 4:
            array = np.moveaxis(array, (3, 2), (0, 1))
        elif name == "fc6.weight":
            height_width_channels = array.T.reshape(5, 2, 2, 6)
            array = np.moveaxis(height_width_channels, 3, 1).reshape(5, 24)
        elif array.ndim == 2:
            array = array.T
        found[name] = np.ascontiguousarray(array)
    return found


def renamed(values: dict[str, np.ndarray], names: dict[str, str]) -> dict[str, np.ndarray]:
    """Return the arrays under the names that another program gives to the layers."""
    parts = {name: name.rsplit(".", 1) for name in values}
    return {f"{names[layer]}.{part}": values[name] for name, (layer, part) in parts.items()}


def keras(path: Path, values: dict, pattern: str) -> None:
    """Write a Keras file; `pattern` gives the path of a data set from its layer `{0}` and part."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in KERAS.values()]
        for name, array in renamed(values, KERAS).items():
            layer, part = name.rsplit(".", 1)
            old, new = {"weight": ("W", "kernel"), "bias": ("b", "bias")}[part]
            file[pattern.format(layer, old=old, new=new)] = array
        file.require_group("model_weights/flatten" if "model_weights" in pattern else "flatten")
        if "model_weights" in pattern:
            file["optimizer_weights/iterations"] = np.int64(3)


def matconvnet(path: Path, values: dict, generation: str, compress: bool) -> None:
    """Write a MatConvNet model of the older or newer schema."""
    layers = []
    for layer in KERAS:
        kernel, bias = values[f"{layer}.weight"], values[f"{layer}.bias"]
        if layer == "fc6":
            kernel = kernel.reshape(2, 2, 6, 5)
        elif layer == "fc7":
            kernel = kernel.reshape(1, 1, 5, 4)
        pair = np.empty((1, 2), object)
        pair[0, 0], pair[0, 1] = kernel, bias.reshape(1, -1)
        old = {"filters": kernel, "biases": bias.reshape(1, -1)}
        layers += [{"name": layer, "type": "conv", **(old if generation == "old" else {"weights": pair})}]
        layers += [{"name": f"relu_{layer}", "type": "relu"}]
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    mean = np.array([123.68, 116.779, 103.939])
    if generation == "old":
        normalization = {"averageImage": np.broadcast_to(mean, (5, 5, 3)).astype(np.float32)}
        content = {"layers": cells, "classes": {"name": "cat"}, "normalization": normalization}
    else:
        content = {"layers": cells, "meta": {"normalization": {"averageImage": mean.reshape(1, 1, 3)}}}
    scipy.io.savemat(path, content, do_compression=compress)


def varint(value: int) -> bytes:
    """Return an integer in the encoding of protocol buffers."""
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def field(number: int, data: bytes) -> bytes:
    """Return a field of bytes, a text or a message of a protocol buffer."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def caffemodel(path: Path, values: dict, version: int) -> None:
    """Write a Caffe model with layers of version 1 (four-dimensional blobs) or 2."""
    message = field(1, b"VGG_mini")
    stored = oihw(values)
    for layer in KERAS:
        blobs = b""
        for part in ("weight", "bias"):
            array = stored[f"{layer}.{part}"]
            shape = (1,) * (4 - array.ndim) + array.shape if version == 1 else array.shape
            if version == 1:
                head = b"".join(varint(i << 3) + varint(n) for i, n in enumerate(shape, 1))
            else:
                head = field(7, field(1, b"".join(varint(n) for n in shape)))
            blobs += field(6 if version == 1 else 7, head + field(5, array.tobytes()))
        name = layer.encode()
        if version == 1:
            message += field(2, field(2, b"data") + field(4, name) + varint(5 << 3) + varint(4) + blobs)
            message += field(2, field(4, b"relu") + varint(5 << 3) + varint(18))
        else:
            message += field(100, field(1, name) + field(2, b"Convolution") + blobs)
    path.write_bytes(message)


def text(value: str) -> bytes:
    """Return the pickle instruction that pushes a text."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    """Return the pickle instruction that pushes a small integer."""
    return b"J" + struct.pack("<i", value)


def ints(values: tuple) -> bytes:
    """Return the pickle instructions that push a tuple of integers."""
    return b"(" + b"".join(integer(n) for n in values) + b"t"


def torch_state(stored: dict, legacy: bool = False) -> bytes:
    """Return the pickle of a state dictionary, one storage per tensor, keyed by its number."""
    program = b"\x80\x02ccollections\nOrderedDict\n)R("
    for key, (name, array) in enumerate(stored.items()):
        strides = tuple(n // array.itemsize for n in array.strides)
        kind = {"f4": b"Float", "f8": b"Double", "i8": b"Long"}[array.dtype.str[1:]]
        program += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n("
        program += b"(" + text("storage") + b"ctorch\n" + kind + b"Storage\n"
        program += text(str(key)) + text("cpu") + integer(array.size) + (b"N" if legacy else b"") + b"tQ"
        program += integer(0) + ints(array.shape) + ints(strides) + b"\x89ccollections\nOrderedDict\n)RtR"
    return program + b"u}" + text("_metadata") + b"}sb."


def torch_zip(
    path: Path, stored: dict, program: bytes | None = None, compression: int = zipfile.ZIP_STORED
) -> None:
    """Write a zip `.pth`, with another pickle where one is given."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("net/data.pkl", torch_state(stored) if program is None else program)
        archive.writestr("net/byteorder", "little")
        for key, array in enumerate(stored.values()):
            archive.writestr(f"net/data/{key}", array.tobytes())
        archive.writestr("net/version", "3\n")


LEGACY_HEAD = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]


def torch_legacy(path: Path, stored: dict, program: bytes | None = None, keys: list | None = None) -> None:
    """Write a legacy `.pth`, with another pickle where one is given."""
    keys = [str(n) for n in range(len(stored))] if keys is None else keys
    program = torch_state(stored, legacy=True) if program is None else program
    data = b"".join(LEGACY_HEAD) + program + pickle.dumps(keys, 2)
    for array in stored.values():
        data += struct.pack("<q", array.size) + array.tobytes()
    path.write_bytes(data)


def npy_dict(path: Path, values: dict) -> None:
    """Write a pickled dictionary of layers as NumPy does today."""
    np.save(
        path,
        {layer: [values[f"{layer}.weight"], values[f"{layer}.bias"]] for layer in KERAS},
        allow_pickle=True,
    )


def npy_header(shape: tuple, descr: str) -> bytes:
    """Return the header of an `.npy` file."""
    line = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line


def numpy_object(program: bytes) -> bytes:
    """Return an `.npy` file, as of Python 2, whose single object is what the pickle instructions push."""
    whole = b"\x80\x02" + python2_array(b")", b"O8", b"|", b"]" + program + b"a")
    return npy_header((), "|O") + whole + b"."


def python2_array(shape: bytes, code: bytes, order: bytes, data: bytes) -> bytes:
    """Return the instructions that push an array as NumPy pickled it under Python 2."""
    kind = b"cnumpy\ndtype\n(U" + bytes([len(code)]) + code + b"K\x00K\x01tR"
    kind += b"(K\x03U\x01" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    return start + b"(K\x01" + shape + kind + b"\x89" + data + b"tb"


def npy_python2(path: Path, values: dict) -> None:
    """Write a pickled dictionary of layers as NumPy did under Python 2: bytes and text are the same."""
    program = b"}("
    for layer in KERAS:
        program += b"U" + bytes([len(layer)]) + layer.encode() + b"]("
        for part in ("weight", "bias"):
            array = values[f"{layer}.{part}"]
            raw = array.tobytes()
            data = (
                b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw
            )
            program += python2_array(ints(array.shape), b"f4", b"<", data)
        program += b"e"
    path.write_bytes(numpy_object(program + b"u"))


def safetensors(path: Path, stored: dict, header: dict | None = None) -> None:
    """Write a safetensors file; entries of `header` replace those that belong there."""
    entries, body = {"__metadata__": {"format": "pt"}}, b""
    for name, array in stored.items():
        place = [len(body), len(body) + array.nbytes]
        entries[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": place}
        body += array.tobytes()
    line = json.dumps({**entries, **(header or {})}).encode()
    path.write_bytes(struct.pack("<Q", len(line)) + line + body)


# From the identifier of a format and a variant to the function that writes it.
WRITERS = {
    "keras-h5 old": lambda path: keras(path, arrays(), "{0}/{0}_{old}_1:0"),
    "keras-h5 new": lambda path: keras(path, arrays(), "{0}/{new}:0"),
    "keras-h5 nested": lambda path: keras(path, arrays(), "{0}/{0}/{new}:0"),
    "keras-h5 model": lambda path: keras(path, arrays(), "model_weights/{0}/{0}/{new}:0"),
    "matconvnet-mat old": lambda path: matconvnet(path, arrays(), "old", compress=False),
    "matconvnet-mat new": lambda path: matconvnet(path, arrays(), "new", compress=True),
    "caffemodel V1": lambda path: caffemodel(path, arrays(), 1),
    "caffemodel V2": lambda path: caffemodel(path, arrays(), 2),
    "torch-zip": lambda path: torch_zip(path, renamed(oihw(arrays()), TORCH)),
    "torch-legacy": lambda path: torch_legacy(path, renamed(oihw(arrays()), TORCH)),
    "npy-dict": lambda path: npy_dict(path, arrays()),
    "npy-dict Python 2": lambda path: npy_python2(path, arrays()),
    "safetensors": lambda path: safetensors(path, renamed(oihw(arrays()), TORCH)),
    "npz OIHW": lambda path: np.savez(path, **oihw(arrays())),
    "npz HWIO": lambda path: np.savez_compressed(path, **arrays()),
}


def write(kind: str, folder: Path) -> Path:
    """Write the miniature in a format and return the path, whose name says nothing about the format.

    The temporary name has an extension only because NumPy appends one of its own where there is none.
    """
    named = folder / ("file.npz" if kind.startswith("npz") else "file.npy")
    WRITERS[kind](named)
    return named.rename(folder / "weights.bin")
