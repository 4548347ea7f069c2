"""`python -m nst.look patches`: the regions of a folder of pictures that excite a unit most."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst.cli import Parser
from nst.errors import NstError, printable
from nst.inside.source import Source, add_network
from nst.session.values import whole

DESCRIPTION = """Find the regions of many pictures that excite a unit most, cut out exactly what it sees of them, and
draw beside each what in it is the cause. TARGET is LAYER:CHANNEL, or class:NAME or class:NUMBER for a class of
ImageNet. All layers are looked at in one pass; what is found is kept in an index, so that the next unit costs none."""
RULES = ("plain", "guided", "deconv")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser(
        "patches", help="the regions of pictures that excite a unit most", description=DESCRIPTION
    )
    it.set_defaults(run=run)
    it.add_argument(
        "targets", nargs="+", metavar="TARGET", help="such as inception_4c/output:12 or class:zebra"
    )
    it.add_argument("--pictures", nargs="+", required=True, metavar="PATH", help="folders, or files")
    it.add_argument(
        "-o",
        "--output",
        default="patches.png",
        help="a row of blocks for each target; a record goes beside it",
    )
    add_network(it)
    it.add_argument(
        "--count", type=whole(1, 1000), default=9, help="regions of each target, one of a picture"
    )
    it.add_argument(
        "--size", type=whole(16, 4096), default=256, help="larger pictures are reduced to this longer side"
    )
    add_rules(it)
    it.add_argument(
        "--cell", type=whole(16, 1024), default=112, help="side of each region in the sheet, in pixels"
    )
    it.add_argument("--index", metavar="FILE", help="where the index is kept (default: in the cache folder)")
    it.add_argument("--again", action="store_true", help="make the index anew")
    it.add_argument("--quiet", action="store_true", help="print errors only")


def add_rules(group: argparse._ActionsContainer, default: tuple[str, ...] = RULES) -> None:
    """Add the argument that names the rules of ReLU by which causes are drawn."""
    group.add_argument(
        "--rules",
        type=_rules,
        default=default,
        metavar="RULE,...",
        help="what to draw beside: plain (the gradient), guided, deconv, or none "
        f"(default: {','.join(default) or 'none'})",
    )


def _rules(text: str) -> tuple[str, ...]:
    found = tuple(part for part in text.split(",") if part != "none")
    if wrong := [rule for rule in found if rule not in RULES]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(RULES)}, none")
    return found


def run(options: argparse.Namespace) -> int:
    """Bring the index up to date, then cut out, draw, write and tell."""
    from nst.images import check_target, save
    from nst.images.folder import pictures_in
    from nst.inside.patch_pass import View, layers_for, look_through
    from nst.inside.source import read_network

    output = check_target(options.output)
    source = read_network(options, options.targets)
    targets = {target: unit_of(target, source) for target in options.targets}
    say = (
        (lambda line: None)
        if options.quiet
        else (lambda line: print(printable(line), file=sys.stderr, flush=True))
    )
    say(source.line)
    view = View(source.network, options.size, source.crop)
    pictures = [path for path, _ in pictures_in(options.pictures)]
    index, file = open_index(options, source)
    index.add_pictures(pictures)
    layers = layers_for(index, view.network, [layer for layer, _ in targets.values()])
    if index.missing(layers):
        say(f"index: {file}, {len(index.pictures)} pictures, {len(layers)} layers")
    if not look_through(index, view, layers, lambda: index.save(file), say):
        say(f"stopped; the same command goes on from {file}")
        return 130
    sheet, results = _draw(targets, index, view, options, say)
    save(output, sheet)
    _write_record(output, options, source, results)
    return 0


def unit_of(target: str, source: Source) -> tuple[str, int]:
    """Return layer and channel that a target means.

    Raises
    ------
    NstError
        For a target that means nothing, or a layer that the network does not have.
    """
    from nst.inside.target import WHOLE, class_number, scores_of

    layer, _, channel = target.rpartition(":")
    if layer == "class":
        return scores_of(source), class_number(channel)
    if not layer or not re.fullmatch(WHOLE, channel):
        raise NstError(f"{target!r:.80} is no target; a target is LAYER:CHANNEL or class:NAME")
    return source.network.resolve(layer), int(channel)


def open_index(options: argparse.Namespace, source: Source) -> tuple[Any, Path]:
    """Return the index for these weights and this size of pictures, new or from its file, and the file."""
    from nst.files import sha256
    from nst.formats.known import cache_folder
    from nst.inside.patch_index import Index, read_index

    about = {"network": source.name, "weights": sha256(source.path), "size": str(options.size)}
    if options.index:
        file = Path(options.index)
        if not file.parent.is_dir():  # told before the pictures are looked at, not after
            raise NstError(f"cannot write {file}: the folder {file.parent} does not exist")
    else:
        folders = sorted(str(Path(path).resolve()) for path in options.pictures)
        key = hashlib.sha256(
            "\0".join([*about.values(), *folders]).encode("utf-8", "surrogateescape")
        ).hexdigest()
        file = cache_folder() / "patches" / f"{source.name}-{key[:16]}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
    if options.again or not file.exists():
        return Index(about, max(9, options.count)), file
    index = read_index(file, about)
    _check_widths(index, source, file)
    if options.count > index.keep:
        raise NstError(
            f"{file} keeps {index.keep} places of each unit, not {options.count}; --again makes it anew"
        )
    return index, file


def _check_widths(index: Any, source: Source, file: Path) -> None:
    """Raise an `NstError` for a layer that has not as many channels in the index as in the network."""
    from nst.networks.extent import shapes

    layers = [layer for layer in index.layers if layer in source.network.nodes]
    found = shapes(source.network, (1, source.crop, source.crop, 3), layers)
    for layer in layers:
        if len(index.layers[layer].value) != found[layer][-1]:
            raise NstError(
                f"{file}: {layer} has {len(index.layers[layer].value)} channels there, and {found[layer][-1]} in "
                f"{source.name}; --again makes it anew"
            )


def _draw(
    targets: dict[str, tuple[str, int]],
    index: Any,
    view: Any,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> tuple[Any, list[dict[str, Any]]]:
    """Return the sheet of all targets and what is in it; tell of each region."""
    from nst.inside.patch_sheet import figure, regions
    from nst.inside.sheet import sheet

    rows, results = [], []
    for target, (layer, channel) in targets.items():
        hits = index.top(layer, channel, options.count)
        found = regions(view, layer, hits)
        rows.append([figure(view, channel, found, options.rules, options.cell)])
        print(printable(target), flush=True)
        for hit, (one, _) in zip(hits, found, strict=True):
            where = f"rows {one.rows[0]} to {one.rows[1]}, columns {one.columns[0]} to {one.columns[1]}"
            print(f"  {hit.value:10.4f}  {printable(hit.picture.name)}  {where}")
            results.append(
                {
                    "target": target,
                    "picture": str(hit.picture),
                    "activation": hit.value,
                    "place": hit.place,
                    "rows": one.rows,
                    "columns": one.columns,
                }
            )
    return sheet(rows, gap=16), results


def _write_record(
    output: Path, options: argparse.Namespace, source: Source, results: list[dict[str, Any]]
) -> None:
    from nst.files import sha256
    from nst.inside.record import write_record

    settings = {
        "network": source.name,
        "size": options.size,
        "rules": list(options.rules),
        "count": options.count,
    }
    write_record(output, settings, {"weights": sha256(source.path)}, results)
