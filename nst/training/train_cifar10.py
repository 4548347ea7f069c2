"""`python -m nst.train cifar10`: train a classifier on CIFAR-10."""

from __future__ import annotations

import argparse

from nst.cli import Parser
from nst.training.arguments import add_training
from nst.training.command import begin

ARCHIVE = "cifar-10-binary.tar.gz"
DESCRIPTION = """Train a classifier of the ten classes of CIFAR-10, from its official binary archive."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("cifar10", help="ten classes of small pictures", description=DESCRIPTION)
    it.set_defaults(run=run)
    it.add_argument("--data", metavar="PATH",
        help=f"the archive, or the folder that it unpacks to; default: {ARCHIVE}")  # fmt: skip
    add_training(it, "cifar10.npz", "vgg-small")


def run(options: argparse.Namespace) -> int:
    """Train."""

    def read(options: argparse.Namespace) -> tuple:
        from nst.images.cifar_binary import cifar10

        return cifar10(options.data or ARCHIVE)

    return begin(options, read)
