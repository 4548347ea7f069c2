"""`python -m nst.train COMMAND`: train a classifier of pictures."""

from __future__ import annotations

from collections.abc import Sequence

from nst.cli import Parser, run_door
from nst.training import train_cifar10, train_decoder, train_distil, train_folder, train_mnist

COMMANDS = (train_mnist, train_cifar10, train_folder, train_distil, train_decoder)
"""Each is a module with `add(commands)`, which adds its parser, whose default for `run` is what it does."""


def parser() -> Parser:
    """Return the parser of `python -m nst.train`, with all commands."""
    it = Parser(
        prog="python -m nst.train",
        description="Train a classifier of pictures, from scratch.",
        epilog="`python -m nst.train COMMAND --help` tells more.",
    )
    commands = it.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    return it


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names; see `python -m nst.train --help`."""
    options = parser().parse_args(list(argv))
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
