"""How a run is written down in its checkpoint, and which of its arguments may change when it goes on."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from nst.engine import Checkpoint
from nst.errors import NstError, printable
from nst.report import Trace
from nst.session import arguments
from nst.session.arguments import STARTS
from nst.session.plan import Plan

# What a resumed run may change: none of it has an influence on the iterations, but for the rounding of tiles. Files may
# lie elsewhere by now; their hashes say whether they are the same.
FREE = (
    "iterations",
    "output",
    "print_every",
    "save_every",
    "quiet",
    "debug",
    "resume",
    "max_pixels",
    "memory",
)
FREE += ("dry_run", "check_gradients", "pictures", "weights", "device", "precision")
NOW = (
    "pictures",
    "resume",
    "quiet",
    "debug",
)  # not for the file: pictures stand apart, the others are of one call


def spelled(options: argparse.Namespace, folder: Path, form: ModuleType = arguments) -> list[str]:
    """Return arguments that the `parse` of `form` turns into these options, for a file in `folder`.

    Paths that were given from the working folder are told from `folder`, so that both may be moved together.
    """
    options = _relocated(options, lambda path: path if os.path.isabs(path) else os.path.relpath(path, folder))
    words, default = [], vars(form.parser().parse_intermixed_args([]))
    for key, value in vars(options).items():
        if key in NOW or value == default[key]:
            continue
        if isinstance(value, dict):
            value = ",".join(f"{name}:{weight}" for name, weight in value.items())
        elif isinstance(value, list):
            value = ",".join(map(str, value))
        flag = "--" + key.replace("_", "-")
        words.append(flag if value is True else f"{flag}={value}")
    return [*words, *(os.path.join(os.curdir, path) for path in options.pictures)]  # a name may begin with -


def _relocated(options: argparse.Namespace, move: Callable[[str], str]) -> argparse.Namespace:
    """Return the options with every path moved."""
    moved = {"pictures": [move(path) for path in options.pictures], "output": move(options.output)}
    moved["weights"] = options.weights and move(options.weights)
    moved["init"] = options.init if options.init in STARTS else move(options.init)
    return argparse.Namespace(**{**vars(options), **moved})


def resumed(
    argv: Sequence[str], saved: object, folder: Path, form: ModuleType = arguments
) -> argparse.Namespace:
    """Return the options of a run that goes on: those of the checkpoint in `folder`, with what `argv` may change.

    Raises
    ------
    NstError
        When `argv` asks for something else than the checkpoint was made with.
    """
    if not isinstance(saved, list) or not all(isinstance(token, str) for token in saved):
        raise NstError("the checkpoint does not say what its run was asked for")
    before = _relocated(form.parse(saved), lambda path: os.path.normpath(os.path.join(folder, path)))
    known = {key: value for key, value in vars(before).items() if key != "pictures"}
    now = form.parser().parse_intermixed_args(list(argv), argparse.Namespace(**known))
    now.pictures = now.pictures or before.pictures
    for key, value in vars(before).items():
        moved = key == "init" and not {value, now.init} & set(STARTS)
        if key not in FREE and not moved and getattr(now, key) != value:
            made = "its default" if value is None else value
            raise NstError(
                f"--{key.replace('_', '-')}: the checkpoint was made with {made}; "
                "leave it out, or start anew without --resume"
            )
    if form.levels(now) != form.levels(before):
        raise NstError(
            f"--iterations: the checkpoint was made with {form.levels(before)} scales; give as many numbers"
        )
    return now


def check_belongs(checkpoint: Checkpoint, plan: Plan) -> None:
    """Raise an `NstError` unless a checkpoint is one of this plan: of its files, its scales and their sizes."""
    for role in {**plan.hashes, **checkpoint.hashes}:
        if checkpoint.hashes.get(role) != plan.hashes.get(role):
            raise NstError(
                f"the {printable(role)} is not the one that the checkpoint was made with; start anew"
            )
    if checkpoint.scale >= len(plan.scales):
        raise NstError(f"the checkpoint was made with more than {len(plan.scales)} scales")
    _check_past(checkpoint, plan)
    expected = plan.sources.content_size(plan.scales[checkpoint.scale])
    if checkpoint.image.shape[1:3] != expected:
        raise NstError(f"the checkpoint's image is {checkpoint.image.shape[1:3]}, not {expected}")


def _check_past(checkpoint: Checkpoint, plan: Plan) -> None:
    """Refuse a plan by which fewer iterations would have been done at a scale that lies behind than there were."""
    done = Counter(row.size for row in Trace.from_plain(checkpoint.trace))
    for scale in plan.scales[: checkpoint.scale]:
        if scale.iterations < done[scale.size]:
            raise NstError(
                f"--iterations: the checkpoint has done {done[scale.size]} at {scale.size} px; give no fewer there"
            )


def process_of(checkpoint: Checkpoint) -> dict[str, int]:
    """Return the memory of the process before the run, on each device where it has been: tiles are cut by it.

    Raises
    ------
    NstError
        When the checkpoint has no such numbers.
    """
    found = checkpoint.settings.get("process")
    if type(found) is int:  # a file from before there were cards
        found = {"cpu": found}
    if not isinstance(found, dict) or not found or any(type(n) is not int or n <= 0 for n in found.values()):
        raise NstError("the checkpoint does not say how much memory its run began with")
    return found
