"""The figures of lessons 09 and 10, painted with GoogLeNet.

They take many minutes, and files that this repository does not hold: the weights, which `NST_WEIGHTS` names, and
beside their folder `images` with the photograph (kodim21 of Kodak's suite). Where those are missing, the figures stay
as they are, and the script says so.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from lessons.figures.drawing import Drawn, panels, picture
from lessons.figures.material import images, needing
from nst.images import load, resize
from nst.inside.dream import Dream, dream
from nst.inside.maximise import maximise, mean_colour
from nst.inside.recipes import RECIPES
from nst.inside.sheet import stretched
from nst.inside.source import Source, read_network
from nst.inside.target import term_of
from nst.layers import Softmax

PHOTOGRAPH = "photos/kodim21.png"
CLASSES = {
    "flamingo": "flamingo",
    "peacock": "peacock",
    "zebra": "zebra",
    "monarch": "monarch",
    "ladybug": "ladybird",
    "jellyfish": "jellyfish",
    "daisy": "daisy",
    "strawberry": "strawberry",
    "balloon": "balloon",
    "school bus": "school bus",
}
DEPTH = {
    "conv2/3x3:10": "conv2",
    "inception_3a/output:40": "3a",
    "inception_3b/output:100": "3b",
    "inception_4a/output:60": "4a",
    "inception_4b/output:120": "4b",
    "inception_4c/output:44": "4c",
    "inception_4d/output:150": "4d",
    "inception_5a/output:33": "5a",
}
STEPS = 160  # of each recipe in the comparison; by then they have shown what they are
SIDE = 224


def painted(name: str) -> Callable[[Callable[[], Drawn]], Callable[[], Drawn]]:
    """Register a figure that GoogLeNet makes."""
    return needing(name, "googlenet", PHOTOGRAPH)


@cache
def source() -> Source:
    """GoogLeNet."""
    return read_network(argparse.Namespace(network="googlenet", weights=None))


def wanted(
    target: str, recipe: str = "waves", side: int = SIDE, **changed: float
) -> tuple[np.ndarray, float]:
    """Return the picture that a target wants, and how probable GoogLeNet finds the class of a `class:` in it."""
    how = dataclasses.replace(RECIPES[recipe], **changed)
    found = maximise(source().network, [term_of(target, source())], how, (side, side)).pictures
    if not target.startswith("class:"):
        return found[0], 0.0
    scores = source().network.forward(found, [source().scores])[0][source().scores]
    return found[0], float(Softmax().forward(scores)[0][0, term_of(target, source()).number])


def tile(pixels: np.ndarray, side: int) -> Image.Image:
    """Return a picture in another size."""
    return picture(resize(pixels, side))


@painted("inside-classes.png")
def classes() -> Image.Image:
    """Ten classes, with their probabilities."""
    shown, captions = [], []
    for name, caption in CLASSES.items():
        pixels, chance = wanted(f"class:{name}")
        shown.append(tile(pixels, 128))
        captions.append(f"{caption}, {chance:.3f}")
    return panels(shown, captions, columns=5, gap=8)


@painted("inside-recipes.png")
def recipes() -> Image.Image:
    """One class by several recipes."""
    shown, captions = [], []
    for name in ("plain", "yosinski-1", "yosinski-2", "yosinski-3", "yosinski-4", "waves"):
        waves = name == "waves"
        pixels, chance = wanted("class:flamingo", name, **({} if waves else {"iterations": STEPS}))
        pixels = pixels if waves else stretched(pixels, mean_colour(source().network))
        shown.append(tile(pixels, 144))
        captions.append(f"{name}, {chance:.3f}")
    return panels(shown, captions, columns=3, gap=8)


@painted("inside-depth.png")
def depth() -> Image.Image:
    """Channels at eight depths."""
    shown = [tile(wanted(target, side=160, iterations=96)[0], 128) for target in DEPTH]
    return panels(shown, list(DEPTH.values()), columns=4, gap=8)


def dreamt(layer: str, size: int, **changed: float) -> np.ndarray:
    """Return the photograph as a layer dreams it."""
    photograph = resize(load(images() / PHOTOGRAPH).pixels, size)
    terms = [term_of(layer, source())]
    return dream(source().network, terms, photograph, Dream(**changed), np.random.default_rng(0))


@painted("dream-lighthouse.png")
def lighthouse() -> Image.Image:
    """The dream at 1024 pixels."""
    return tile(dreamt("inception_4c/output", 1024), 448)


@painted("dream-octaves.png")
def octaves() -> Image.Image:
    """One octave and four."""
    shown = [tile(dreamt("inception_4c/output", 640, octaves=count), 320) for count in (1, 4)]
    return panels(shown, ["one octave", "four octaves"], gap=8)


@painted("dream-layers.png")
def layers() -> Image.Image:
    """Four layers."""
    chosen = {"conv2/3x3": "conv2", "inception_3b/output": "3b", "inception_4a/output": "4a"}
    chosen |= {"inception_4d/output": "4d"}
    return panels(
        [tile(dreamt(layer, 400), 288) for layer in chosen], list(chosen.values()), columns=2, gap=8
    )
