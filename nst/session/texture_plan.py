"""A texture from a sample (Gatys, Ecker and Bethge, 2015), as a run: style alone, from noise, coarse to fine."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nst.engine import StyleTransfer
from nst.errors import NstError
from nst.files import sha256
from nst.formats.known import BUNDLED
from nst.images import fit_size, load, resize_to
from nst.networks import Network, build, fused
from nst.networks.extent import grid
from nst.session import texture_arguments
from nst.session.arguments import choose_layers
from nst.session.plan import Plan, check_sizes, pixels, read_vgg, spell
from nst.session.scales import Scale, schedule
from nst.session.sources import Sources, as_batch, compact, settled

LAYERS = ("relu1_1", "pool1", "pool2", "pool3", "relu4_1", "pool4")  # all that exist
# Of slim, those whose Gram matrices were taught to be like VGG-19's; the others would do, but leave a grid.
TAUGHT = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
NOISE = (
    0.1  # of the start: more of it would stay in the texture, and with none all places would be told the same
)
WRAPPED = 8  # pixels from beyond the border, at least, with which a seamless picture is enlarged


@dataclass(frozen=True)
class TextureSources(Sources):
    """The sample, and how large it and the texture are at each scale.

    Attributes
    ----------
    size, sample_size : tuple of int
        Height and width of the texture and of its sample at the finest scale.
    unit : tuple of int
        What height and width must be multiples of, at every scale: a seamless texture goes round only where the
        windows of all pools do.
    seamless : bool
    """

    size: tuple[int, int] = (0, 0)
    sample_size: tuple[int, int] = (0, 0)
    unit: tuple[int, int] = (1, 1)
    seamless: bool = False

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of the sample."""
        return {"sample": self.content.sha256}

    def content_size(self, scale: Scale) -> tuple[int, int]:
        """Return height and width of the texture."""
        share = scale.size / max(self.size)
        height, width = (
            unit * max(1, round(share * length / unit))
            for length, unit in zip(self.size, self.unit, strict=True)
        )
        return height, width

    def style_sizes(self, scale: Scale) -> list[tuple[int, int]]:
        """Return height and width of the sample."""
        share = scale.size / max(self.size)
        return [fit_size(self.sample_size, max(1, round(share * max(self.sample_size))))]

    def sizes(self, scale: Scale) -> dict[str, tuple[int, int]]:
        """Return height and width, by role, of all that is run through the network at a scale."""
        return {"texture": self.content_size(scale), "sample": self.style_sizes(scale)[0]}

    def larger(self, role: str) -> str:
        """Return what to enlarge when a picture is too small."""
        return "--size" if role == "texture" else "sample, or --sample-size"

    def inputs(self, content: np.ndarray, styles: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Return the sample."""
        return [("sample", styles[0])]

    def content_at(self, scale: Scale) -> np.ndarray:
        """Return nothing, in the size of the texture: there is no content."""
        return np.zeros((1, *self.content_size(scale), 3), np.float32)

    def start_at(self, scale: Scale, rng: np.random.Generator) -> np.ndarray:
        """Return the sample's mean colour, with a little of its pixels, drawn at random."""
        found = as_batch(self.content, self.style_sizes(scale)[0]).reshape(-1, 3)
        noise = found[rng.integers(len(found), size=(1, *self.content_size(scale)))]
        mean = found.mean(axis=0)
        return mean + NOISE * (noise - mean)

    def enlarged(self, picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return a picture (H, W, 3) at the size of the next scale; a seamless one stays so."""
        if not self.seamless:
            return super().enlarged(picture, size)
        edges = [_wrapped(*lengths) for lengths in zip(picture.shape, size, strict=False)]
        around = np.pad(picture, [(before, before) for before, _ in edges] + [(0, 0)], mode="wrap")
        (_, top), (_, left) = edges
        found = resize_to(around, (size[0] + 2 * top, size[1] + 2 * left))
        return np.ascontiguousarray(found[top : top + size[0], left : left + size[1]])


def _wrapped(length: int, to: int) -> tuple[int, int]:
    """Return how many pixels are added at each end of an axis, and how many become of them: whole numbers both."""
    step = length // math.gcd(length, to)
    added = min(length, step * -(-WRAPPED // step))
    return added, added * to // length


@dataclass
class TexturePlan(Plan):
    """A texture that is ready to be made."""

    @property
    def title(self) -> str:
        """What the report is headed with."""
        return f"texture of {Path(self.options.pictures[0]).name}"

    @cached_property
    def keeps_hues(self) -> bool:
        """Whether the sample is grey: then the texture is, for nothing in the objective would quite see to it."""
        return not np.ptp(self.sources.content.pixels, axis=-1).any()

    def begun(self, result: np.ndarray) -> np.ndarray:
        """Return a result (H, W, 3) uint8 with its first pixel where it shall be; see `begun_where_quiet`."""
        return begun_where_quiet(result) if self.options.seamless else result

    def describe(self) -> list[str]:
        """Return what would be done, a line for each thing."""
        options, last = self.options, self.scales[-1]
        sample, texture = self.sources.style_sizes(last)[0], self.sources.content_size(last)
        return [
            *self.notes,
            f"sample: {pixels(sample)}, texture: {pixels(texture)}{', seamless' if options.seamless else ''}",
            f"layers: {spell(self.transfer.style_layers)}, statistics: {spell(self.transfer.statistics)}",
            f"optimiser: {options.optimizer}, {self.course()}, seed {options.seed}",
            f"output: {options.output}",
        ]


def begun_where_quiet(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 that goes round, rolled until its border lies where neighbours differ least.

    Such a picture begins anywhere, and all that it is laid with looks the same. But what takes a border for a border,
    as the compression of a file or the interpolation of a viewer, finds the least to spoil there.
    """
    for axis in (0, 1):
        lines = np.swapaxes(picture, 0, axis)
        # The first pair is that across the border.
        pairs = ((lines[k - 1].astype(np.int32), lines[k]) for k in range(len(lines)))
        differences = [int(np.square(one - other).sum()) for one, other in pairs]
        picture = np.roll(picture, -int(np.argmin(differences)), axis)
    return picture


def make_plan(options: argparse.Namespace, process: Mapping[str, int] | None = None) -> TexturePlan:
    """Read what the options name and decide what they leave open; see `nst.session.plan.make_plan`.

    Raises
    ------
    NstError
        For a file that cannot be used, a layer that does not exist, a sample that is too small, a size that does not
        fit.
    """
    weights, found, line = read_vgg(options)
    # Average pooling, as Gatys et al. had it: the gradient of a max pool leaves a grain.
    options = argparse.Namespace(**{**vars(options), "pooling": options.pooling or "avg"})
    options = settled(options, weights, found)
    padding = "circular" if options.seamless else options.padding
    network = build(weights, pooling=options.pooling, padding=padding)
    usual = TAUGHT if weights.network == BUNDLED else LAYERS
    layers = choose_layers(options.style_layers, usual, network, "style")
    sources = _read(options, network, list(layers))
    whole = {"size": max(sources.size), "scales": texture_arguments.levels(options)}
    scales = schedule(argparse.Namespace(iterations=texture_arguments.iterations(options), **whole))
    # Each layer counts alike: what a texture consists of may be found in any of them.
    transfer = StyleTransfer(
        {},
        layers,
        0.0,
        options.style_weight / len(layers),
        options.tv_weight,
        options.range_weight,
        statistics=options.style_statistic,
        relative=True,
    )
    check_sizes(network, transfer.taps, sources, scales)
    hashes = {"network": sha256(found) if found else weights.source, **sources.hashes}
    notes = [line, *sources.notes]
    # The sample does not go round: it is measured with borders that reflect.
    by = fused(build(weights, pooling=options.pooling, padding=options.padding), transfer.taps)
    form = texture_arguments
    return TexturePlan(
        options, network, sources, transfer, scales, hashes, notes, dict(process or {}), by, form
    )


def _read(options: argparse.Namespace, network: Network, layers: list[str]) -> TextureSources:
    """Load the sample, and decide the sizes."""
    sample = compact(load(options.pictures[0], max_pixels=options.max_pixels))
    sample_size = fit_size(sample.size, options.sample_size or max(sample.size))
    size = texture_arguments.resolved(options.size, sample_size)
    unit = grid(network, layers) if options.seamless else (1, 1)
    notes = [f"{sample.source}: {note}" for note in sample.notes]
    fits = tuple(max(1, round(length / step)) * step for length, step in zip(size, unit, strict=True))
    if fits != size and options.size[-1] != "x":
        raise NstError(
            f"--size {options.size}: a seamless texture is a multiple of {unit[1]}x{unit[0]} pixels; "
            f"use {pixels(fits)}"
        )
    if math.prod(fits) > options.max_pixels or math.prod(sample_size) > options.max_pixels:
        raise NstError(
            f"{pixels(max(fits, sample_size))} are more than --max-pixels {options.max_pixels} allows"
        )
    return TextureSources(options, sample, [sample], None, notes, fits, sample_size, unit, options.seamless)
