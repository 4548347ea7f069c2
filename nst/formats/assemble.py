"""From what a file claims to hold to `Weights`: name, compare with the table of the network, and only then
read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nst.errors import NstError, nearest
from nst.files import sha256
from nst.formats.batch_norm import folded
from nst.formats.contents import Contents, Stored, shown
from nst.formats.names import TRAINING_ONLY, Shape, aliases, layers
from nst.formats.origin import decide
from nst.networks.architectures import ARCHITECTURES, CUT, narrowed
from nst.networks.slim_codecs import DECODERS, decoder_table
from nst.networks.weights import Weights

NETWORKS = tuple(name for name in ARCHITECTURES if name != "random")
LAYOUTS = ("OIHW", "HWIO")
TOP = "fc"  # what the names of the layers begin with that are read only when asked for
FLATTENED = "fc6"  # the layer that reads a flattened picture of features; GoogLeNet's classifier reads means


def assemble(
    contents: Contents,
    path: str | os.PathLike,
    format_name: str,
    *,
    network: str | None = None,
    top: bool = False,
    shapes: Mapping[str, Shape] | None = None,
) -> Weights:
    """Check the arrays of an open file against the table of its network and read them.

    Parameters
    ----------
    contents : Contents
        What a reader found; its file is still open.
    path, format_name : path, str
        For the source and the checksum.
    network, top, shapes
        As in `nst.formats.read`.

    Raises
    ------
    NstError
        Unknown, missing or doubled layers, a shape or dtype that does not fit.
    """
    name, table, found, notes = _choose(folded(contents), network, shapes)
    wanted = {array: found[array] for array in table if array in found and (top or not array.startswith(TOP))}
    layout = contents.layout or _layout(wanted, table)
    for array, stored in wanted.items():
        _compare(array, stored, _as_stored(table[array], layout))
    arrays = {array: _convert(stored.load(), table, array, layout) for array, stored in wanted.items()}

    checksum = contents.sha256 or sha256(path)
    preprocessing = contents.preprocessing
    # Readers of Caffe's formats and its kin state what goes with a VGG; only our own file speaks for every network.
    if preprocessing is None or not (contents.network or name.startswith("vgg") or shapes is not None):
        torch_names = any(stored.startswith(("features.", "inception3a.")) for stored in contents.arrays)
        preprocessing, reason = decide(name, next(iter(arrays.values())), checksum, torch_names)
        notes.append(f"preprocessing: {reason}")
    return Weights(
        arrays,
        name,
        channel_order=preprocessing.channel_order,
        mean=preprocessing.mean,
        scale=preprocessing.scale,
        source=contents.source or f"{Path(path).name} ({format_name})",
        sha256=checksum,
        licence=preprocessing.licence,
        notes=contents.notes + notes,
    )


def _choose(
    contents: Contents, network: str | None, shapes: Mapping[str, Shape] | None
) -> tuple[str, Mapping[str, Shape], dict[str, Stored], list[str]]:
    """Return the network that the names fit: its name, its table, the arrays by canonical name, and notes."""
    if network and contents.network and network != contents.network:
        raise NstError(f"it holds {shown(contents.network)}, not {network!r}")
    stated = network or contents.network
    if shapes is not None:
        candidates = {stated or "custom": shapes}
    elif contents.network.endswith(CUT) and contents.network.removesuffix(CUT) in NETWORKS:
        candidates = {stated: _cut_table(contents)}  # only our own file says that it has been cut
    elif stated == DECODERS:
        candidates = {stated: decoder_table()}
    elif stated and stated not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise NstError(f"unknown network {shown(stated)}{nearest(stated, NETWORKS)}; known are {known}")
    else:
        candidates = {name: ARCHITECTURES[name].shapes() for name in ([stated] if stated else NETWORKS)}

    fits, problems = {}, {}
    for name, table in candidates.items():
        try:
            fits[name] = _match(contents, table, name)
        except NstError as error:
            problems[name] = error
    if not fits:  # report on the network whose names the file knows best
        best = max(
            candidates,
            key=lambda name: len(aliases(candidates[name], name).keys() & contents.arrays.keys()),
        )
        raise problems[best]
    # Names alone may fit several networks; where shapes fit none of them, the comparison that follows says so.
    exact = [name for name in fits if _fits(fits[name], candidates[name])] or list(fits)[:1]
    name = exact[0]
    notes = [f"it stops before {' and '.join(exact[::-1])} differ; taken as {name}"] if len(exact) > 1 else []
    return name, candidates[name], fits[name], notes


def _cut_table(contents: Contents) -> dict[str, Shape]:
    """Return the table of the cut network that a file of our own holds: its own shapes, none beyond the whole one's."""
    whole = contents.network.removesuffix(CUT)
    table = ARCHITECTURES[whole].shapes()
    known = aliases(table, whole)
    claimed = {known[raw]: stored.shape for raw, stored in contents.arrays.items() if raw in known}
    return narrowed(table, claimed)


def _fits(found: Mapping[str, Stored], table: Mapping[str, Shape]) -> bool:
    """Tell whether all shapes are those of the table, in one layout or the other."""
    return any(
        all(stored.shape == _as_stored(table[array], layout) for array, stored in found.items())
        for layout in LAYOUTS
    )


def _match(contents: Contents, table: Mapping[str, Shape], network: str) -> dict[str, Stored]:
    """Return the arrays by canonical name; the convolutions must be the first ones of the network, whole."""
    known = aliases(table, network)
    found: dict[str, Stored] = {}
    for raw, stored in contents.arrays.items():
        if raw not in known:
            if network.startswith("googlenet") and TRAINING_ONLY.fullmatch(raw):
                continue
            extra = "" if ".running_" not in raw else " (batch normalisation)"
            raise NstError(f"the array {shown(raw)} belongs to no layer of {network}{extra}")
        if known[raw] in found:
            raise NstError(f"the array {known[raw]!r} is there twice, also as {shown(raw)}")
        found[known[raw]] = stored
    present = [layer for layer in layers(table) if f"{layer}.weight" in found or f"{layer}.bias" in found]
    convolutions = [layer for layer in present if len(table[f"{layer}.weight"]) == 4]
    if not convolutions or convolutions[0] != present[0]:
        raise NstError(f"it holds no convolution of {network}")
    deepest = convolutions[-1]
    for layer in layers(table):
        for array in (f"{layer}.weight", f"{layer}.bias"):
            needed = layer in present or layers(table).index(layer) < layers(table).index(deepest)
            if needed and array not in found:
                raise NstError(
                    f"the array {array!r} is missing, though layers up to {present[-1]!r} are there"
                )
    return found


def _as_stored(shape: Shape, layout: str) -> Shape:
    """Return the shape that an array of the canonical `shape` has in a file of that layout."""
    if layout == "HWIO" or len(shape) == 1:
        return shape
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape[::-1]


def _layout(wanted: Mapping[str, Stored], table: Mapping[str, Shape]) -> str:
    """Return the layout that all shapes agree with; where none fits, the comparison that follows says so."""
    for layout in LAYOUTS:
        if all(stored.shape == _as_stored(table[array], layout) for array, stored in wanted.items()):
            return layout
    return "OIHW"


def _compare(array: str, stored: Stored, expected: Shape) -> None:
    if stored.shape != expected:
        raise NstError(
            f"the array {array!r} has the shape {shown(stored.shape)[:80]}, {expected} is expected"
        )
    if stored.dtype.kind != "f" or stored.dtype.itemsize > 8:
        raise NstError(
            f"the array {array!r} is of type {shown(str(stored.dtype))}, a float of 16 to 64 bits is expected"
        )


def _convert(values: np.ndarray, table: Mapping[str, Shape], array: str, layout: str) -> np.ndarray:
    """Return the array as float32, C-contiguous and our own, `(kh, kw, in, out)` or `(in, out)`.

    The inputs of `fc6` are a flattened picture of features. A file that stores channels first
    flattens `(C, H, W)`, the canonical order is `(H, W, C)`, so its rows are sorted anew.
    """
    if layout == "OIHW" and values.ndim == 4:
        values = values.transpose(2, 3, 1, 0)
    elif layout == "OIHW" and values.ndim == 2:
        outputs, inputs = values.shape
        channels = [shape[3] for shape in table.values() if len(shape) == 4][-1]
        side = math.isqrt(inputs // channels) if array == f"{FLATTENED}.weight" else 0
        if side:
            values = (
                values.reshape(outputs, channels, side, side).transpose(2, 3, 1, 0).reshape(inputs, outputs)
            )
        else:
            values = values.T
    # A float64 beyond float32 becomes inf and a signalling NaN a quiet one; `verify` reports both.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.require(values, np.float32, ["C", "OWNDATA", "WRITEABLE"])
