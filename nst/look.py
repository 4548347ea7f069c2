"""`python -m nst.look COMMAND`: see what the units of a network look for."""

from __future__ import annotations

from collections.abc import Sequence

from nst.cli import Parser, run_door
from nst.inside import look_invert, look_layers, look_page, look_patches, look_unit

COMMANDS = (look_unit, look_patches, look_layers, look_invert, look_page)
"""Each is a module with `add(commands)`, which adds its parser, whose default for `run` is what it does."""


def parser() -> Parser:
    """Return the parser of `python -m nst.look`, with all commands."""
    it = Parser(
        prog="python -m nst.look",
        description="See what the units of a network look for.",
        epilog="`python -m nst.look COMMAND --help` tells more.",
    )
    commands = it.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    return it


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names; see `python -m nst.look --help`."""
    options = parser().parse_args(list(argv))
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
