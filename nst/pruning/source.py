"""What pruning reads and writes: networks, pictures, and weight files that say where they come from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.files import sha256
from nst.formats.trained import TrainedNetwork, is_trained, read_trained
from nst.images import load, resize_to
from nst.images.folder import pictures_in
from nst.networks import CUT, Network, Weights, build
from nst.networks.vgg import BLOCKS


@dataclass(frozen=True)
class Source:
    """A weight file and the network that it describes; `trained` is what `nst.train` wrote, if it did."""

    path: Path
    weights: Weights
    network: Network
    trained: TrainedNetwork | None = None


def read_source(path: str | os.PathLike) -> Source:
    """Read a weight file, whole, and build its network; of a VGG, the convolutions."""
    if is_trained(path):
        found = read_trained(path)
        weights = Weights(found.arrays, found.name, "RGB", found.mean)
        return Source(Path(path), weights, found.network.freeze(), found)
    weights = formats.read(path, top=not _is_vgg(formats.read(path)))
    return Source(Path(path), weights, build(weights))


def _is_vgg(weights: Weights) -> bool:
    return weights.network.removesuffix(CUT) in BLOCKS


def some_pictures(paths: Sequence[str | os.PathLike], most: int) -> list[Path]:
    """Return the files of pictures, those of folders included, evenly thinned to at most so many.

    Raises
    ------
    NstError
        When a path does not exist, and when no picture is found.
    """
    files = [path for path, _ in pictures_in(paths)]
    step = max(1.0, len(files) / most)
    return [files[int(index * step)] for index in range(min(most, len(files)))]


def square(path: str | os.PathLike, side: int, zoom: bool = False, managed: bool = True) -> np.ndarray:
    """Return the middle of a picture, (1, side, side, 3) float32: less where it is smaller, unless it is to `zoom`.

    With `zoom` the whole shorter side is seen; without, pixels stay as they are. `managed` as for `nst.images.load`.
    """
    pixels = load(path, managed=managed).pixels
    height, width = pixels.shape[:2]
    if zoom:
        factor = side / min(height, width)
        pixels = resize_to(pixels, (max(side, round(height * factor)), max(side, round(width * factor))))
        height, width = pixels.shape[:2]
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    return np.ascontiguousarray(pixels[None, top : top + side, left : left + side])


def smaller(source: Source, network: Network, notes: Sequence[str]) -> Weights | TrainedNetwork:
    """Return what a smaller network's file holds: its arrays, and what it was made of, by whom and on what terms.

    Raises
    ------
    NstError
        Where the file could not be read as this network: as when groups had to be joined.
    """
    if source.trained:
        about = {key: told for key, told in source.trained.about.items() if key != "test accuracy"}
        made = {"how": list(notes), "from": source.path.name, "sha256": sha256(source.path)}
        about["made smaller"] = {**made, "before": about.get("made smaller")}
        return replace(source.trained, network=network, about=about)
    arrays = {
        name: getattr(network.nodes[layer].layer, part)
        for name in source.weights.arrays
        for layer, _, part in [name.rpartition(".")]
    }
    name = source.weights.network.removesuffix(CUT) + CUT
    made = replace(
        source.weights,
        arrays=arrays,
        network=name,
        source=f"{source.weights.network} made smaller by nst.prune, from {source.path.name}",
        sha256=sha256(source.path),
        notes=[*source.weights.notes, *notes, f"before: {source.weights.source}"],
    )
    try:
        build(made)
    except ValueError as error:  # NstError passes: it has said it already
        raise NstError(f"what is left does not make a {name}: {error}") from error
    return made
