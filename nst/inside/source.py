"""Which network is looked into: its weights, found or named, and what its classes are called."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nst.cli import Parser
from nst.errors import NstError

PREFERRED = ("googlenet", "vgg19")
"""The first of these whose weights are found is looked into when none is asked for."""


@dataclass(frozen=True)
class Source:
    """A network with what is known of it.

    Attributes
    ----------
    network : Network
        Frozen.
    name : str
        Of the architecture.
    path : Path or None
        Of the weights.
    crop : int
        The side of the square that the classifier was trained on, in pixels.
    scores : str or None
        The layer of the scores before softmax, where the network has it.
    line : str
        Which network it is, in words.
    """

    network: object
    name: str
    path: Path | None
    crop: int
    scores: str | None
    line: str


def add_network(parser: Parser) -> None:
    """Add the arguments that `read_network` understands."""
    parser.add_argument(
        "--network", help=f"default: the first of {', '.join(PREFERRED)} whose weights are found"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="any format that nst.weights reads; else $NST_WEIGHTS, then the cache",
    )


def read_network(options: argparse.Namespace, asked: Iterable[str] = ()) -> Source:
    """Return the network that the arguments ask for, with its fully connected layers only where they are asked for.

    Those of a VGG are six times the rest, and want pictures of one size.

    Parameters
    ----------
    options
    asked
        Targets, such as `relu4_1:12`, `fc7` or `class:zebra`.

    Raises
    ------
    NstError
        When its weights are nowhere, or are not what they should be.
    """
    from nst import formats  # numba and HDF5 take a moment, and --help needs none of it
    from nst.formats.known import find_weights
    from nst.inside.classifier import build_whole
    from nst.networks import architecture, build

    wanted = [options.network] if options.network else PREFERRED
    for name in wanted:
        architecture(name)
    found = Path(options.weights) if options.weights else next(filter(None, map(find_weights, wanted)), None)
    if found is None:
        raise NstError(
            f"no weights of {' or '.join(wanted)} are here: name a file with --weights, or its folder with $NST_WEIGHTS"
        )
    weights = formats.read(found, options.network)
    known, network = architecture(weights.network), build(weights)
    layers = {
        known.scores if layer == "class" else layer for layer in (one.partition(":")[0] for one in asked)
    }
    if not layers <= {*network.names, *network.aliases}:
        network = build_whole(formats.read(found, options.network, top=True))
    scores = known.scores if known.scores in network.nodes else None
    line = f"network: {weights.network} from {found}"
    return Source(network, weights.network, found, known.crop, scores, line)
