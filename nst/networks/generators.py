"""Generators, networks that paint in one pass: what there is to choose, and how they are built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.layers import (
    AvgPool2d,
    BatchNorm,
    Channels,
    Concat,
    ConditionalInstanceNorm,
    Conv2d,
    InstanceNorm,
    Layer,
    Preprocess,
    ReLU,
    Tanh,
    UpsampleNearest,
)
from nst.networks.blocks import residual, upsampled
from nst.networks.initial import he_normal
from nst.networks.network import Network, Node

CHOICES = {
    "kind": ("residual", "pyramid"),
    "norm": ("instance", "batch", "none"),
    "mode": ("style", "texture"),
}
LIMITS = {"width": (1, 512), "depth": (1, 32), "ends": (1, 15), "styles": (1, 4096)}
DEEPEST_PYRAMID = 8
NOISE = 3  # channels of noise at each scale of a pyramid

ArrayOf = Callable[[str, tuple[int, ...]], np.ndarray]
"""Returns the array of a name and a shape: drawn at random, or read from a file."""


@dataclass(frozen=True)
class Design:
    """All that the shape of a generator depends on.

    Attributes
    ----------
    kind : {"residual", "pyramid"}
        Johnson et al.'s (2016), down, through residual blocks and up again; or the texture network of Ulyanov et al.
        (2016), from noise at several scales, the coarsest first.
    width : int
        Channels of the first convolution, 32 for Johnson et al.; or those that each scale adds, 8 for Ulyanov et al.
    depth : int
        Residual blocks, 5 for Johnson et al.; or scales, 5 for textures and 6 for styles.
    ends : int
        Side of the first and the last kernel of a residual generator, an odd number: 9 for Johnson et al. To three
        colours, that takes more time than all the rest of a narrow one.
    norm : {"instance", "batch", "none"}
        What follows each convolution but the last.
    mode : {"style", "texture"}
        Whether it paints a picture, or a texture from noise alone, which a pyramid can.
    styles : int
        How many it knows: with instance normalisation several, each with scales and shifts of its own (Dumoulin et
        al., 2017).
    """

    kind: str = "residual"
    width: int = 16
    depth: int = 5
    ends: int = 3
    norm: str = "instance"
    mode: str = "style"
    styles: int = 1

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise NstError(
                    f"a generator's {name} is {' or '.join(choices)}, not {getattr(self, name)!r:.40}"
                )
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise NstError(f"the {name} of a generator goes from {low} to {high}, not {value!r:.40}")
        if self.ends % 2 == 0:
            raise NstError(
                f"the kernels at the ends of a generator have a middle: an odd side, not {self.ends}"
            )
        if self.kind == "pyramid" and not 2 <= self.depth <= DEEPEST_PYRAMID:
            raise NstError(f"a pyramid has 2 to {DEEPEST_PYRAMID} scales, not {self.depth}")
        if self.mode == "texture" and self.kind != "pyramid":
            raise NstError("a texture comes from noise, which a residual generator has not: choose a pyramid")
        if self.styles > 1 and self.norm != "instance":
            raise NstError(
                "several styles want instance normalisation, which has a scale and a shift for each"
            )

    @property
    def step(self) -> int:
        """Of what the sides of the pictures are multiples, in pixels."""
        return 4 if self.kind == "residual" else 2 ** (self.depth - 1)

    @property
    def cuts(self) -> tuple[str, ...]:
        """The nodes between which pictures are small enough to be kept whole, where the others are taken in tiles."""
        return ("conv3", f"block{self.depth}") if self.kind == "residual" else ()

    @classmethod
    def from_plain(cls, found: object) -> Design:
        """Return the design whose fields a mapping read from outside has.

        Raises
        ------
        NstError
            When a field is missing, unknown or senseless.
        """
        if not isinstance(found, dict) or found.keys() != {field.name for field in dataclasses.fields(cls)}:
            raise NstError("the design of the generator does not have the fields that it should")
        return cls(**found)


def generator(design: Design, array: ArrayOf) -> Network:
    """Return a generator, from what `entering` returns to pictures at `painting`, in the range -22.5 .. 277.5.

    Parameters
    ----------
    design
    array
        Asked for each array, named `node.part`, once: kernels are (kh, kw, C_in, C_out), scales and shifts (C,), those
        of several styles (S, C).

    Notes
    -----
    Borders are mirrored, and those of a texture go round, so that it can be laid beside itself. Where a norm follows, a
    convolution has no bias, which the norm would take away again. Enlarging is nearest upsampling and a convolution
    (Odena et al., 2016) in place of Johnson's transposed one.
    """
    make = _Making(design, array)
    return _residual(make) if design.kind == "residual" else _pyramid(make)


def fresh_generator(design: Design, seed: int) -> Network:
    """Return a generator with random weights (He et al., 2015), whose last layer begins near grey, to be trained.

    The same seed gives the same weights to the bit.
    """
    rng = np.random.default_rng(seed)

    def array(name: str, shape: tuple[int, ...]) -> np.ndarray:
        node, _, part = name.rpartition(".")
        if part != "weight":
            return np.full(shape, float(part in ("gamma", "running_var")), np.float32)
        closing = design.norm == "none" and node.startswith("block") and node.endswith("conv2")
        return he_normal(rng, shape, 0.25 if node == "out" or closing else 1.0)

    return generator(design, array)


def mixed(network: Network, mix: np.ndarray) -> Network:
    """Return a generator of several styles for one mixture (S,), or one for each picture (N, S); arrays are shared."""
    nodes = [
        Node(node.name, node.layer.mixed(mix), node.inputs)
        if isinstance(node.layer, ConditionalInstanceNorm)
        else node
        for node in network.nodes.values()
    ]
    return Network(nodes, network.aliases)


def entering(design: Design, pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what a generator reads: pictures, brought to whole multiples of its step, and noise where it wants some.

    Parameters
    ----------
    design
    pictures : ndarray, shape (N, H, W, 3)
        RGB, 0..255; for a texture, of which nothing but the size counts, (N, H, W, 0) will do. The last pixels are
        repeated to whole multiples of `design.step`, two at the least: a coarsest scale of one pixel has no border.
    rng
        Draws the noise: uniform between -1 and 1, independent at each scale. That of a coarse scale comes as squares
        of equal pixels, which the network's pooling makes single ones.

    Returns
    -------
    ndarray, shape (N, H', W', C)
    """
    n, height, width, _ = pictures.shape
    rows, columns = (max(-side % design.step, 2 * design.step - side) for side in (height, width))
    colours = np.pad(pictures, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="edge")
    if design.kind == "residual":
        return colours
    shape = colours.shape[1:3]
    found = [colours] if design.mode == "style" else []
    for scale in range(design.depth):
        square = 2**scale
        drawn = rng.uniform(-1, 1, (n, shape[0] // square, shape[1] // square, NOISE)).astype(pictures.dtype)
        found.append(drawn.repeat(square, axis=1).repeat(square, axis=2))
    return np.concatenate(found, axis=-1)


class _Making:
    """Makes the nodes of a design."""

    def __init__(self, design: Design, array: ArrayOf) -> None:
        self.design, self.array = design, array

    def conv(
        self, name: str, size: int, shape: tuple[int, int], stride: int = 1, bias: bool = False
    ) -> Conv2d:
        """Return a convolution that keeps the sides, or divides them by the stride."""
        border = "circular" if self.design.mode == "texture" else "reflect"
        weight = self.array(f"{name}.weight", (size, size, *shape))
        bias = bias or self.design.norm == "none"
        added = self.array(f"{name}.bias", shape[1:]) if bias else None
        return Conv2d(
            weight, added, stride=stride, padding=size // 2, padding_mode=border if size > 1 else "zero"
        )

    def norm(self, name: str, channels: int) -> list[Layer]:
        """Return the normalisation, if there is one."""
        if self.design.norm == "none":
            return []
        many = self.design.norm == "instance" and self.design.styles > 1
        shape = (self.design.styles, channels) if many else (channels,)
        affine = [self.array(f"{name}.{part}", shape) for part in ("gamma", "beta")]
        if self.design.norm == "batch":
            running = (self.array(f"{name}.{part}", shape) for part in ("running_mean", "running_var"))
            return [BatchNorm(*affine, *running)]
        return [ConditionalInstanceNorm(*affine) if many else InstanceNorm(*affine)]

    def normed(self, name: str, channels: int, source: str) -> list[Node]:
        """Return the node of a normalisation, if there is one."""
        return [Node(name, layer, (source,)) for layer in self.norm(name, channels)]

    def stage(
        self, name: str, size: int, shape: tuple[int, int], stride: int = 1, up: bool = False
    ) -> list[Node]:
        """Return a convolution, its normalisation and a ReLU."""
        conv = self.conv(name, size, shape, stride)
        nodes = upsampled(name, conv) if up else [Node(name, conv)]
        nodes += self.normed(f"{name}/norm", shape[1], name)
        return [*nodes, Node(f"{name}/relu", ReLU())]

    def block(self, name: str, source: str, shape: tuple[int, int]) -> list[Node]:
        """Return three stages, two of 3x3 and one of 1x1, that begin at a node."""
        nodes = self.stage(f"{name}/conv1", 3, shape)
        nodes[0] = Node(nodes[0].name, nodes[0].layer, (source,))
        nodes += self.stage(f"{name}/conv2", 3, (shape[1], shape[1]))
        return nodes + self.stage(f"{name}/conv3", 1, (shape[1], shape[1]))

    def painting(self, size: int, channels: int) -> list[Node]:
        """Return the last convolution, to colours in a range."""
        return [
            Node("out", self.conv("out", size, (channels, 3), bias=True)),
            Node("painting", Tanh(150.0, 127.5)),
        ]


def _input() -> Preprocess:
    return Preprocess((127.5,) * 3, 1 / 64)


def _residual(make: _Making) -> Network:
    w = make.design.width
    nodes = [Node("input", _input()), *make.stage("conv1", make.design.ends, (3, w))]
    nodes += make.stage("conv2", 3, (w, 2 * w), stride=2)
    nodes += make.stage("conv3", 3, (2 * w, 4 * w), stride=2)
    for number in range(1, make.design.depth + 1):
        name, branch = f"block{number}", []
        for half in (1, 2):
            branch.append((f"conv{half}", make.conv(f"{name}/conv{half}", 3, (4 * w, 4 * w))))
            branch += [(f"norm{half}", layer) for layer in make.norm(f"{name}/norm{half}", 4 * w)]
            branch += [("relu", ReLU())] if half == 1 else []
        nodes += residual(name, nodes[-1].name, branch)
    nodes += make.stage("up1", 3, (4 * w, 2 * w), up=True)
    nodes += make.stage("up2", 3, (2 * w, w), up=True)
    return Network([*nodes, *make.painting(make.design.ends, w)])


def _pyramid(make: _Making) -> Network:
    width, top = make.design.width, make.design.depth - 1
    style = make.design.mode == "style"
    nodes = [Node("colours", Channels(0, 3)), Node("input", _input())] if style else []
    channels = width
    for scale in range(top, -1, -1):
        below = nodes[-1].name if scale < top else ""
        own = f"scale{scale}"
        nodes += _scale_input(scale, 3 * style)
        nodes += make.block(own, nodes[-1].name, (NOISE + 3 * style, width))
        if scale < top:
            nodes += _joined(make, scale, (below, channels), nodes[-1].name)
            channels += width
            nodes += make.block(f"joined{scale}", nodes[-1].name, (channels, channels))
    return Network([*nodes, *make.painting(1, channels)])


def _scale_input(scale: int, colours: int) -> list[Node]:
    """Return the nodes that bring noise, and colours where there are any, to a scale."""
    first = colours + scale * NOISE
    nodes = [Node(f"noise{scale}", Channels(first, first + NOISE), (Network.IMAGE,))]
    nodes += [Node(f"noise{scale}/pool", AvgPool2d(2**scale))] if scale else []
    if not colours:
        return nodes
    noise = nodes[-1].name
    nodes += [Node(f"colours{scale}", AvgPool2d(2**scale), ("input",))] if scale else []
    return [*nodes, Node(f"entering{scale}", Concat(), (f"colours{scale}" if scale else "input", noise))]


def _joined(make: _Making, scale: int, below: tuple[str, int], own: str) -> list[Node]:
    """Return the nodes that enlarge what comes from below and put it beside a scale's own, both normalised."""
    name = f"join{scale}"
    nodes = [Node(f"{name}/up", UpsampleNearest(2), (below[0],))]
    ends = []
    for part, source, channels in (("below", f"{name}/up", below[1]), ("own", own, make.design.width)):
        nodes += make.normed(f"{name}/{part}", channels, source)
        ends.append(source if make.design.norm == "none" else f"{name}/{part}")
    return [*nodes, Node(name, Concat(), tuple(ends))]


def state(network: Network) -> Mapping[str, np.ndarray]:
    """Return all arrays of a network by `node.part`, as `generator` asks for them."""
    return {
        f"{node.name}.{part}": array
        for node in network.nodes.values()
        for part, array in node.layer.state().items()
    }


def plain(design: Design) -> dict[str, Any]:
    """Return a design in the types of JSON."""
    return dataclasses.asdict(design)
