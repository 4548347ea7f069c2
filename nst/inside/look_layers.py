"""`python -m nst.look layers`: what every layer makes of a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from nst.cli import Parser
from nst.inside.source import add_network
from nst.session.values import whole

DESCRIPTION = """Write the feature maps of a picture as contact sheets, one for each layer: black is 0, white the
largest answer of that channel, blue is negative. Layers that look at the whole picture at once are shown its middle
square, as large as those that the network was trained on."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("layers", help="a picture's feature maps", description=DESCRIPTION)
    it.set_defaults(run=run)
    it.add_argument("picture")
    it.add_argument("-o", "--output", default="layers", help="folder for the sheets and their record")
    add_network(it)
    it.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="default: all, convolutions after their ReLU"
    )
    it.add_argument("--size", type=whole(16, 4096), default=256, help="of the longer side, in pixels")
    it.add_argument("--together", action="store_true", help="let white mean the same in all maps of a layer")


def run(options: argparse.Namespace) -> int:
    """Write the sheets and tell of each layer how many of its channels answer."""
    from nst.files import made_folder, sha256
    from nst.images import load, resize, save
    from nst.inside.maps import as_maps, contact_sheet, taps_with_maps
    from nst.inside.patch_pass import View
    from nst.inside.patches import sees_all
    from nst.inside.record import write_record
    from nst.inside.source import read_network

    picture = load(options.picture)
    source = read_network(options, options.layers or ())
    network = source.network
    taps = [network.resolve(name) for name in options.layers or taps_with_maps(network)]
    folder = made_folder(options.output)
    print(source.line)
    view, features = View(network, options.size, source.crop), {}
    for alike in (True, False):
        some = [tap for tap in taps if sees_all(network, tap) is alike]
        if some:
            shown = view.fitted(resize(picture.pixels, options.size), some[0])
            features |= network.forward(shown[None], some)[0]
    results = []
    for number, tap in enumerate(taps, 1):
        maps = as_maps(features[tap])
        height, width, channels = maps.shape
        path = Path(folder, f"{number:02d}-{tap.replace('/', '-')}.png")
        save(path, contact_sheet(features.pop(tap), options.together))
        silent = int((maps == 0).all(axis=(0, 1)).sum())
        results.append({"layer": tap, "file": path.name, "size": [height, width], "channels": channels})
        results[-1] |= {"silent": silent, "largest": float(maps.max())}
        quiet = f", {silent} silent" if silent else ""
        print(f"{path}: {channels} maps of {width}x{height}{quiet}, at most {maps.max():.4g}")
    settings = {"network": source.name, "size": options.size, "picture": options.picture}
    hashes = {"weights": sha256(source.path), "picture": picture.sha256}
    write_record(folder / "layers.png", settings, hashes, results)
    return 0
