"""How far a network looks: which part of the picture decides which part of its features, in exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from nst.errors import NstError
from nst.layers.window import Window
from nst.networks.network import Network


class TooSmall(NstError):
    """A picture is too small for the layer at the node `name`."""

    def __init__(self, name: str, cause: object) -> None:
        super().__init__(f"at {name}: {cause}")
        self.name = name


Span = tuple[int, int]
"""Places along one axis: from the first to before the last."""


@dataclass(frozen=True)
class ReceptiveField:
    r"""What one place of a layer's output sees along one axis of the picture.

    Output `i` sees the `size` pixels from `i stride - before` on. Through layers with windows k_j, strides s_j
    and paddings p_j the numbers are sums over the layers, each weighted by the strides before it::

        size   = 1 + sum_j (k_j - 1) prod_(l < j) s_l
        stride =     prod_j s_j
        before =     sum_j p_j prod_(l < j) s_l

    For VGG's `relu5_1` they are 156, 16 and 70: it looks 70 pixels beyond its own 16, on either side.
    """

    size: int
    stride: Fraction
    before: int

    @property
    def after(self) -> int:
        """How many pixels beyond its own `stride` it sees at the far side."""
        return math.ceil(self.size - self.before - self.stride)

    @property
    def radius(self) -> int:
        """How many pixels it sees beyond its own on the side where it sees further."""
        return max(self.before, self.after)


def shapes(network: Network, shape: tuple[int, ...], taps: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the shape of what each node that the taps need puts out for an image of `shape` (N, H, W, C).

    Raises
    ------
    TooSmall
        When the image is too small: the error names the layer.
    """
    needed = network.needed(taps)
    found = {network.IMAGE: tuple(shape)}
    for name, node in network.nodes.items():
        if name in needed:
            inputs = [found[source] for source in node.inputs]
            try:
                found[name] = node.layer.output_shape(inputs if node.layer.joins else inputs[0])
            except NstError as error:
                raise TooSmall(name, error) from error
    del found[network.IMAGE]
    return found


def strides(network: Network, taps: Iterable[str]) -> dict[str, tuple[Fraction, Fraction]]:
    """Return how many pixels, down and across, lie between neighbouring places of each node that the taps need.

    Raises
    ------
    NstError
        When a layer looks at the whole picture at once, or joins maps of different strides.
    """
    needed = network.needed(taps)
    found = {network.IMAGE: (Fraction(1), Fraction(1))}
    for name, node in network.nodes.items():
        if name in needed:
            before = {found[source] for source in node.inputs}
            if len(before) > 1:
                raise NstError(f"at {name}: it joins maps of different strides, which no tile can follow")
            rows, columns = before.pop()
            window = node.layer.window()
            steps = (1, 1) if window is None else window.stride
            found[name] = (rows * steps[0], columns * steps[1])
    return found


def grid(network: Network, taps: Iterable[str]) -> tuple[int, int]:
    """Return the least distances, down and across, by which a picture can be moved so that all features move too.

    A crop of the picture gives the features of the whole picture, cropped, only when it starts on this grid: then
    every pooling window falls on the same pixels. It is 16 for VGG's `relu5_1`.
    """
    steps = strides(network, taps).values()
    rows, columns = zip(*((row.numerator, column.numerator) for row, column in steps), strict=True)
    return math.lcm(*rows), math.lcm(*columns)


def receptive_field(network: Network, tap: str) -> tuple[ReceptiveField, ReceptiveField]:
    """Return what the outputs of a layer see, down and across, in a picture without borders."""
    tap = network.resolve(tap)
    stride = strides(network, [tap])[tap]
    found = []
    for axis in (0, 1):
        start, stop = reads(network, {tap: (0, 1)}, axis)
        found.append(ReceptiveField(stop - start, stride[axis], -start))
    return found[0], found[1]


def reads(
    network: Network,
    wanted: Mapping[str, Span],
    axis: int,
    lengths: Mapping[str, int] | None = None,
) -> Span:
    """Return which part of the picture decides the `wanted` parts of the features, along one axis.

    Layer by layer from the deepest up: the outputs from a to before b of a layer with size k, stride s and padding p
    need its inputs from ``floor(a s) - p`` to before ``floor((b - 1) s) - p + k``, and what several layers need of
    one is the span of it all.

    Parameters
    ----------
    network
    wanted
        By node: which of its outputs. Spans of no places are left out.
    axis
        0 for rows, 1 for columns.
    lengths
        By node, and for the image: how many places there are, to which the spans are cut. A border that reflects shows
        places as far inside as it is wide: they are counted in. Without `lengths` the picture has no borders.

    Returns
    -------
    tuple of int
        First pixel, and the one after the last; (0, 0) when nothing is wanted.
    """
    spans = {network.resolve(name): span for name, span in wanted.items() if span[0] < span[1]}
    for name in reversed(network.names):
        if name not in spans:
            continue
        node = network.nodes[name]
        window = node.layer.window()
        for source in node.inputs:
            span = spans[name] if window is None else _seen(spans[name], window, axis)
            if lengths is not None:
                border = 0 if window is None else max(window.padding[axis])
                span = _within(span, border, lengths[source])
            known = spans.get(source, span)
            spans[source] = (min(known[0], span[0]), max(known[1], span[1]))
    return spans.get(network.IMAGE, (0, 0))


def _seen(span: Span, window: Window, axis: int) -> Span:
    size, stride, before = window.size[axis], window.stride[axis], window.padding[axis][0]
    return math.floor(span[0] * stride) - before, math.floor((span[1] - 1) * stride) - before + size


def _within(span: Span, border: int, length: int) -> Span:
    """Cut a span to the places that there are, those included that a reflecting border shows."""
    start, stop = span
    if border:  # and such a border needs more places than it is wide
        stop = max(stop, start + border + 1)
    start, stop = min(start, 2 * length - 1 - stop), max(stop, 1 - start)
    return max(start, 0), min(stop, length)
