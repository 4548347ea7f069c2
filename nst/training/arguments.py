"""The arguments that all commands of `python -m nst.train` share, and how a resumed training gets its own back."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst.cli import Parser
from nst.errors import NstError
from nst.networks.trainable import TRAINABLE
from nst.session.values import number, whole
from nst.training.recipe import SCHEDULES, Recipe
from nst.training.recipes import RECIPES

FREE = (
    "output",
    "resume",
    "save_every",
    "workers",
    "threads",
    "dry_run",
    "quiet",
    "debug",
    "run",
    "default_output",
    "parser",
)
"""What a resumed training may change, and does not take over: no number depends on it."""

PATHS = ("data", "weights")
"""What may lie elsewhere by then: it is compared by what it holds."""

PLAIN = "vgg-small"
"""The recipe of networks that have none of their own."""

CHECKPOINT = ".checkpoint.npz"
SIZES = ("width", "hidden")
_SETTINGS = [field.name for field in dataclasses.fields(Recipe)]


def add_training(it: Parser, output: str, network: str) -> None:
    """Add all that is not about where the pictures are.

    Parameters
    ----------
    it
        The parser of the command.
    output, network
        The defaults.
    """
    it.set_defaults(default_network=network, default_output=output, parser=it)
    it.add_argument("-o", "--output", metavar="FILE",
        help=f"the trained network, .npz; checkpoint, log and report go beside it; default: {output}")  # fmt: skip
    what = it.add_argument_group("network")
    what.add_argument("--network", choices=list(TRAINABLE), help=f"default: {network}")
    for size in SIZES:
        told = "channels of the first block" if size == "width" else "units of the hidden layers"
        what.add_argument(f"--{size}", type=whole(1, 1 << 20), metavar="N", help=f"{told}, where it has such")
    _add_finetuning(it.add_argument_group("fine-tuning", "begin with what another network has learned"))
    _add_recipe(it.add_argument_group("recipe", "each changes one setting of the recipe"))
    work = it.add_argument_group("work").add_argument
    work(
        "--tta", choices=("none", "flip"), help="flip: evaluate on mirror images as well, for twice the time"
    )
    work("--save-every", type=whole(1), default=1, metavar="EPOCHS", help="epochs between two checkpoints")
    work("--resume", nargs="?", const="", metavar="CHECKPOINT",
        help="go on from a checkpoint (default: the output's)")  # fmt: skip
    work("--workers", type=whole(0, 64), default=1, metavar="N", help="threads that prepare pictures")
    work("--threads", type=whole(1, 1024), metavar="N", help="threads of the kernels; default: one a core")
    work("--dry-run", action="store_true", help="say what would be done and how long it would take, and stop")
    work("--quiet", action="store_true", help="print errors only")


def _add_finetuning(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    told = "weights to begin with: a network of nst.train, or a weight file in any format that is read; "
    told += "of the same network, cut by nst.prune, it stays as narrow"
    add("--from", dest="weights", metavar="FILE", help=told)
    told = "take what has the name and the shape of something in this network, and leave the rest fresh"
    add("--by-name", action="store_true", default=None, help=told)
    told = "layers that stay as they are, such as fire*; repeatable"
    add("--freeze", action="append", metavar="GLOB", help=told)
    told = "multiply the learning rate of some layers; repeatable, the first that matches counts"
    add("--rate", action="append", metavar="GLOB=FACTOR", help=told)
    told = "let pictures go through frozen layers once; default: where they stay the same but for --flip"
    add("--keep-features", action=argparse.BooleanOptionalAction, help=told)


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    add, switch = group.add_argument, argparse.BooleanOptionalAction
    add("--recipe", choices=list(RECIPES), help=f"default: that of the network's name, or {PLAIN}")
    add("--epochs", type=whole(1, 100_000), help="how often every picture is seen")
    add("--batch", type=whole(1, 100_000), help="pictures in a mini-batch")
    add("--learning-rate", type=number(0), help="the highest of the schedule")
    add("--schedule", choices=SCHEDULES, help="how the rate changes")
    add("--milestones", type=_milestones, metavar="EPOCH,...", help="step: where the rate drops")
    add("--drop", type=number(0, 1), help="step: by what it is multiplied there")
    add("--warmup", type=number(0), metavar="EPOCHS", help="in which the rate rises")
    add("--momentum", type=number(0, 0.9999), help="of SGD")
    add("--nesterov", action=switch, help="Nesterov's momentum")
    add("--weight-decay", type=number(0), help="L2")
    add("--decay-all", action=switch, help="norms and biases decay, too")
    add("--label-smoothing", type=number(0, 0.99), metavar="SHARE", help="spread over all classes")
    add("--average", type=number(0, 0.999999), metavar="DECAY", help="moving average of the weights; 0: none")
    add("--dropout", type=number(0, 0.99), metavar="RATE", help="where the network has such")
    add("--flip", action=switch, help="mirror every second picture")
    add(
        "--shift", type=number(0, 0.5), metavar="SHARE", help="move pictures by up to this part of their side"
    )
    add(
        "--border",
        choices=("constant", "reflect"),
        help="what a shift brings in: the mean colour, or a mirror",
    )
    add("--turn", type=number(0, 180), metavar="DEGREES", help="turn pictures by up to so much")
    add("--zoom", type=number(0, 0.9), metavar="SHARE", help="zoom by up to this share")
    add("--elastic", type=number(0, 100), metavar="PIXELS", help="bend pictures")
    add("--crop", type=number(0, 1, above=True), metavar="SHARE", help="a random part of at least this area")
    add("--cutout", type=whole(0, 4096), metavar="PIXELS", help="side of a square that is blanked")
    add("--seed", type=whole(0, 2**63 - 1), help="of all that is random")


def _milestones(text: str) -> tuple[float, ...]:
    return tuple(number(0)(part) for part in text.split(","))


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return the recipe with what the arguments change.

    Raises
    ------
    NstError
        When the settings do not go together.
    """
    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    own = network_of(options) if network_of(options) in RECIPES else PLAIN
    return dataclasses.replace(RECIPES[options.recipe or own], **given)


def network_of(options: argparse.Namespace) -> str:
    """Return the name of the network that was asked for."""
    return options.network or options.default_network


def sizes_of(options: argparse.Namespace) -> dict[str, int]:
    """Return the sizes of the network that were asked for."""
    return {size: value for size in SIZES if (value := getattr(options, size)) is not None}


def output_of(options: argparse.Namespace) -> str:
    """Return where the trained network goes: where the checkpoint is that is gone on from, unless another is named."""
    if options.output is None and options.resume:
        return re.sub(rf"{re.escape(CHECKPOINT)}$", "", options.resume) + ".npz"
    return options.output or options.default_output


def checkpoint_path(output: str) -> Path:
    """Return where the checkpoint of a training that writes `output` lies."""
    return Path(output).with_suffix(CHECKPOINT)


def spelled(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that a resumed training must have, in the types of JSON."""
    kept = {key: value for key, value in vars(options).items() if key not in FREE}
    kept |= {name: os.path.abspath(path) if (path := kept[name]) else None for name in PATHS}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def command_line(parser: argparse.ArgumentParser, values: Mapping[str, Any]) -> list[str]:
    """Return the words that a parser takes for these values, those left out that are None.

    Raises
    ------
    ValueError
        When an option is one that is there or not, or comes several times, and its value is nothing of the kind.
    """
    words, last = [], []
    for action in parser._actions:
        value = values.get(action.dest)
        name = action.option_strings[0] if action.option_strings else None
        if value is None or (value is False and len(action.option_strings) == 1):
            continue
        if action.nargs == 0:  # a switch, whose opposite comes second if there is one
            words.append(action.option_strings[(True, False).index(value)])
        elif name is None:
            last = ["--", str(value)]
        elif action.dest == "milestones":
            words.append(f"{name}={','.join(map(str, _several(value)))}")
        else:
            repeated = isinstance(action, argparse._AppendAction)
            words += [f"{name}={one}" for one in (_several(value) if repeated else [value])]
    return words + last


def _several(value: object) -> list | tuple:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r:.40} is no list")
    return value


def resumed(options: argparse.Namespace, saved: object) -> argparse.Namespace:
    """Return the options of a training that goes on: those of the checkpoint, with what may change.

    Raises
    ------
    NstError
        When the call asks for something else than the checkpoint was made with, or that asks for what makes no sense.
    """
    now = spelled(options)
    if isinstance(saved, dict) and saved.get("command") != options.command:
        raise NstError(
            f"the checkpoint is not one of `nst.train {options.command}`; start anew without --resume"
        )
    if not isinstance(saved, dict) or saved.keys() != now.keys() or not all(map(_is_plain, saved.values())):
        raise NstError("the checkpoint does not say what its training was asked for; start anew")
    for key, value in now.items():
        if value is not None and value != saved[key] and key not in PATHS:
            made = "its default" if saved[key] is None else saved[key]
            raise NstError(
                f"--{key.replace('_', '-')}: the checkpoint was made with {made}; "
                "leave it out, or start anew without --resume"
            )
    try:  # what was saved is believed no more than what is typed
        parsed = vars(options.parser.parse_args(command_line(options.parser, saved)))
    except ValueError as error:
        raise NstError(f"the checkpoint's settings make no sense ({error}); start anew") from error
    kept = {key: parsed.get(key) for key in saved} | {"command": options.command}
    kept |= {name: getattr(options, name) or kept[name] for name in PATHS}
    return argparse.Namespace(**{**vars(options), **kept})


def _is_plain(value: object) -> bool:
    simple = (str, int, float, type(None))
    return isinstance(value, simple) or (
        isinstance(value, list) and all(isinstance(one, simple) for one in value)
    )
