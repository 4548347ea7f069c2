"""What a run reads: the weights of its network and its pictures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.formats.known import find_weights
from nst.images import Picture, fit_size, load, match_colours, resize, resize_to
from nst.images.bundled import landscape_path, strokes_path
from nst.networks import Weights, random_weights

CONTENT_LAYERS = ("relu4_2", "relu3_2")  # the first that exists
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # all that exist


@dataclass
class Sources:
    """The pictures of a run at their working sizes, (1, H, W, 3) float32 RGB in 0..255, and where they came from.

    Attributes
    ----------
    content, start : ndarray
    styles : list of ndarray
    alpha : ndarray of shape (H, W) or None
        The content's opacity, when it is to be kept.
    hashes : dict of str to str
        SHA-256 of each file, by role.
    notes : list of str
        What a user might want to know.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    start: np.ndarray
    alpha: np.ndarray | None
    hashes: dict[str, str]
    notes: list[str] = field(default_factory=list)


def read_weights(options: argparse.Namespace) -> tuple[Weights, Path | None, str]:
    """Return the weights of the network that is asked for, their file if any, and a line that says which they are.

    Without `--network` and `--weights` this is VGG-19 where its weights are found, else the small random network.
    """
    if options.network == "random":
        if options.weights:
            raise NstError("--weights: the random network has none; leave out one of --network and --weights")
        return random_weights(), None, "network: random filters"
    wanted = options.network or "vgg19"
    found = Path(options.weights) if options.weights else find_weights(wanted)
    if found is not None:
        weights = formats.read(found, options.network)
        return weights, found, f"network: {weights.network} from {found}"
    get = f"`python -m nst.weights get {wanted}`"
    if options.network:
        raise NstError(f"no weights of {wanted} are here; {get} fetches them, or name a file with --weights")
    return (
        random_weights(),
        None,
        f"network: small random filters, a stand-in; {get} brings VGG-19, which paints far better",
    )


def settled(options: argparse.Namespace, weights: Weights, found: Path | None) -> argparse.Namespace:
    """Return the options with what depends on the network decided: its name, its file, pooling, padding.

    A trained network keeps by default what it was trained with. Random filters have no such preference, and look
    smoother, without a dark seam, under average pooling and reflection.
    """
    pooling, padding = ("avg", "reflect") if weights.network == "random" else ("max", "zero")
    decided = {"pooling": options.pooling or pooling, "padding": options.padding or padding}
    decided |= {"network": weights.network, "weights": found and str(found)}
    return argparse.Namespace(**{**vars(options), **decided})


def read_pictures(options: argparse.Namespace, rng: np.random.Generator) -> Sources:
    """Load content, styles and start, and bring each to its size."""
    paths = options.pictures or [str(landscape_path()), str(strokes_path())]
    content = load(paths[0], max_pixels=options.max_pixels, alpha=options.alpha)
    styles = [load(path, max_pixels=options.max_pixels) for path in paths[1:]]
    hashes = {"content": content.sha256}
    hashes.update({f"style {number}": style.sha256 for number, style in enumerate(styles, 1)})
    canvas = _sized(content, options.size, options.max_pixels)
    longest = max(1, round(options.size * options.style_scale))
    sized = [_sized(style, longest, options.max_pixels) for style in styles]
    if options.original_colors == "before":
        sized = [match_colours(style, canvas) for style in sized]
    start = _start(options, canvas, styles, rng, hashes)
    alpha = None if content.alpha is None else resize_to(content.alpha, canvas.shape[:2])
    notes = [f"{picture.source}: {note}" for picture in (content, *styles) for note in picture.notes]
    batch = [np.ascontiguousarray(picture[None], np.float32) for picture in (canvas, *sized, start)]
    return Sources(batch[0], batch[1:-1], batch[-1], alpha, hashes, notes)


def _sized(picture: Picture, longest: int, most: int) -> np.ndarray:
    """Return the pixels at the size that is asked for, unless that is larger than pictures may be."""
    height, width = fit_size(picture.size, longest)
    if height * width > most:
        raise NstError(
            f"{picture.source} would become {width}x{height} pixels, more than --max-pixels {most} allows"
        )
    return resize(picture.pixels, longest)


def _start(
    options: argparse.Namespace,
    canvas: np.ndarray,
    styles: list[Picture],
    rng: np.random.Generator,
    hashes: dict[str, str],
) -> np.ndarray:
    if options.init == "content":
        return canvas.copy()
    if options.init == "random":  # white noise about mid-grey, inside the range
        return np.clip(128 + 32 * rng.standard_normal(canvas.shape, np.float32), 0, 255)
    if options.init == "style":
        return resize_to(styles[0].pixels, canvas.shape[:2])
    picture = load(options.init, max_pixels=options.max_pixels)
    hashes["init"] = picture.sha256
    return resize_to(picture.pixels, canvas.shape[:2])
