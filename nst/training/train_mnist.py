"""`python -m nst.train mnist`: train a classifier on handwritten digits."""

from __future__ import annotations

import argparse

from nst.cli import Parser
from nst.training.arguments import add_training
from nst.training.command import begin

FOLDER = "mnist"
DESCRIPTION = """Train a classifier of the ten digits of MNIST, from its IDX files, packed or not; Fashion-MNIST and
others come in the same form."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("mnist", help="handwritten digits", description=DESCRIPTION)
    it.set_defaults(run=run)
    it.add_argument("--data", metavar="DIR", help=f"the folder with the four files; default: {FOLDER}")
    add_training(it, "mnist.npz", "vgg-mnist")


def run(options: argparse.Namespace) -> int:
    """Train."""

    def read(options: argparse.Namespace) -> tuple:
        from nst.images.idx import mnist

        return mnist(options.data or FOLDER)

    return begin(options, read)
