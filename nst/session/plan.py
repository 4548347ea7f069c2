"""From options to everything that is decided before the first iteration."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.engine.objective import Objective
from nst.engine.style_transfer import StyleTransfer
from nst.errors import NstError
from nst.files import sha256
from nst.networks import Network, vgg
from nst.optimizers import LBFGS, Adam
from nst.session.arguments import choose_layers
from nst.session.sources import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    Sources,
    read_pictures,
    read_weights,
    settled,
)


@dataclass
class Plan:
    """A run that is ready to start."""

    options: argparse.Namespace
    network: Network
    sources: Sources
    transfer: StyleTransfer
    rng: np.random.Generator
    hashes: dict[str, str]
    notes: list[str]

    def objective(self) -> Objective:
        """Measure the targets and return the objective."""
        return self.transfer.objective(self.network, self.sources.content, self.sources.styles)

    def optimizer(self) -> LBFGS | Adam:
        """Return a fresh optimiser."""
        if self.options.optimizer == "adam":
            return Adam(learning_rate=self.options.learning_rate)
        return LBFGS(history=self.options.history)

    def activation_bytes(self) -> int:
        """Return the size of all activations of one forward pass: a bound on what a step holds at once."""
        shape, total = self.sources.content.shape, 0
        needed = self.network.needed([*self.transfer.content_layers, *self.transfer.style_layers])
        for node in self.network.nodes.values():
            if node.name in needed:
                shape = node.layer.output_shape(shape)
                total += 4 * math.prod(shape)
        return total

    def settings(self) -> dict[str, Any]:
        """Return the options with every default spelled out, for the record."""
        found = {key: value for key, value in vars(self.options).items() if value is not None}
        found["content_layers"] = dict(self.transfer.content_layers)
        found["style_layers"] = dict(self.transfer.style_layers)
        return found

    def describe(self) -> list[str]:
        """Return what would be done, a line for each thing."""
        options, content = self.options, self.sources.content
        height, width = content.shape[1:3]
        styles = " and ".join(f"{style.shape[2]}x{style.shape[1]}" for style in self.sources.styles)
        history = 2 * options.history * content.nbytes if options.optimizer == "lbfgs" else 2 * content.nbytes
        return [
            *self.notes,
            f"content: {width}x{height}, style: {styles}, start: {options.init}",
            f"content layers: {_spell(self.transfer.content_layers)}, weight {options.content_weight:g}",
            f"style layers: {_spell(self.transfer.style_layers)}, weight {options.style_weight:g}",
            f"total variation: weight {options.tv_weight:g}, range: weight {options.range_weight:g}",
            f"optimiser: {options.optimizer}, {options.iterations} iterations, seed {options.seed}",
            f"memory: about {self.activation_bytes() / 2**20:,.0f} MiB of activations and "
            f"{history / 2**20:,.0f} MiB of optimiser state",
            f"output: {options.output}",
        ]


def make_plan(options: argparse.Namespace) -> Plan:
    """Read what the options name and decide what they leave open.

    Raises
    ------
    NstError
        For a file that cannot be used, a layer that does not exist, a picture that is too small.
    """
    weights, found, line = read_weights(options)
    options = settled(options, weights, found)
    network = vgg(weights, options.pooling, options.padding)
    existing = [name for name in CONTENT_LAYERS if name in network.nodes][:1]
    content = choose_layers(options.content_layers, existing, network, "content")
    style = choose_layers(options.style_layers, STYLE_LAYERS, network, "style")
    notes = [line]
    absent = [name for name in (CONTENT_LAYERS[0], *STYLE_LAYERS) if name not in network.nodes]
    if absent and not (options.content_layers and options.style_layers):
        notes.append(
            f"these weights end at {network.names[-1]}: no {', '.join(absent)}; using {_spell({**content, **style})}"
        )
    rng = np.random.default_rng(options.seed)
    sources = read_pictures(options, rng)
    transfer = StyleTransfer(
        content,
        style,
        options.content_weight,
        options.style_weight,
        options.tv_weight,
        options.range_weight,
        options.style_blend or (),
    )
    plan = Plan(
        options,
        network,
        sources,
        transfer,
        rng,
        {"network": sha256(found) if found else weights.source, **sources.hashes},
        notes + sources.notes,
    )
    _check_sizes(plan)
    return plan


def _check_sizes(plan: Plan) -> None:
    """Fail before the work begins when a picture is too small for the deepest layer."""
    pictures = {"content": plan.sources.content}
    pictures.update({f"style {number}": style for number, style in enumerate(plan.sources.styles, 1)})
    needed = plan.network.needed([*plan.transfer.content_layers, *plan.transfer.style_layers])
    for role, picture in pictures.items():
        shape = picture.shape
        for node in plan.network.nodes.values():
            if node.name in needed:
                try:
                    shape = node.layer.output_shape(shape)
                except NstError as error:
                    size = f"{picture.shape[2]}x{picture.shape[1]}"
                    larger = "--style-scale or --size" if role.startswith("style") else "--size"
                    raise NstError(
                        f"the {role} at {size} is too small for {node.name}; use a larger {larger}"
                    ) from error


def _spell(layers: dict[str, float]) -> str:
    return (
        ", ".join(name if weight == 1 else f"{name}:{weight:g}" for name, weight in layers.items()) or "none"
    )
