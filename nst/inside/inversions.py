"""Making the pictures of `look invert`, one after the other, with a record of what came of each."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.files import sha256
from nst.images import Picture, resize, save
from nst.inside.classifier import square
from nst.inside.invert import Inverted, invert, invert_style
from nst.inside.patches import sees_all
from nst.inside.record import write_record
from nst.inside.sheet import sheet
from nst.inside.source import Source
from nst.networks.extent import shapes


@dataclass
class Job:
    """What is wanted, how, where it goes, and what has come of it so far."""

    source: Source
    picture: Picture
    layers: list[str]
    options: argparse.Namespace
    output: Path
    rows: list[list[np.ndarray]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, what: str, layer: str, found: Inverted) -> str:
        """Write the sheet and the record anew, so that what is there can be looked at; return a line about it."""
        self.rows[-1].append(found.picture[0])
        self.results.append({"of": what, "layer": layer, "error": found.error})
        save(self.output, sheet(self.rows))
        names = ("size", "iterations", "smooth", "seed")
        settings = {"network": self.source.name, "layers": self.layers, "picture": self.options.picture}
        settings |= {name: getattr(self.options, name) for name in names}
        hashes = {"weights": sha256(self.source.path), "picture": self.picture.sha256}
        write_record(self.output, settings, hashes, self.results)
        return f"{what} of {layer}: {100 * found.error:.2g} % of the square left"


def make(job: Job) -> Iterator[str]:
    """Make and write everything; yield a line for each picture."""
    options, network = job.options, job.source.network
    if any(sees_all(network, layer) for layer in job.layers):
        picture = square(job.picture.pixels, job.source.crop)[None]
    else:
        picture = resize(job.picture.pixels, options.size)[None]
    if options.only != "style":
        job.rows.append([picture[0]])
        for layer in job.layers:
            found = invert(network, picture, layer, options.iterations, options.smooth, options.seed)
            yield job.keep("features", layer, found)
    if options.only != "features":
        ranks = {layer: len(shape) for layer, shape in shapes(network, picture.shape, job.layers).items()}
        placed = [layer for layer in job.layers if ranks[layer] == 4]
        if placed:
            job.rows.append([picture[0]])
        elif options.only:
            raise NstError(f"{' or '.join(job.layers)} has no places, so it has no style")
        for count, layer in enumerate(placed, 1):
            found = invert_style(network, picture, placed[:count], options.iterations, seed=options.seed)
            yield job.keep("style", layer, found)
        for layer in job.layers:
            if layer not in placed:
                yield f"style of {layer}: left out, for it has no places, and so no statistics over places"
