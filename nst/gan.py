"""`python -m nst.gan COMMAND`: Wasserstein GANs, on a line, of digits, and of textures."""

from __future__ import annotations

from collections.abc import Sequence

from nst.adversarial import commands
from nst.cli import Parser, run_door


def parser() -> Parser:
    """Return the parser of `python -m nst.gan`, with all commands."""
    it = Parser(
        prog="python -m nst.gan",
        description="Train a generator against a critic (Arjovsky et al., Wasserstein GAN, 2017), and draw from it.",
        epilog="`python -m nst.gan COMMAND --help` tells more.",
    )
    found = it.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for add in (commands.add_toy, commands.add_mnist, commands.add_texture, commands.add_sample):
        add(found)
    return it


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names; see `python -m nst.gan --help`."""
    options = parser().parse_args(list(argv))
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
