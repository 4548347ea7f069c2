"""What one unit saw of a picture: the exact region, the region run by itself, and the gradient within it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.inside.relu_rules import with_rule
from nst.networks import Network
from nst.networks.extent import Span, grid, reads, shapes, strides

Place = tuple[int, int]
"""Row and column of a unit in the output of its layer."""


@dataclass(frozen=True)
class Patch:
    """The part of a picture that decides one unit.

    Attributes
    ----------
    tap : str
    place : tuple of int or None
        None for a layer that looks at the whole picture at once.
    rows, columns : tuple of int
        The first pixel and the one after the last, within the picture.
    margin : tuple of int
        How many pixels must come before the rows and before the columns so that each pooling window and each stride
        falls on the same pixels as in the whole picture. What they hold does not matter: the unit does not see them.
    inner : tuple of int or None
        The place of the unit in the output for the region with its margin.
    """

    tap: str
    place: Place | None
    rows: Span
    columns: Span
    margin: Place
    inner: Place | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the region."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """Return the region of a picture (H, W, 3)."""
        return pixels[slice(*self.rows), slice(*self.columns)]


def sees_all(network: Network, tap: str) -> bool:
    """Tell whether a layer looks at the whole picture at once, so that its outputs have no places."""
    try:
        strides(network, [tap])
    except NstError:
        return True
    return False


def patch(network: Network, tap: str, place: Place | None, size: tuple[int, int]) -> Patch:
    """Return the region of a picture of `size` (height, width) that decides the unit at `place`.

    The region is found layer by layer, from the unit up to the pixels (see `nst.networks.extent.reads`), and cut to
    the picture where the unit sees beyond a border. Where the region ends at a border of the picture, it keeps that
    border: the network pads there as it does in the whole picture. Elsewhere the network pads too, but the unit sees
    nothing of it.
    """
    tap = network.resolve(tap)
    if sees_all(network, tap):
        return Patch(tap, None, (0, size[0]), (0, size[1]), (0, 0), None)
    found = shapes(network, (1, *size, 3), [tap])
    unit, steps = grid(network, [tap]), strides(network, [tap])[tap]
    regions, margin, inner = [], [], []
    for axis in (0, 1):
        if place is None or not 0 <= place[axis] < found[tap][1 + axis]:
            raise NstError(
                f"{tap} has {found[tap][1]} x {found[tap][2]} places in this picture, none at {place}"
            )
        lengths = {name: shape[1 + axis] for name, shape in found.items()} | {network.IMAGE: size[axis]}
        region = reads(network, {tap: (place[axis], place[axis] + 1)}, axis, lengths)
        regions.append(region)
        margin.append(region[0] % unit[axis])
        inner.append(place[axis] - int((region[0] - margin[axis]) / steps[axis]))
    return Patch(tap, tuple(place), *regions, tuple(margin), tuple(inner))


def alone(network: Network, found: Patch, pixels: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """Return the region with its margin, (1, h, w, 3), ready to be run by itself; `fill` is what the margin holds.

    ``network.forward(alone(...), [tap])`` gives at `found.inner` what the whole picture gives at `found.place`.
    """
    rows, columns = found.margin
    region = np.pad(found.cut(pixels), ((rows, 0), (columns, 0), (0, 0)), constant_values=fill)
    return np.ascontiguousarray(region[None])


def activation(network: Network, found: Patch, pixels: np.ndarray) -> np.ndarray:
    """Return the activations (C,) of all channels at the place, from the region run by itself."""
    features, _ = network.forward(alone(network, found, pixels), [found.tap])
    return features[found.tap][0] if found.inner is None else features[found.tap][(0, *found.inner)]


def cause(
    network: Network, found: Patch, channel: int, pixels: np.ndarray, rule: str = "plain"
) -> np.ndarray:
    r"""Return the gradient of one unit with respect to its region, (h, w, 3), by one of the three rules for ReLUs.

    Let y = max(x, 0) and dy the signal that comes back from above::

        plain    dx = dy [x > 0]              the gradient itself (Simonyan et al., 2013)
        deconv   dx = max(dy, 0)              deconvolutional networks (Zeiler and Fergus, 2013)
        guided   dx = max(dy, 0) [x > 0]      guided backpropagation (Springenberg et al., 2014)

    Only the first is a derivative. The others leave out what speaks against the unit, which makes a picture that is
    easier to read, and that tells less of the unit: guided backpropagation draws much the same edges for any.
    All other layers go back as they do for the gradient: a pooling to the place of its maximum.
    """
    ruled = with_rule(network, rule)
    features, tape = ruled.forward(alone(network, found, pixels), [found.tap])
    one = np.zeros_like(features[found.tap])
    one[(0, *(found.inner or ()), channel)] = 1
    gradient = ruled.backward({found.tap: one}, tape)[0]
    return gradient[found.margin[0] :, found.margin[1] :]
