"""Classifying pictures: from pixels of any size to the probabilities of ImageNet's classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.formats.known import find_weights
from nst.formats.trained import is_trained, read_trained
from nst.images import luminance, resize_to
from nst.networks import Network, Weights, architecture, build, fused

PREFERRED = ("googlenet", "squeezenet", "vgg19", "vgg16", "alexnet")
SURROUND = 8 / 7  # the shorter side over that of the square cut out of it: 256 over 224
LONGEST = 16  # how many times its shorter side the longer one is before a picture loses its ends
DIGITS = 9  # more are no number of a class; and Python refuses to read some thousands of them


@dataclass(frozen=True)
class Answer:
    """What a network says to a picture.

    Attributes
    ----------
    scores : ndarray
        (classes,), before softmax.
    probabilities : ndarray
        (classes,), float64, adding up to 1.
    """

    scores: np.ndarray
    probabilities: np.ndarray

    def best(self, count: int) -> list[int]:
        """Return the classes with the highest scores, the highest first; of equal ones the first comes first."""
        return np.argsort(-self.scores, kind="stable")[:count].tolist()


@dataclass(frozen=True)
class Classifier:
    """A network that ends in scores.

    Attributes
    ----------
    name : str
        Of the architecture.
    side : int
        Of the square that it looks at, in pixels.
    scores : str
        The layer of the scores.
    source : str
        The weight file.
    classes : tuple of str or None
        What its classes are called, where they are not those of ImageNet.
    grey : bool
        Whether it takes pictures of one channel.
    fit, surround
        How it wants pictures to be brought to that square; see `square`.
    """

    name: str
    network: Network
    side: int
    scores: str
    source: str
    classes: tuple[str, ...] | None = None
    grey: bool = False
    fit: str = "crop"
    surround: float = SURROUND

    def __call__(self, pixels: np.ndarray, fit: str | None = None) -> Answer:
        """Return the answer to a picture (H, W, 3), RGB 0..255; see `square` for `fit`, by default the network's."""
        x = square(pixels, self.side, fit or self.fit, self.surround)[None]
        if self.grey:
            x = luminance(x)[..., None]
        scores = self.network.forward(x, [self.scores])[0][self.scores][0]
        powers = np.exp(scores.astype(np.float64) - scores.max())
        return Answer(scores, powers / powers.sum())


def read_classifier(network: str | None = None, path: str | os.PathLike | None = None) -> Classifier:
    """Return the classifier that is named, or that a weight file holds, or the first that is found.

    Raises
    ------
    NstError
        When there are no weights, or they end before the scores.
    """
    if path is None and network is None:
        return _first_found()
    found = path if path is not None else find_weights(network)
    if found is None:
        architecture(network)
        raise NstError(
            f"no weights of {network} are here: name a file with --weights, or its folder with $NST_WEIGHTS"
        )
    if network is None and is_trained(found):
        return _trained_here(found)
    weights = formats.read(found, network, top=True)
    known, whole = architecture(weights.network), build_whole(weights)
    if known.scores not in whole.nodes:
        raise NstError(
            f"{found}: {weights.network} ends at {whole.names[-1]}, so it gives no scores of classes"
        )
    return Classifier(weights.network, fused(whole, [known.scores]), known.crop, known.scores, str(found))


def build_whole(weights: Weights) -> Network:
    """Return the network of weights that were read with their `top`, to its last layer."""
    return build(weights, **({"top": True} if weights.network.startswith("vgg") else {}))


def _trained_here(path: str | os.PathLike) -> Classifier:
    """Return the classifier that `python -m nst.train` wrote."""
    found = read_trained(path)
    top, (height, _, channels) = found.network.names[-1], found.shape
    network = fused(found.network.freeze(), [top])
    # It was trained and tested on as much of each picture as there is, with nothing cut off around it.
    return Classifier(
        found.name, network, height, top, str(path), found.classes, channels == 1, found.fit, surround=1
    )


def _first_found() -> Classifier:
    last = None
    for name in PREFERRED:
        if path := find_weights(name):
            try:
                return read_classifier(path=path)
            except NstError as error:
                last = error
    raise last or NstError(
        f"no weights of {', '.join(PREFERRED)} are here: name a file with --weights, or its folder with $NST_WEIGHTS"
    )


def square(pixels: np.ndarray, side: int, fit: str = "crop", surround: float = SURROUND) -> np.ndarray:
    """Return the square (side, side, 3) that a network shall look at.

    Parameters
    ----------
    pixels : ndarray
        (H, W, 3).
    fit : {"crop", "squash", "none"}
        "crop": reduced or enlarged until the shorter side is `surround` times `side`, then the middle, as in training.
        "squash": the whole picture, distorted. "none": the middle, with pixels as they are.

    Raises
    ------
    NstError
        When there are not enough pixels for "none".
    """
    height, width = pixels.shape[:2]
    if fit == "squash":
        return resize_to(pixels, (side, side))
    if fit == "crop":
        pixels = _without_ends(pixels)
        height, width = pixels.shape[:2]
        scale = side * surround / min(height, width)
        height, width = (max(side, round(length * scale)) for length in (height, width))
        pixels = resize_to(pixels, (height, width))
    if min(height, width) < side:
        raise NstError(
            f"a picture of {width}x{height} has no {side}x{side} pixels to cut out; use --fit crop"
        )
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _without_ends(pixels: np.ndarray) -> np.ndarray:
    """Return the middle of a long strip, a few squares of it: to enlarge all of it could take any memory."""
    most = LONGEST * min(pixels.shape[:2])
    top, left = (max(0, length - most) // 2 for length in pixels.shape[:2])
    return pixels[top : pixels.shape[0] - top, left : pixels.shape[1] - left]


def read_labels(path: str | os.PathLike, count: int = 1000) -> dict[str, int]:
    """Return the class of each picture by the name of its file, from lines `NAME NUMBER`.

    Raises
    ------
    NstError
        For a line that is neither empty nor of this form: the message has its number.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            lines: Sequence[str] = stream.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NstError(f"labels {path} cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, _, label = line.strip().rpartition(" ")
        if line.strip():
            if not name or not label.isdecimal() or len(label) > DIGITS or int(label) >= count:
                raise NstError(
                    f"{path}, line {number}: expected a file's name and a class from 0 to {count - 1}"
                )
            found[name.strip()] = int(label)
    return found
