"""What leaves the frozen layers, computed once for each picture, so that the layers above learn in seconds."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np

from nst.errors import NstError
from nst.images.dataset import Dataset
from nst.networks import Network, Node, fused
from nst.networks.extent import shapes


def cut_at_frozen(network: Network) -> tuple[Network, Network] | None:
    """Cut a network in two where frozen layers end: what pictures go through unchanged by training, and the rest.

    The base reaches as far up as possible: to a node that is all the rest sees, where nothing below learns or draws
    anything. The rest reads its features instead of pictures; its layers are the network's own, so that training it
    trains the network.

    Returns
    -------
    base, rest : Network
        Or None when no layer with weights lies below the first that learns, or nothing learns at all.
    """
    nodes = list(network.nodes.values())
    live = [index for index, node in enumerate(nodes) if _lives(node)]
    for start in range(live[0] if live else 0, 0, -1):
        above = {node.name for node in nodes[start:]}
        crossing = {name for node in nodes[start:] for name in node.inputs} - above
        if len(crossing) == 1 and network.IMAGE not in crossing:
            (tap,) = crossing
            needed = network.needed([tap])
            below = [node for node in nodes if node.name in needed]
            if not any(node.layer.parameters() for node in below):
                return None
            inputs = {tap: network.IMAGE}
            rest = [
                Node(node.name, node.layer, tuple(inputs.get(name, name) for name in node.inputs))
                for node in nodes[start:]
            ]
            return Network(below), Network(rest)
    return None


def _lives(node: Node) -> bool:
    """Tell whether a layer changes while training goes on, or draws."""
    return not node.layer.frozen and bool(node.layer.has_mode or node.layer.parameters())


class CannotKeepError(NstError):
    """The features do not fit into what they may take; training on pictures would work."""


class Features:
    """What a base makes of a data set: it stands in for the data set where the rest of the network is trained.

    Parameters
    ----------
    base : Network
        Frozen; see `cut_at_frozen`.
    data : Dataset
    mirrored : bool
        Keep the features of the mirror images as well. `pictures` then returns both, (n, 2, ...), and `draw` takes one.
    limit : int
        Bytes that may be taken. Features are kept as float32, or, where that is too much, as float16 (11 bits of each
        number).
    batch : int
        Pictures that go through the base at once.
    blank : bool
        Leave all features 0 and compute nothing.

    Attributes
    ----------
    labels, classes
        Of the data set.
    shape : tuple of int
        Of the features of one picture.
    nbytes : int
        What they take in memory.

    Raises
    ------
    CannotKeepError
        When they take more than `limit` as float16, before anything is computed; or are too large for it.
    """

    def __init__(
        self,
        base: Network,
        data: Dataset,
        *,
        mirrored: bool = False,
        limit: int = 2 << 30,
        batch: int = 16,
        blank: bool = False,
    ) -> None:
        self.labels, self.classes = data.labels, data.classes
        tap = base.names[-1]
        self.shape = shapes(base, (1, *data.shape), [tap])[tap][1:]
        size = (len(data), 1 + mirrored, *self.shape)
        dtype = _dtype(math.prod(size), limit)
        self._views = np.zeros(size, dtype)
        self.nbytes, self.dtype = self._views.nbytes, dtype
        if blank:
            return
        quick = fused(base, [tap])
        for start in range(0, len(data), batch):
            numbers = np.arange(start, min(start + batch, len(data)))
            images = data.pictures(numbers).astype(np.float32)
            for view in range(1 + mirrored):
                seen = np.ascontiguousarray(images[:, :, ::-1]) if view else images
                with np.errstate(over="ignore"):  # which is looked at
                    found = quick.forward(seen, [tap])[0][tap].astype(dtype, copy=False)
                if dtype is np.float16 and not np.isfinite(found).all():
                    raise CannotKeepError(
                        "there is room for the features as float16, which ends at 65504, and they are larger"
                    )
                self._views[numbers, view] = found

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: np.ndarray) -> np.ndarray:
        """Return features as float32: (n, ...), or (n, 2, ...) with those of the mirror images."""
        found = self._views[np.asarray(indices, np.intp)].astype(np.float32, copy=False)
        return found if found.shape[1] == 2 else found[:, 0]

    def part(self, indices: Sequence[int]) -> Features:
        """Return the features of these pictures only."""
        chosen = np.asarray(indices, np.intp)
        found = copy.copy(self)
        found.labels, found._views = self.labels[chosen], self._views[chosen]
        return found

    @staticmethod
    def draw(both: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Take the features of each picture or of its mirror image, as `Augment(flip=True)` draws them."""
        return both[np.arange(len(both)), rng.integers(2, size=len(both))]


def _dtype(numbers: int, limit: int) -> type:
    for dtype in (np.float32, np.float16):
        if numbers * np.dtype(dtype).itemsize <= limit:
            return dtype
    raise CannotKeepError(
        f"the features of all pictures would take {numbers * 2 / 2**30:.1f} GiB, more than {limit / 2**30:.1f}; "
        "freeze more layers"
    )
