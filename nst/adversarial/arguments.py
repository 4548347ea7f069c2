"""The arguments of `python -m nst.gan`, and how a resumed training gets its own back."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from nst.adversarial.recipe import Recipe
from nst.cli import Parser
from nst.errors import NstError
from nst.session.values import number, whole

CHECKPOINT = ".checkpoint.npz"
NETS = ("dense", "dc")
PIXELS = "pixels"
FEATURES = (PIXELS, "relu1_1", "relu2_1")
LARGEST_SIDE = 4096  # pixels of a texture that is drawn
PAPER = "arjovsky2017"
RECIPES: dict[str, dict[str, Recipe]] = {
    "mnist": {
        PAPER: Recipe(steps=10_000),
        "quick": Recipe(steps=3000, learning_rate=5e-4, head_start=5),
    },
    "texture": {
        PAPER: Recipe(steps=10_000, batch=8),
        "quick": Recipe(steps=2000, learning_rate=5e-4, head_start=5, batch=8),
    },
}
"""By command. Those called as the paper have Algorithm 1's rate, clipping and steps of the critic; the others its rate
times ten, to come as far on two cores in minutes. A batch of a texture is one of pictures, each of many patches."""

SIZES: dict[str, dict[str, tuple[Any, ...]]] = {
    "mnist": {"net": ("dc", *NETS), "width": (16, 2, 4096), "noise": (96, 2, 4096)},
    "texture": {
        "width": (24, 4, 1024),
        "noise": (16, 2, 1024),
        "side": (64, 40, 1024),
        "features": (PIXELS, *FEATURES),
        "sample_size": (None, 40, 100_000),
    },
}
"""What of the networks and pictures can be chosen, by command: the default, then the names or the limits."""


def add_output(it: Parser, output: str) -> None:
    """Add where a training writes to, and how it goes on."""
    it.set_defaults(default_output=output)
    it.add_argument("-o", "--output", metavar="FILE",
        help=f"the generator, .npz; samples, log and checkpoint go beside it; default: {output}")  # fmt: skip
    it.add_argument("--resume", nargs="?", const="", metavar="CHECKPOINT",
        help="go on from a checkpoint (default: the output's)")  # fmt: skip
    it.add_argument(
        "--save-every", type=whole(1), default=500, metavar="STEPS", help="between two checkpoints"
    )
    it.add_argument("--quiet", action="store_true", help="print errors only")


def add_recipe(it: Parser, names: list[str]) -> None:
    """Add the settings of the game."""
    group = it.add_argument_group("recipe", "each changes one setting of the recipe")
    add = group.add_argument
    if names:
        add("--recipe", choices=names, help=f"default: {names[0]}, Algorithm 1 of Arjovsky et al.")
        add("--average", type=number(0, 0.999999), metavar="DECAY",
            help="moving average of the generator's weights; 0: none")  # fmt: skip
    add("--steps", type=whole(1, 10**9), help="of the generator")
    add("--learning-rate", type=number(1e-9, 1), metavar="RATE", help="of RMSProp, for both networks")
    add("--clip", type=number(1e-6, 1e3), metavar="C", help="the critic's weights stay in -C..C")
    add("--batch", type=whole(2, 100_000), help="how many are drawn for a step")
    add("--critic-steps", type=whole(1, 10_000), metavar="N", help="for one of the generator")
    add("--head-start", type=whole(0, 10**9), metavar="STEPS",
        help="of the generator, before each of which the critic does 100")  # fmt: skip
    add("--seed", type=whole(0, 2**63 - 1), help="of all that is random")


def settings_of(options: argparse.Namespace, saved: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all that the numbers of a training depend on: of a resumed one what its checkpoint says.

    Returns
    -------
    dict
        `command`, `recipe` in the types of JSON, and the command's `SIZES`.

    Raises
    ------
    NstError
        When the call asks for something else than the checkpoint was made with, or that says what makes no sense.
    """
    command = options.command
    given = {
        name: value
        for name in (*(field.name for field in dataclasses.fields(Recipe)), *SIZES[command])
        if (value := getattr(options, name, None)) is not None
    }
    if saved is None:
        recipe = RECIPES[command][options.recipe or PAPER]
        own = {name: value for name, value in given.items() if name not in SIZES[command]}
        sizes = {name: given.get(name, default) for name, (default, *_) in SIZES[command].items()}
        return {"command": command, "recipe": dataclasses.replace(recipe, **own).plain(), **sizes}
    if saved.get("command") != command:
        raise NstError(f"the checkpoint is not one of `nst.gan {command}`; start anew without --resume")
    if options.recipe:
        raise NstError("--recipe: the checkpoint has its own; leave it out, or start anew without --resume")
    kept = {"command": command, "recipe": Recipe.from_plain(saved.get("recipe")).plain()}
    kept |= {name: _size(name, limits, saved.get(name)) for name, limits in SIZES[command].items()}
    for name, value in given.items():
        made = kept["recipe"][name] if name in kept["recipe"] else kept[name]
        if value != made:
            raise NstError(
                f"--{name.replace('_', '-')}: the checkpoint was made with {made}; "
                "leave it out, or start anew without --resume"
            )
    return kept


def _size(name: str, limits: tuple[Any, ...], value: object) -> Any:
    """Return a size that a checkpoint tells, which is believed no more than what is typed."""
    default, *known = limits
    if isinstance(default, str):
        right = value in known
    else:
        right = (type(value) is int and known[0] <= value <= known[1]) or (value is None and default is None)
    if not right:
        raise NstError(f"the checkpoint says {value!r:.40} for {name}, which makes no sense; start anew")
    return value


def output_of(options: argparse.Namespace) -> str:
    """Return where the generator goes: where the checkpoint is that is gone on from, unless another is named."""
    if options.output is None and options.resume:
        return re.sub(rf"{re.escape(CHECKPOINT)}$", "", options.resume) + ".npz"
    return options.output or options.default_output
