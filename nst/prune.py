"""Make networks smaller: `python -m nst.prune cut|rank|remove|compare`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.session.values import whole

METHODS = ("l1", "activation", "duplicates", "maximised")
MEANING = """what a filter is worth: the sum of its weights' magnitudes; its mean answer to pictures; or how little is
lost with it while a near-duplicate stays, one that answers where it does (duplicates), or to the picture that it wants
most, as it does to the other's (maximised: it makes a picture for each filter, so name few --layers)"""
SURROUND = 16  # pixels about what a filter sees, in which its pattern may stand more than once


def main(argv: Sequence[str]) -> int:
    """Do what the first argument says and return the exit status."""
    options = _parser().parse_args(argv)
    return options.run(options)


def _parser() -> Parser:
    parser = Parser(prog="python -m nst.prune", description="Make networks smaller.")
    doors = parser.add_subparsers(required=True, metavar="cut|rank|remove|compare")
    door = doors.add_parser("cut", help="a VGG to a share of its width, in seconds, without training")
    _add_files(door)
    door.add_argument("--width", type=share, default=Fraction(3, 4), help="share of the filters that stay")
    _add_pictures(door, "+", True)
    door.add_argument("--seed", type=whole(0), default=0, help="of the noise and of the places looked at")
    door.set_defaults(run=cut_door)

    door = doors.add_parser("rank", help="print the filters of a layer, the least important first")
    door.add_argument("weights", help="a weight file, in any format that is read")
    _add_ranking(door)
    door.set_defaults(run=rank)

    door = doors.add_parser("remove", help="take out the least important filters, for good")
    _add_files(door)
    door.add_argument("--keep", type=share, default=Fraction(3, 4), help="share of the filters that stay")
    _add_ranking(door)
    door.add_argument(
        "--mend", action="store_true", help="fit what reads the removed filters to those that stay"
    )
    door.set_defaults(run=remove_door)

    door = doors.add_parser("compare", help="a table of what networks cost and of what they are worth")
    door.add_argument("weights", nargs="+", help="weight files; the first is the whole network, which judges")
    door.add_argument("--size", type=whole(32), default=256, help="of the pictures, in pixels")
    door.add_argument(
        "--pair", nargs=2, action="append", default=[], metavar=("CONTENT", "STYLE"), help="pictures to paint"
    )
    door.add_argument(
        "--labels", metavar="FILE", help="lines of a picture and its class: counts right answers"
    )
    _add_data(door, "whose test pictures count right answers")
    door.set_defaults(run=compare)
    return parser


def _add_files(door: argparse.ArgumentParser) -> None:
    door.add_argument("weights", help="a weight file, in any format that is read")
    door.add_argument("dest", help="the file to write: .h5, or .npz of a network of nst.train")
    door.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="of the result")
    door.add_argument("--force", action="store_true", help="overwrite")


def _add_pictures(door: argparse.ArgumentParser, nargs: str, required: bool) -> None:
    door.add_argument(
        "--pictures", nargs=nargs, default=[], required=required, help="files or folders to look at"
    )
    door.add_argument("--count", type=whole(1), default=24, help="of the pictures looked at")
    door.add_argument("--side", type=whole(32), default=192, help="of the square looked at, in pixels")


def _add_data(door: argparse.ArgumentParser, use: str) -> None:
    told = f"of a network of nst.train: its data set, {use}; a folder, or CIFAR-10's archive"
    door.add_argument("--data", metavar="PATH", help=told)


def _add_ranking(door: argparse.ArgumentParser) -> None:
    door.add_argument("--by", choices=METHODS, default="l1", help=MEANING)
    door.add_argument("--layers", nargs="+", help="default: all whose channels another layer reads")
    _add_pictures(door, "+", False)
    _add_data(door, "whose pictures to train on are looked at")
    door.add_argument(
        "--iterations", type=whole(1), default=64, help="steps for each maximised picture, of at most --side"
    )
    door.add_argument("--seed", type=whole(0), default=0, help="of what these are begun from")


def share(text: str) -> Fraction:
    """Return a share above 0 and at most 1, such as 3/4 or 0.75."""
    try:
        found = Fraction(text) if "e" not in text.lower() else Fraction(0)  # 1e-999999999 would take for ever
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0 and at most 1, such as 3/4")
    return found


def cut_door(options: argparse.Namespace) -> int:
    """Cut a VGG to a share of its width and write it."""
    from nst.pruning import cut
    from nst.pruning.source import read_source, smaller

    source = read_source(options.weights)
    dest = _target(options, source)
    if source.trained:
        raise NstError(f"{source.path} is a classifier, and cut makes networks to paint with: use remove")
    pictures = _pictures(options, source)
    started = time.perf_counter()
    network = cut(source.network, pictures, options.width, options.seed)
    seconds = time.perf_counter() - started
    print(f"cut to {options.width} of its width in {seconds:.1f} s, fitted to {len(pictures)} pictures")
    note = (
        f"{options.width} of each layer's filters, by pivoted QR; what they read regressed on what was kept; "
    )
    note += f"{len(pictures)} pictures of up to {options.side} pixels, seed {options.seed}"
    return _write(dest, smaller(source, network, [note]), options.dtype, source)


def rank(options: argparse.Namespace) -> int:
    """Print the filters of each layer with their scores, the least important first."""
    from nst.pruning.source import read_source

    for layer, scores in _scores(options, read_source(options.weights)).items():
        order = scores.argsort(kind="stable")
        print(f"{layer}: " + ", ".join(f"{index} ({scores[index]:.4g})" for index in order))
    return 0


def remove_door(options: argparse.Namespace) -> int:
    """Take out the filters that are worth least and write what is left."""
    from nst.pruning import choose, mend, remove
    from nst.pruning.source import read_source, smaller

    source = read_source(options.weights)
    dest = _target(options, source)
    kept = choose(source.network, _scores(options, source), options.keep)
    if options.mend:
        network = mend(source.network, kept, _pictures(options, source))
    else:
        network = remove(source.network, kept)
    rest = "what read the others was fitted to these" if options.mend else "nothing else was changed"
    note = f"{options.keep} of the filters of {', '.join(kept)}, by {options.by}; {rest}"
    return _write(dest, smaller(source, network, [note]), options.dtype, source)


def _scores(options: argparse.Namespace, source):
    """Return the scores that the options ask for; of two near-duplicates the one goes that answers less."""
    from nst import pruning

    network = source.network
    layers = [network.resolve(name) for name in options.layers or pruning.prunable(network)]
    if options.by == "l1":
        return pruning.by_kernel(network, layers)
    if options.by == "maximised":
        if source.trained and source.trained.shape[2] != 3:
            raise NstError("--by maximised makes pictures in colour, and this network sees grey ones")
        pictures = _pictures(options, source) if options.pictures or options.data else []
        worth = pruning.by_activation(network, layers, pictures) or pruning.by_kernel(network, layers)
        return pruning.by_maximised(network, layers, _wanted(options, network), worth)
    worth = pruning.by_activation(network, layers, pictures := _pictures(options, source))
    if options.by == "activation":
        return worth
    return pruning.by_duplicates(pruning.correlations(network, layers, pictures), worth)


def _wanted(options: argparse.Namespace, network):
    """Return what makes the picture that a filter wants, given the layer of its answers and its number."""
    import numpy as np

    from nst.inside.maximise import maximise, mean_colour
    from nst.inside.recipes import recipe
    from nst.losses import Channel
    from nst.networks.extent import receptive_field

    settings = replace(recipe("waves"), iterations=options.iterations)

    def make(layer: str, number: int) -> np.ndarray:
        seen = max(field.size for field in receptive_field(network, layer))
        side = min(options.side, seen + SURROUND)
        if number % 16 == 0:
            print(f"{layer}: pictures from {number} on, of {side} pixels", file=sys.stderr, flush=True)
        try:
            return maximise(
                network, [Channel(layer, number)], settings, (side, side), seed=options.seed
            ).pictures
        except NstError:  # no noise excites it: what it wants is not known, and nothing is like it
            return np.full((1, side, side, 3), mean_colour(network), np.float32)

    return make


def _pictures(options: argparse.Namespace, source):
    """Return the pictures to look at: of a network of nst.train those of its data set, of another one any."""
    from nst.pruning.data import training_pictures
    from nst.pruning.source import some_pictures, square

    if source.trained or getattr(options, "data", None):
        if not options.data or options.pictures:
            raise NstError("this looks at pictures, those that the network was trained on: name its --data")
        return training_pictures(options.data, source, options.count)
    if not options.pictures:
        raise NstError("this looks at pictures: name files or folders with --pictures")
    return [square(path, options.side) for path in some_pictures(options.pictures, options.count)]


def _target(options: argparse.Namespace, source) -> Path:
    """Return the path to write, once it is clear that it can be."""
    target = Path(options.dest)
    if source.trained and (target.suffix != ".npz" or options.dtype != "float32"):
        raise NstError(f"cannot write {target}: networks of nst.train are .npz files of float32")
    if not source.trained and target.suffix not in (".h5", ".hdf5"):
        raise NstError(f"cannot write {target}: the canonical format is HDF5, so the name must end in .h5")
    if not target.parent.is_dir():
        raise NstError(f"cannot write {target}: the folder {target.parent} does not exist")
    if target.exists() and not options.force:
        raise NstError(f"{target} exists; --force overwrites it")
    return target


def _write(dest: Path, less, dtype: str, source) -> int:
    from nst.formats import write
    from nst.formats.trained import write_trained

    if source.trained:
        write_trained(dest, less)
    else:
        write(dest, less, dtype)
    counts = [sum(array.size for array in one.arrays.values()) for one in (source.weights, less)]
    told = f"{counts[1]:,} of {counts[0]:,} numbers, {dest.stat().st_size:,} bytes"
    print(printable(f"{dest}: {source.weights.network}, {told}"))
    return 0


def compare(options: argparse.Namespace) -> int:
    """Print a table, a row for each file, and return 0."""
    from nst.pruning.comparison import rows, table
    from nst.pruning.source import read_source

    sources = [read_source(path) for path in options.weights]
    for line in table(rows(sources, options.size, options.pair, options.labels, options.data)):
        print(printable(line))
    return 0


if __name__ == "__main__":
    sys.exit(run_door(main))
