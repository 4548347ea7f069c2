"""Get, convert, verify and describe weight files: `python -m nst.weights get|convert|verify|info`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.files import made_folder, require_file
from nst.formats import FORMATS, identify, read, write
from nst.formats.download import Progress, download
from nst.formats.known import KnownFile, official, weights_folder
from nst.formats.verify import Check, deepest_layer, verify
from nst.networks.weights import Weights


def main(argv: Sequence[str]) -> int:
    """Do what the first argument says and return the exit status."""
    options = _parser().parse_args(argv)
    return options.run(options)


def _parser() -> Parser:
    parser = Parser(prog="python -m nst.weights", description=__doc__)
    doors = parser.add_subparsers(required=True, metavar="get|convert|verify|info")

    door = doors.add_parser("get", help="download the published weights and convert them")
    door.add_argument("network", help="vgg19 or vgg16")
    door.add_argument("--dest", help="folder for the result (default: $NST_WEIGHTS or the cache folder)")
    door.add_argument("--url", default="", help="another address for the same file")
    door.add_argument("--keep-source", action="store_true", help="keep the downloaded file beside the result")
    door.add_argument("--force", action="store_true", help="fetch it even when it is there")
    door.set_defaults(run=get)

    door = doors.add_parser("convert", help="write any weight file in the canonical format")
    door.add_argument("source", help="a file in any format that is read")
    door.add_argument("dest", nargs="?", help="the file to write (default: NETWORK.h5 in the weights folder)")
    door.add_argument("--network", help="the network, where the file does not say")
    door.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="of the result")
    door.add_argument("--top", action="store_true", help="keep the fully connected layers")
    door.add_argument("--force", action="store_true", help="overwrite, and write in spite of a failed check")
    door.set_defaults(run=convert)

    for name, run, text in (("verify", check, "check a file's numbers"), ("info", info, "describe a file")):
        door = doors.add_parser(name, help=text)
        door.add_argument("file")
        door.add_argument("--network", help="the network, where the file does not say")
        door.set_defaults(run=run)
    return parser


def get(options: argparse.Namespace) -> int:
    """Download the official file, check its hash, convert it; a network that is there is left alone."""
    known = official(options.network)
    folder = made_folder(Path(options.dest) if options.dest else weights_folder())
    target, source = folder / f"{known.network}.h5", folder / known.name
    if not options.force and _is_there(target, known.network):
        return 0
    ours = not source.is_file() or bool(known.mismatch(source))
    if ours:
        _fetch(known, source, options.url)
    weights = read(source, known.network)
    status = _report([item for item in verify(weights) if item.failed])
    if status:
        raise NstError(f"{source} arrived whole but does not pass the checks above; nothing was converted")
    write(target, replace(weights, source=options.url or known.url))
    if ours and not options.keep_source:  # a file that lay there is its owner's
        source.unlink()
    print(f"{target}: {known.network} to {deepest_layer(weights)}, {known.licence}")
    return 0


def _fetch(known: KnownFile, source: Path, url: str) -> None:
    """Download with progress and news on stderr."""
    progress = Progress(known.name)

    def say(line: str) -> None:
        progress.close()
        _say(line)

    try:
        download(known, source, url=url, progress=progress, say=say)
    finally:
        progress.close()


def _is_there(target: Path, network: str) -> bool:
    """Say that a good file of this network is there; say what is wrong with a bad one."""
    if not target.exists():
        return False
    try:
        weights = read(target, network)
        failed = [item for item in verify(weights) if item.failed]
    except NstError as error:
        _say(f"{target} cannot be used ({error}); fetching it again")
        return False
    if failed:
        _say(f"{target} fails a check ({failed[0].name}: {failed[0].verdict}); fetching it again")
        return False
    print(f"{target} is there and verified: {network} to {deepest_layer(weights)}; --force fetches it again")
    return True


def convert(options: argparse.Namespace) -> int:
    """Read a file in any format and write the canonical one, unless a check fails."""
    source = require_file(options.source, "weight file")
    weights = read(source, options.network, top=options.top)
    for note in weights.notes:
        print(f"note: {printable(note)}")
    target = _target(options.dest, weights.network)
    if target.exists() and not options.force:
        raise NstError(f"{target} exists; --force overwrites it")
    status = _report([item for item in verify(weights) if item.failed])
    if status and not options.force:
        print("nothing was written; --force writes it all the same", file=sys.stderr)
        return status
    write(target, weights, options.dtype)
    print(f"{target}: {weights.network} to {deepest_layer(weights)}, {options.dtype}, from {source}")
    return 0


def _target(dest: str | None, network: str) -> Path:
    """Return the file to write; a folder, given or by default, gets the network's name."""
    if dest is None:
        return made_folder(weights_folder()) / f"{network}.h5"
    target = Path(dest) / f"{network}.h5" if os.path.isdir(dest) else Path(dest)
    if target.suffix not in (".h5", ".hdf5"):
        raise NstError(f"cannot write {target}: the canonical format is HDF5, so the name must end in .h5")
    return target


def check(options: argparse.Namespace) -> int:
    """Print a verdict on everything that can be told from a file's numbers; status 1 when one is bad."""
    path = require_file(options.file, "weight file")
    weights = _read_all(path, options.network)
    print(f"{path}: {FORMATS[identify(path)]}, {weights.network} to {deepest_layer(weights)}")
    return _report(verify(weights, path))


def info(options: argparse.Namespace) -> int:
    """Print what a weight file holds and what its network expects."""
    path = require_file(options.file, "weight file")
    weights = _read_all(path, options.network)
    count = sum(array.size for array in weights.arrays.values())
    lines = {
        "file": f"{path}, {path.stat().st_size:,} bytes",
        "format": FORMATS[identify(path)],
        "network": f"{weights.network}, deepest layer {deepest_layer(weights)}",
        "parameters": f"{count:,} in {len(weights.arrays)} arrays",
        "dtype": ", ".join(sorted({str(array.dtype) for array in weights.arrays.values()})),
        "input": _input(weights),
        "source": weights.source or "not stated",
        "sha256": f"{weights.sha256} (of the source)" if weights.sha256 else "not stated",
        "licence": weights.licence or "not stated",
    }
    for name, text in lines.items():
        print(f"{name:<11}{printable(text)}")
    for note in weights.notes:
        print(f"{'note':<11}{printable(note)}")
    width = max(18, 2 + max(map(len, weights.arrays)))
    for name, array in weights.arrays.items():
        print(f"  {name:<{width}}{' x '.join(map(str, array.shape)):<20}{array.dtype}")
    return 0


def _read_all(path: Path, network: str | None) -> Weights:
    return read(path, network, top=True)


def _input(weights: Weights) -> str:
    """Return the preprocessing in words."""
    mean = ", ".join(f"{value:.6g}" for value in weights.mean)
    scale = ", ".join(f"{value:.6g}" for value in weights.scale)
    factor = "" if all(value == 1 for value in weights.scale) else f", times ({scale})"
    return f"{weights.channel_order} 0..255 minus ({mean}){factor}"


def _report(checks: list[Check]) -> int:
    """Print verdicts, one line each, and return 1 when one of them is bad."""
    for item in checks:
        print(f"  {item.name:<15}{item.verdict:<23}{printable(item.detail)}")
    return int(any(item.failed for item in checks))


def _say(line: str) -> None:
    print(f"nst: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_door(main))
