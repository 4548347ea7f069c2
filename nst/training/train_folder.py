"""`python -m nst.train folder DIR`: train a classifier on pictures of one's own."""

from __future__ import annotations

import argparse

import numpy as np

from nst.cli import Parser
from nst.errors import NstError
from nst.session.values import number, whole
from nst.training.arguments import add_training
from nst.training.command import begin

DESCRIPTION = """Train a classifier on a folder that has a folder of pictures for each class; or train/ and test/ with
such folders each; or such folders and two lists of their pictures, train.txt and test.txt."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("folder", help="a folder for each class", description=DESCRIPTION)
    it.set_defaults(run=run)
    it.add_argument("data", nargs="?", metavar="DIR", help="the folder of pictures")
    it.add_argument("--side", type=whole(8, 1024), help="of the pictures, in pixels; default: the network's")
    it.add_argument("--fit", choices=("crop", "squash"), help="crop: the middle of each; squash: all of it")
    it.add_argument("--held-out", type=number(0, 0.9), metavar="SHARE",
        help="of each class, to test on, where the folder does not say; default: 0.2")  # fmt: skip
    it.add_argument(
        "--per-class", type=whole(1), metavar="N", help="train on the first so many of each class"
    )
    add_training(it, "folder.npz", "vgg-small")


def run(options: argparse.Namespace) -> int:
    """Train."""

    def read(options: argparse.Namespace) -> tuple:
        from nst.images.labelled_folder import class_folder
        from nst.networks.trainable import trainable
        from nst.training.arguments import network_of, recipe_of

        if options.data is None:
            raise NstError("name the folder of pictures")
        side = options.side or trainable(network_of(options)).shape[0]
        share = 0.2 if options.held_out is None else options.held_out
        seed, fit = recipe_of(options).seed, options.fit or "crop"
        train, test = class_folder(options.data, side, share, seed, fit=fit)
        if options.per_class:
            train = train.part(first_of_each(train.labels, options.per_class))
        return train, test

    return begin(options, read)


def first_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the numbers of the first `count` pictures of each class, in order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == one)[:count] for one in np.unique(labels)]))
