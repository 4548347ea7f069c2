"""`python -m nst.look page`: one HTML file in which layers and units are clicked through."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nst.cli import Parser
from nst.inside.look_patches import add_rules
from nst.inside.source import add_network
from nst.session.values import whole

DESCRIPTION = """Write a page of one file, which opens offline: for each layer the units that answer most to the
pictures given, and for each unit its maps of them and the regions of a folder of pictures that excite it most (with
--patches); for the first units of each layer also the picture that they want, which is what takes time: about a minute
with GoogLeNet on two cores (--wanted 0 leaves it out)."""
WANTED = 3  # units of each layer: 15 pictures for GoogLeNet


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser(
        "page", help="a page to click through layers and units", description=DESCRIPTION
    )
    it.set_defaults(run=run, count=9)
    it.add_argument("shown", nargs="+", metavar="PICTURE", help="whose maps are shown")
    it.add_argument("-o", "--output", "--html", default="look.html", help="the file to write")
    add_network(it)
    it.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="default: one of each size that the network has"
    )
    it.add_argument("--units", type=whole(1, 4096), default=24, help="of each layer, those that answer most")
    it.add_argument("--size", type=whole(16, 4096), default=256, help="longer side of pictures, in pixels")
    group = it.add_argument_group("what excites a unit most")
    group.add_argument(
        "--patches", dest="pictures", nargs="+", metavar="PATH", help="folders or files to look through"
    )
    group.add_argument(
        "--index", metavar="FILE", help="where the index is kept (default: in the cache folder)"
    )
    group.add_argument("--again", action="store_true", help="make the index anew")
    add_rules(group, default=())
    group = it.add_argument_group("the picture that a unit wants")
    group.add_argument(
        "--wanted", type=whole(0), default=WANTED, help="make it for so many units of each layer; 0 for none"
    )
    group.add_argument("--recipe", default="waves", help="how, as for look unit")
    group.add_argument("--iterations", type=whole(1), help="steps; default: the recipe's")
    group.add_argument(
        "--wanted-size", type=whole(16, 1024), default=128, help="side of the picture, in pixels"
    )
    it.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of starts and views")
    it.add_argument("--quiet", action="store_true", help="print errors only")


def run(options: argparse.Namespace) -> int:
    """Gather everything and write the page."""
    from nst.errors import NstError, printable
    from nst.files import atomic_write
    from nst.images import load, resize
    from nst.inside.gathering import Gathering
    from nst.inside.look_invert import layers_of
    from nst.inside.page import page
    from nst.inside.recipes import recipe
    from nst.inside.source import read_network

    if not options.output.endswith((".html", ".htm")):
        raise NstError(f"cannot write {options.output}: the page is HTML, so its name must end in .html")
    recipe(options.recipe)
    pictures = [(Path(path).name, resize(load(path).pixels, options.size)) for path in options.shown]
    source = read_network(options, options.layers or ())

    def say(line: str) -> None:
        if not options.quiet:
            print(printable(line), file=sys.stderr, flush=True)

    say(source.line)
    names = layers_of(source, options.layers)
    gathering = Gathering(source, pictures, names, options, say)
    layers = [gathering.layer(name) for name in names]
    text = page(source, pictures, layers, gathering.facts())
    with atomic_write(options.output) as stream:
        stream.write(text.encode("utf-8"))
    units = sum(len(layer.units) for layer in layers)
    print(f"{printable(options.output)}: {len(layers)} layers, {units} units, {len(text) / 1e6:.1f} MB")
    return 0
