"""`python -m nst.look invert`: the picture that each layer still determines, by its features and by its style."""

from __future__ import annotations

import argparse
import sys

from nst.cli import Parser
from nst.inside.source import Source, add_network
from nst.session.values import number, whole

DESCRIPTION = """For each layer make, from noise, a picture with the same features (first row, the picture itself at its
head), and one with the same Gram matrices at this layer and those before it (second row). With a layer that looks at
the whole picture at once, such as that of the scores, the picture is its middle square, as large as those that the
network was trained on."""
_MODULES = ("inception_3b/output", "inception_4c/output", "inception_5b/output")
LAYERS = {
    "vgg": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    "googlenet": ("conv1/relu_7x7", "conv2/relu_3x3", *_MODULES),
    "squeezenet": ("relu_conv1", "fire3/concat", "fire5/concat", "fire7/concat", "fire9/concat"),
    "alexnet": ("relu1", "relu2", "relu3", "relu4", "relu5"),
}


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser(
        "invert", help="what a layer's features still determine", description=DESCRIPTION
    )
    it.set_defaults(run=run)
    it.add_argument("picture")
    it.add_argument(
        "-o", "--output", default="invert.png", help="all pictures side by side; a record goes beside it"
    )
    add_network(it)
    it.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="default: one of each size that the network has"
    )
    it.add_argument("--only", choices=("features", "style"), help="one of the two rows")
    it.add_argument("--size", type=whole(16, 4096), default=256, help="of the longer side, in pixels")
    it.add_argument("--iterations", type=whole(1), default=150, help="of L-BFGS, for each picture")
    it.add_argument(
        "--smooth", type=number(0), default=1e-3, help="weight of total variation beside the features"
    )
    it.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of the noise")
    it.add_argument("--quiet", action="store_true", help="print results only")


def run(options: argparse.Namespace) -> int:
    """Make the pictures, write them and their record, and tell of each."""
    from nst.images import check_target, load
    from nst.inside.inversions import Job, make
    from nst.inside.source import read_network

    output, picture = check_target(options.output), load(options.picture)
    source = read_network(options, options.layers or ())
    if not options.quiet:
        print(source.line, file=sys.stderr, flush=True)
    job = Job(source, picture, layers_of(source, options.layers), options, output)
    for line in make(job):
        print(line, flush=True)
    return 0


def layers_of(source: Source, wanted: list[str] | None) -> list[str]:
    """Return the layers asked for by their own names, or some of each size that the network has.

    Raises
    ------
    NstError
        For a layer that does not exist.
    """
    if wanted:
        return [source.network.resolve(name) for name in wanted]
    known = next((layers for kind, layers in LAYERS.items() if source.name.startswith(kind)), ())
    return [name for name in known if name in source.network.nodes] or source.network.names[-1:]
