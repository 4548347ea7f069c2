"""What a run reads: the weights of its network and its pictures."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.formats.known import BUNDLED, find_weights
from nst.images import Picture, fit_size, load, match_colours, resize_to
from nst.images.bundled import landscape_path, strokes_path
from nst.networks import Weights, random_weights
from nst.session.scales import Scale

CONTENT_LAYERS = ("relu4_2", "relu3_2")  # the first that exists
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # all that exist


@dataclass(frozen=True)
class Sources:
    """The pictures of a run as they were read, and how large each becomes at a scale.

    Every scale takes its pictures from these, not from those of another scale. What it takes is (1, H, W, 3),
    float32 RGB in 0..255, and made anew each time: at large sizes each such array counts.

    Attributes
    ----------
    options : Namespace
    content : Picture
    styles : list of Picture
    init : Picture or None
        Where to start, when that is none of these.
    notes : list of str
        What a user might want to know.
    """

    options: argparse.Namespace
    content: Picture
    styles: list[Picture]
    init: Picture | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file, by role."""
        roles = {"content": self.content}
        roles |= {f"style {number}": style for number, style in enumerate(self.styles, 1)}
        roles |= {} if self.init is None else {"init": self.init}
        return {role: picture.sha256 for role, picture in roles.items()}

    def content_size(self, scale: Scale) -> tuple[int, int]:
        """Return height and width of the content, and so of the result."""
        return fit_size(self.content.size, scale.size)

    def style_sizes(self, scale: Scale) -> list[tuple[int, int]]:
        """Return height and width of each style."""
        longest = max(1, round(scale.size * self.options.style_scale))
        return [fit_size(style.size, longest) for style in self.styles]

    def sizes(self, scale: Scale) -> dict[str, tuple[int, int]]:
        """Return height and width, by role, of all that is run through the network at a scale."""
        styles = {f"style {number}": size for number, size in enumerate(self.style_sizes(scale), 1)}
        return {"content": self.content_size(scale), **styles}

    def inputs(self, content: np.ndarray, styles: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Return what a report shows beside the result, of what `content_at` and `styles_at` made."""
        return [("content", content), *((f"style {number}", style) for number, style in enumerate(styles, 1))]

    def larger(self, role: str) -> str:
        """Return what to enlarge when a picture is too small."""
        return "--size" if role == "content" else "--style-scale or --size"

    def content_at(self, scale: Scale) -> np.ndarray:
        """Return the content."""
        return as_batch(self.content, self.content_size(scale))

    def styles_at(self, scale: Scale, content: np.ndarray) -> list[np.ndarray]:
        """Return the styles, with the colours of the content at this scale if that is asked for."""
        styles = [
            as_batch(style, size) for style, size in zip(self.styles, self.style_sizes(scale), strict=True)
        ]
        if self.options.original_colors == "before":
            styles = [match_colours(style[0], content[0])[None] for style in styles]
        return styles

    def start_at(self, scale: Scale, rng: np.random.Generator) -> np.ndarray:
        """Return the picture to begin with, at the first scale."""
        size = self.content_size(scale)
        if self.options.init == "random":  # white noise about mid-grey, inside the range
            return np.clip(128 + 32 * rng.standard_normal((1, *size, 3), np.float32), 0, 255)
        if self.init is not None:
            return as_batch(self.init, size)
        return as_batch(self.content if self.options.init == "content" else self.styles[0], size)

    def enlarged(self, picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return a picture (H, W, 3) at the size of the next scale."""
        return resize_to(picture, size)

    def alpha_at(self, size: tuple[int, int]) -> np.ndarray | None:
        """Return the opacity of the content, (H, W), when it is to be kept."""
        return None if self.content.alpha is None else resize_to(self.content.alpha, size)


def as_batch(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """Return a picture at a size, (1, H, W, 3)."""
    return resize_to(picture.pixels, size)[None]


def read_pictures(options: argparse.Namespace) -> Sources:
    """Load content, styles and start.

    Raises
    ------
    NstError
        For a file that cannot be read, or a picture that would become larger than is allowed.
    """
    paths = options.pictures or [str(landscape_path()), str(strokes_path())]
    content = compact(load(paths[0], max_pixels=options.max_pixels, alpha=options.alpha))
    styles = [compact(load(path, max_pixels=options.max_pixels)) for path in paths[1:]]
    init = None
    if options.init not in ("content", "random", "style"):
        init = compact(load(options.init, max_pixels=options.max_pixels))
    notes = [f"{picture.source}: {note}" for picture in (content, *styles) for note in picture.notes]
    sources = Sources(options, content, styles, init, notes)
    whole = Scale(options.size, 0)
    sizes = [sources.content_size(whole), *sources.style_sizes(whole)]
    for picture, (height, width) in zip((content, *styles), sizes, strict=True):
        if height * width > options.max_pixels:
            raise NstError(
                f"{picture.source} would become {width}x{height} pixels, "
                f"more than --max-pixels {options.max_pixels} allows"
            )
    return sources


def compact(picture: Picture) -> Picture:
    """Return a picture in bytes where that loses nothing: a quarter of the memory, kept for the whole run."""
    small = picture.pixels.astype(np.uint8)
    return replace(picture, pixels=small) if np.array_equal(small, picture.pixels) else picture


def read_weights(options: argparse.Namespace) -> tuple[Weights, Path | None, str]:
    """Return the weights of the network that is asked for, their file if any, and a line that says which they are.

    Without `--network` and `--weights` this is the network that comes with the program, wherever it runs: unless
    `$NST_WEIGHTS` names a file, which then says as much as `--weights`.
    """
    if options.network == "random":
        if options.weights:
            raise NstError("--weights: the random network has none; leave out one of --network and --weights")
        return random_weights(), None, "network: random filters"
    chosen = options.network or options.weights or os.path.isfile(os.environ.get("NST_WEIGHTS", ""))
    wanted = options.network or ("vgg19" if chosen else BUNDLED)
    found = Path(options.weights) if options.weights else find_weights(wanted)
    if found is None:
        raise NstError(
            f"no weights of {wanted} are here; `python -m nst.weights get {wanted}` fetches them, or name a file with "
            "--weights"
        )
    weights = formats.read(found, options.network)
    if chosen:
        return weights, found, f"network: {weights.network} from {found}"
    finer = "" if find_weights("vgg19") else ", after `python -m nst.weights get vgg19`"
    return weights, found, f"network: {BUNDLED}, which comes with nst; --network vgg19 paints finer{finer}"


def settled(options: argparse.Namespace, weights: Weights, found: Path | None) -> argparse.Namespace:
    """Return the options with what depends on the network decided: its name, its file, pooling, padding.

    A trained network keeps by default what it was trained with. Random filters have no such preference, and look
    smoother, without a dark seam, under average pooling and reflection.
    """
    pooling, padding = ("avg", "reflect") if weights.network == "random" else ("max", "zero")
    decided = {"pooling": options.pooling or pooling, "padding": options.padding or padding}
    decided |= {"network": weights.network, "weights": found and str(found)}
    return argparse.Namespace(**{**vars(options), **decided})
