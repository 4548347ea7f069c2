"""A network that was trained here, as one file: its arrays, and all that is needed to use it.

An uncompressed `.npz` (see `nst.npz`). The head names the network (one of `nst.networks.trainable`) and its sizes, the
classes, the shape and the mean of the pictures; the arrays are called `layer.name` and include running statistics.
Where filters were removed (see `nst.networks.surgery`), the arrays tell how many of each layer are left.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.networks import Network
from nst.networks.surgery import narrowed
from nst.networks.trainable import fresh, trainable
from nst.npz import read_npz, write_npz

FORMAT = "nst trained network 1"
MOST_CLASSES = 100_000
WHOLE = 40_000_000  # numbers: the largest network that is trained here, of which little may be left
HALVED = 4  # of a larger one, half of the filters of each layer are at least a quarter of its numbers
LONGEST_SIDE = 1024  # pixels of the pictures of a network that takes any


@dataclass
class TrainedNetwork:
    """A classifier with what belongs to it.

    Attributes
    ----------
    name : str
        Of the architecture, in `TRAINABLE`.
    sizes : dict of str to int
        With which it was built, where these are not the usual ones.
    classes : tuple of str
    shape : tuple of int
        (H, W, C) of its pictures.
    mean : tuple of float
        What it subtracts from each channel, which it does by itself.
    network : Network
    fit : {"crop", "squash"}
        How pictures of another shape were brought to that; see `nst.images.decode`.
    about : dict
        What else is told: the recipe, the accuracy.
    """

    name: str
    sizes: dict[str, int]
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    network: Network
    about: dict[str, Any] = field(default_factory=dict)
    fit: str = "crop"

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by `layer.name`."""
        nodes = self.network.nodes.values()
        return {f"{node.name}.{name}": array for node in nodes for name, array in node.layer.state().items()}


def write_trained(path: str | os.PathLike, trained: TrainedNetwork) -> None:
    """Write a trained network, whole or not at all; the same network gives the same bytes.

    Raises
    ------
    NstError
        When the file cannot be written.
    """
    meta = {
        "network": trained.name,
        "sizes": trained.sizes,
        "classes": list(trained.classes),
        "shape": list(trained.shape),
        "mean": list(trained.mean),
        "about": trained.about,
        "fit": trained.fit,
    }
    write_npz(path, FORMAT, meta, trained.arrays)


def is_trained(path: str | os.PathLike) -> bool:
    """Tell whether a file is one that `write_trained` or a checkpoint's writer made, and not weights from elsewhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "meta.npy" in archive.namelist()
    except (
        Exception
    ):  # zipfile meets foreign bytes with exceptions of many kinds; whoever reads the file says more
        return False


def read_trained(path: str | os.PathLike) -> TrainedNetwork:
    """Read what `write_trained` wrote.

    Raises
    ------
    NstError
        When the file is missing, damaged or something else. A network is built only as large as the file lets
        expect, or as the largest that is trained here.
    """
    return read_npz(path, "trained network", FORMAT, _parse, "name a file that nst.train wrote")


def _parse(meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> TrainedNetwork:
    classes, shape, mean = (_listed(meta, key, kind) for key, kind in _LISTS.items())
    if len(shape) != 3 or min(shape) < 1 or len(mean) != shape[2] or not all(map(math.isfinite, mean)):
        raise ValueError("the shape or the mean of its pictures makes no sense")
    if not 1 <= len(classes) <= MOST_CLASSES or not isinstance(meta["about"], dict):
        raise ValueError("its classes make no sense")
    if not isinstance(meta["network"], str) or not isinstance(meta["sizes"], dict):
        raise ValueError("it does not say which network it holds")
    most = max(WHOLE, HALVED * sum(array.size for array in arrays.values()))
    known = trainable(meta["network"])
    square = shape[0] == shape[1] <= LONGEST_SIDE and shape[2] == known.shape[2]
    if not (square if known.any_side else shape == known.shape):
        raise ValueError(f"{meta['network']} takes no pictures of the shape {shape!s:.60}")
    network = fresh(meta["network"], _Blank(most), classes=len(classes), mean=mean, sizes=meta["sizes"])
    network = narrowed(network, arrays)
    _fill(network, arrays)
    fit = meta.get("fit", "crop")  # files of the first days do not tell
    if fit not in ("crop", "squash"):
        raise ValueError(f"pictures fitted by {fit!r:.40} are not known")
    return TrainedNetwork(meta["network"], meta["sizes"], classes, shape, mean, network, meta["about"], fit)


_LISTS = {"classes": str, "shape": int, "mean": (int, float)}


def _listed(meta: Mapping[str, Any], key: str, kind: Any) -> tuple:
    found = meta[key]
    if not isinstance(found, list) or not all(isinstance(one, kind) for one in found):
        raise ValueError(f"{key} is not what it should be")
    return tuple(found)


class _Blank(np.random.Generator):
    """Draws noughts, and only so many of them: no memory is taken for whatever a head claims."""

    def __init__(self, most: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.left = most

    def standard_normal(self, size: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
        """Return zeros."""
        self.left -= math.prod(size)
        if self.left < 0:
            raise NstError("the network that it names is much larger than the file")
        return np.zeros(size, dtype)


def _fill(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    """Put the arrays into the network in place of its own."""
    own = {
        f"{node.name}.{name}": (node.layer, name, array.shape)
        for node in network.nodes.values()
        for name, array in node.layer.state().items()
    }
    if own.keys() != arrays.keys():
        raise ValueError(f"{sorted(own.keys() ^ arrays.keys())[0]!r:.80} is missing, or belongs to no layer")
    for label, (layer, name, shape) in own.items():
        array = arrays[label]
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"{label} is {array.dtype} {array.shape}, not float32 {shape}, or not finite")
        setattr(layer, name, array)
