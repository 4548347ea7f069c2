"""From options to everything that is decided before the first iteration."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nst import kernels
from nst.engine import Layout, Objective, StyleTransfer, fit, parse_memory
from nst.engine.budget import settled_process
from nst.errors import NstError
from nst.files import sha256
from nst.formats.known import BUNDLED
from nst.networks import CUT, Network, Weights, build, fused
from nst.networks.extent import TooSmall, shapes
from nst.networks.vgg import BLOCKS
from nst.optimizers import LBFGS, Adam
from nst.session import arguments
from nst.session.arguments import choose_layers
from nst.session.devices import choose_device
from nst.session.scales import Scale, schedule
from nst.session.sources import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    Sources,
    read_pictures,
    read_weights,
    settled,
)

ACTIONS = (
    "dry_run",
    "check_gradients",
    "debug",
    "resume",
    "quiet",
)  # what is done, and how loudly: not what is painted

ROUND = 32 << 20  # bytes
FORMS = 3  # in which a card has the weights


@dataclass
class Plan:
    """A run that is ready to start.

    Attributes
    ----------
    options, network, sources, transfer, scales, hashes, notes
        What was asked for, with all that it left open decided.
    process : dict of str to int
        By device, the memory of the process there before the run, in bytes; for `device` it is measured if not given.
    styles_by : Network or None
        What measures the styles, where that is not `network`.
    form : module
        With the `parser` of the door's arguments.
    device : str
        "cpu" or "cuda": where the picture is painted.
    layouts : list of Layout
        By scale.
    """

    options: argparse.Namespace
    network: Network
    sources: Sources
    transfer: StyleTransfer
    scales: list[Scale]
    hashes: dict[str, str]
    notes: list[str]
    process: dict[str, int] = field(default_factory=dict)
    styles_by: Network | None = None
    form: ModuleType = arguments
    device: str = "cpu"
    layouts: list[Layout] = field(init=False)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.options.seed)
        if self.device not in self.process:
            # At each scale, since small maps and large ones have filters of their own.
            shapes = [(1, *self.sources.content_size(scale), 3) for scale in self.scales]
            found = (
                self._weights() if self.on_card else settled_process(self.fast, self.transfer.taps, *shapes)
            )
            # Rounded up, so that the same run cuts the same tiles each time.
            self.process = {**self.process, self.device: -(-found // ROUND) * ROUND}
        # The finest first: what cannot fit tells of that one.
        self.layouts = [self._layout(scale) for scale in reversed(self.scales)][::-1]
        for scale, layout in zip(self.scales, self.layouts, strict=True):
            said = ([layout.describe()] if layout.tiled else []) + list(layout.notes)
            self.notes += [f"at {scale.size} px: {line}" for line in said]

    @cached_property
    def fast(self) -> Network:
        """The network as it is painted with: fused, with the same features at the taps."""
        return fused(self.network, self.transfer.taps)

    @cached_property
    def painting(self) -> Network:
        """The fast network where the picture is painted."""
        return self.fast if self.device == "cpu" else self.fast.on(self.device)

    @property
    def on_card(self) -> bool:
        """Whether the picture is painted on a card."""
        return self.device == "cuda"

    def placed(self, array: np.ndarray) -> Any:
        """Return an array where the picture is painted."""
        return kernels.put(array, self.device)

    def _weights(self) -> int:
        """Return the bytes of the network on a card: its weights as they are, and for each way through them once."""
        return FORMS * sum(
            array.nbytes for node in self.fast.nodes.values() for array in node.layer.state().values()
        )

    @cached_property
    def title(self) -> str:
        """What the report is headed with."""
        names = [Path(path).name for path in self.options.pictures] or ["landscape.jpg", "strokes.jpg"]
        return f"{names[0]} as {' and '.join(names[1:])}"

    @property
    def keeps_hues(self) -> bool:
        """Whether the picture is shown with the hues of the content."""
        return self.options.original_colors == "after"

    def begun(self, result: np.ndarray) -> np.ndarray:
        """Return a result (H, W, 3) uint8 with its first pixel where it shall be: where it is."""
        return result

    def start(self) -> np.ndarray:
        """Return the picture that the first scale begins with."""
        return self.placed(self.sources.start_at(self.scales[0], self.rng))

    def _layout(self, scale: Scale) -> Layout:
        """Decide whether a scale is painted whole or in tiles."""
        free, whole = kernels.card_memory() if self.on_card else (0, None)
        memory = self.options.memory and parse_memory(self.options.memory, whole)
        if self.on_card:
            kernels.bound_card(memory, self.options.precision)
        layout = fit(
            self.fast,
            self.transfer,
            (1, *self.sources.content_size(scale), 3),
            [(1, *size, 3) for size in self.sources.style_sizes(scale)],
            optimizer=self.options.optimizer,
            history=self.options.history,
            memory=memory,
            process=self.process[self.device],
            styles_by=self.styles_by,
            room=free if self.on_card else None,
        )
        if not self.transfer.additive and (layout.tiled or any(layout.styles)):
            raise NstError(
                "--style-statistic histogram ranks all pixels at once and cannot be painted in tiles: "
                "use gram, moments or covariance, more --memory, or a smaller --size"
            )
        return layout

    def objective(self, scale: int, content: np.ndarray, styles: list[np.ndarray]) -> Objective:
        """Measure the targets of a scale and return its objective."""
        content, styles = self.placed(content), [self.placed(style) for style in styles]
        return self.transfer.objective(self.painting, content, styles, self.layouts[scale], self.styles_by)

    def optimizer(self, scale: int) -> LBFGS | Adam:
        """Return a fresh optimiser for a scale."""
        if self.options.optimizer == "adam":
            return Adam(learning_rate=self.options.learning_rate)
        return LBFGS(history=self.layouts[scale].history)

    def settings(self) -> dict[str, Any]:
        """Return the options with every default spelled out, for the record."""
        found = {key: value for key, value in vars(self.options).items() if value is not None}
        found = {key: value for key, value in found.items() if key not in ACTIONS}
        found["content_layers"] = dict(self.transfer.content_layers)
        found["style_layers"] = dict(self.transfer.style_layers)
        found["iterations"] = sum(scale.iterations for scale in self.scales)
        found["scales"] = [vars(scale) for scale in self.scales]
        return found

    def describe(self) -> list[str]:
        """Return what would be done, a line for each thing."""
        options, last = self.options, self.scales[-1]
        styles = " and ".join(map(pixels, self.sources.style_sizes(last)))
        return [
            *self.notes,
            f"content: {pixels(self.sources.content_size(last))}, style: {styles}, start: {options.init}",
            f"content layers: {spell(self.transfer.content_layers)}, weight {options.content_weight:g}",
            f"style layers: {spell(self.transfer.style_layers)}, weight {options.style_weight:g}{self.matching()}",
            f"total variation: weight {options.tv_weight:g}, range: weight {options.range_weight:g}",
            f"optimiser: {options.optimizer}, {self.course()}, seed {options.seed}",
            f"output: {options.output}",
        ]

    def matching(self) -> str:
        """Return which statistics are matched, where that is not the Gram matrix alone."""
        found = dict(self.transfer.statistics)
        return "" if found == {"gram": 1.0} else f", statistics: {spell(found)}"

    def course(self) -> str:
        """Return how many iterations there are at which scale."""
        if len(self.scales) == 1:
            return f"{self.scales[0].iterations} iterations"
        return ", then ".join(f"{scale.iterations} iterations at {scale.size} px" for scale in self.scales)


def make_plan(options: argparse.Namespace, process: Mapping[str, int] | None = None) -> Plan:
    """Read what the options name and decide what they leave open.

    `process` is the memory of the process before a run, in bytes, on each device where it is not to be measured: a run
    that goes on takes that of its beginning, so that its tiles are the same. On another device they are others.

    Raises
    ------
    NstError
        For a file that cannot be used, a layer that does not exist, a picture that is too small or does not fit.
    """
    scales = schedule(options)
    device, said = choose_device(options)
    weights, found, line = read_vgg(options)
    options = settled(options, weights, found)
    network = build(weights, pooling=options.pooling, padding=options.padding)
    existing = [name for name in CONTENT_LAYERS if name in network.nodes][:1]
    content = choose_layers(options.content_layers, existing, network, "content")
    style = choose_layers(options.style_layers, STYLE_LAYERS, network, "style")
    notes = [*said, line]
    absent = [name for name in (CONTENT_LAYERS[0], *STYLE_LAYERS) if name not in network.nodes]
    whole = weights.network == BUNDLED  # there is no more of it
    if absent and not whole and not (options.content_layers and options.style_layers):
        notes.append(
            f"these weights end at {network.names[-1]}: no {', '.join(absent)}; using {spell({**content, **style})}"
        )
    sources = read_pictures(options)
    transfer = StyleTransfer(
        content,
        style,
        options.content_weight,
        options.style_weight,
        options.tv_weight,
        options.range_weight,
        options.style_blend or (),
        options.style_statistic,
    )
    hashes = {"network": sha256(found) if found else weights.source, **sources.hashes}
    check_sizes(network, transfer.taps, sources, scales)
    notes += sources.notes
    return Plan(
        options, network, sources, transfer, scales, hashes, notes, dict(process or {}), device=device
    )


def read_vgg(options: argparse.Namespace) -> tuple[Weights, Path | None, str]:
    """Return what `read_weights` does, as long as it is a VGG."""
    weights, found, line = read_weights(options)
    if weights.network.removesuffix(CUT) not in BLOCKS:
        raise NstError(
            f"{found} holds {weights.network}, and this paints with a VGG; name another file with --weights"
        )
    return weights, found, line


def check_sizes(network: Network, taps: list[str], sources: Sources, scales: list[Scale]) -> None:
    """Fail before the work begins when a picture is, at the coarsest scale, too small for the deepest layer."""
    for role, size in sources.sizes(scales[0]).items():
        try:
            shapes(network, (1, *size, 3), taps)
        except TooSmall as error:
            fewer = ", or fewer --scales" if len(scales) > 1 else ""
            raise NstError(
                f"the {role} at {pixels(size)} is too small for {error.name}; "
                f"use a larger {sources.larger(role)}{fewer}"
            ) from error


def pixels(size: tuple[int, int]) -> str:
    """Return height and width in words, the width first as people say it."""
    return f"{size[1]}x{size[0]}"


def spell(layers: Mapping[str, float]) -> str:
    """Return names with their weights, where these are not 1."""
    return (
        ", ".join(name if weight == 1 else f"{name}:{weight:g}" for name, weight in layers.items()) or "none"
    )
