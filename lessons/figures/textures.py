"""The figures of lesson 11: textures made by `nst.texture` with VGG-19.

They take minutes, and files that this repository does not hold: the weights, which `NST_WEIGHTS` names, and beside
their folder `images/textures` with the photographs of scikit-image (brick, grass, gravel). Where those are missing, the
figures stay as they are, and the script says so. The strokes are our own.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from lessons.figures.drawing import panels
from lessons.figures.material import images, needing
from nst import texture
from nst.images.bundled import strokes_path

STATISTICS = ("gram", "covariance", "moments", "histogram", "gram+histogram")

TWICE = {
    "brick": ("--sample-size", "256", "--iterations", "150,100,60,30", "--seamless"),
    "grass": ("--sample-size", "256", "--scales", "3", "--iterations", "80,100,50", "--seamless"),
    "gravel": ("--sample-size", "256", "--scales", "3", "--iterations", "80,100,50", "--seamless"),
}


@cache
def make(sample: str, *arguments: str) -> Image.Image:
    """Return what `python -m nst.texture SAMPLE --network vgg19 ARGUMENTS` makes."""
    path = strokes_path() if sample == "strokes" else images() / "textures" / f"skimage_{sample}.png"
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder, "texture.png"))
        texture.main([str(path), "--network", "vgg19", "-o", target, "--quiet", *arguments])
        return Image.open(target).convert("RGB")


def strokes(*arguments: str) -> Image.Image:
    """Return a texture of the sheet of strokes, as large as the sheet at 160 pixels."""
    line = "--sample-size", "160", "--size", "160x128", "--scales", "2", "--iterations", "80,60"
    return make("strokes", *line, *arguments)


def sheet() -> Image.Image:
    """Return the sheet of strokes itself, as large as its textures."""
    return Image.open(strokes_path()).convert("RGB").resize((160, 128), Image.Resampling.LANCZOS)


@needing("texture-statistics.png", "vgg19", "textures")
def statistics() -> Image.Image:
    """One sample and what is left of it in each statistic."""
    shown = {"the sample": sheet()}
    shown |= {name: strokes("--style-statistic", name) for name in STATISTICS}
    return panels(list(shown.values()), list(shown), columns=3)


@needing("texture-layers.png", "vgg19", "textures")
def layers() -> Image.Image:
    """Gram matrices of more and more layers."""
    shown, chosen = {}, []
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
        chosen.append(layer)
        shown[layer if len(chosen) == 1 else f"and {layer}"] = strokes("--style-layers", ",".join(chosen))
    return panels(list(shown.values()), list(shown))


@needing("texture-photographs.png", "vgg19", "textures")
def samples() -> Image.Image:
    """Textures of three photographs, twice their size."""
    names = ("brick", "grass", "gravel")
    shown = [make(name, *TWICE[name]).resize((256, 256), Image.Resampling.LANCZOS) for name in names]
    return panels(shown, names)


@needing("texture-seams.png", "vgg19", "textures")
def seams() -> Image.Image:
    """A texture laid twice by twice, made with and without going round."""
    shown = {}
    for name, flags in (("plain", ()), ("--seamless", ("--seamless",))):
        shown[f"{name}, laid twice by twice"] = Image.fromarray(
            np.tile(np.asarray(strokes(*flags)), (2, 2, 1))
        )
    return panels(list(shown.values()), list(shown))
