"""The figures of lesson 08.

Two need GoogLeNet's weights, which `NST_WEIGHTS` names, and one of them photographs, in `images` beside the folder of
the weights. Where those are missing, the figures stay as they are, and the script says so.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lessons.figures.drawing import figure, panels, picture
from lessons.figures.material import images, needing
from nst import formats
from nst.formats.known import find_weights
from nst.images import load, resize_to
from nst.images.bundled import landscape_path
from nst.inside.classifier import square
from nst.inside.patch_index import Best
from nst.inside.patch_sheet import cell_of, visible
from nst.inside.patches import Patch, cause, patch
from nst.inside.sheet import sheet
from nst.networks import Network, build, random_weights, vgg
from nst.networks.extent import receptive_field

SIDE = 160  # pixels of a drawn scene
SCENES = 300
UNITS = (
    ("conv2/relu_3x3", 161),
    ("conv2/relu_3x3", 87),
    ("conv2/relu_3x3", 90),
    ("inception_3a/output", 165),
    ("inception_3a/output", 48),
    ("inception_3b/output", 340),
)
RULES = {"plain": "the gradient", "deconv": "deconvolutional network", "guided": "guided backpropagation"}
CAUSES = (
    ("kodim15.png", "inception_4e/output", 500),
    ("kodim23.png", "loss3/classifier", 88),
    ("skimage_chelsea.png", "loss3/classifier", 285),
)
FIELDS = ("relu1_2", "relu2_2", "relu3_1", "relu3_2", "relu4_1", "relu4_2", "relu5_1")


def photograph(name: str) -> Path:
    """Return where a photograph lies."""
    return images() / "photos" / name


@cache
def googlenet() -> Network:
    """Return GoogLeNet as it was trained."""
    return build(formats.read(find_weights("googlenet")))


@figure("seen-fields.png")
def fields() -> Image.Image:
    """What one unit in the middle of each layer sees of a picture."""
    network = vgg(random_weights())
    pixels = resize_to(load(landscape_path()).pixels, (200, 300))
    shown = picture(pixels, 2)
    draw, font = ImageDraw.Draw(shown), ImageFont.load_default(size=14)
    for name in FIELDS:
        size = receptive_field(network, name)[0].size
        left, top = 300 - size, 200 - size
        draw.rectangle((left, top, left + 2 * size, top + 2 * size), outline="white", width=2)
        draw.text((left + 4, top + 1), f"{name}: {size}" if size > 40 else "", "white", font=font)
    return panels([shown], ["what a unit in the middle of each layer sees, in pixels"])


def scene(seed: int) -> np.ndarray:
    """Return a drawing of random shapes, (SIDE, SIDE, 3): discs, rings, bars, grids, letters, on a gradient."""
    rng = np.random.default_rng([8, seed])
    big = 2 * SIDE
    ramp = np.linspace(0, 1, big)[:, None, None] * np.ones((1, big, 1))
    first, last = rng.uniform(0, 255, (2, 3))
    ground = first + (ramp if rng.integers(2) else ramp.swapaxes(0, 1)) * (last - first)
    image = Image.fromarray(ground.astype(np.uint8))
    for _ in range(rng.integers(3, 7)):
        image.paste(*_shape(rng))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)


def _shape(rng: np.random.Generator) -> tuple:
    """Return what `paste` takes: a colour, a corner, and a mask with one shape, turned by any angle."""
    size = int(rng.integers(60, 220))
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    width = int(rng.integers(3, max(4, size // 6)))
    kind = rng.choice(["disc", "ring", "bar", "bars", "grid", "dots", "letter", "triangle", "rings"])
    box = (2, 2, size - 3, size - 3)
    if kind == "disc":
        draw.ellipse(box, 255)
    elif kind in ("ring", "rings"):
        for inset in range(0, size // 2, 3 * width) if kind == "rings" else (0,):
            draw.ellipse((inset, inset, size - 1 - inset, size - 1 - inset), outline=255, width=width)
    elif kind == "bar":
        draw.rectangle((0, size // 3, size, 2 * size // 3), 255)
    elif kind in ("bars", "grid"):
        for start in range(0, size, 2 * width):
            draw.rectangle((start, 0, start + width - 1, size), 255)
            if kind == "grid":
                draw.rectangle((0, start, size, start + width - 1), 255)
    elif kind == "dots":
        for row in range(0, size, 3 * width):
            for column in range(0, size, 3 * width):
                draw.ellipse((column, row, column + 2 * width, row + 2 * width), 255)
    elif kind == "letter":
        draw.text((0, 0), chr(rng.integers(65, 91)), 255, font=ImageFont.load_default(size=size))
    else:
        draw.polygon([(size // 2, 0), (0, size - 1), (size - 1, size - 1)], 255)
    mask = mask.rotate(float(rng.uniform(0, 360)), Image.Resampling.BILINEAR)
    colour = tuple(int(part) for part in rng.integers(0, 256, 3))
    corner = tuple(int(place) for place in rng.integers(-40, 2 * SIDE - 60, 2))
    return colour, corner, mask


def best_places(layers: list[str]) -> dict[str, Best]:
    """Return, by layer, what excites each unit most among all scenes."""
    found: dict[str, Best] = {}
    for seed in range(SCENES):
        features, _ = googlenet().forward(scene(seed)[None], layers)
        for layer, one in features.items():
            best = found.get(layer) or Best.empty(one.shape[-1], 9)
            found[layer] = best.with_picture(seed, one)
    return found


def nine(best: Best, layer: str, channel: int) -> list[tuple[Patch, np.ndarray]]:
    """Return the nine regions that excite a unit most, each with its scene."""
    places = zip(best.picture[channel], best.row[channel], best.column[channel], strict=True)
    found = []
    for seed, row, column in places:
        found.append((patch(googlenet(), layer, (int(row), int(column)), (SIDE, SIDE)), scene(int(seed))))
    return found


@needing("seen-patches.png", "googlenet")
def patches() -> Image.Image:
    """For some units of GoogLeNet the nine regions of drawn scenes that excite them most."""
    best = best_places(list(dict.fromkeys(layer for layer, _ in UNITS)))
    blocks = []
    for layer, channel in UNITS:
        found = nine(best[layer], layer, channel)
        largest = max(max(one.size) for one, _ in found)
        cells = [cell_of(one.cut(pixels), 70, largest) for one, pixels in found]
        blocks.append(picture(sheet([cells[start : start + 3] for start in (0, 3, 6)])))
    return panels(blocks, [f"{layer}:{channel}" for layer, channel in UNITS], columns=3)


@needing("seen-rules.png", "googlenet", *(f"photos/{name}" for name, _, _ in CAUSES))
def rules() -> Image.Image:
    """What in three photographs excites a unit, by each of the three rules; the photographs are not shown."""
    network, images, captions = googlenet(), [], []
    for name, layer, channel in CAUSES:
        pixels = square(load(photograph(name)).pixels, 224)
        features = network.forward(pixels[None], [layer])[0][layer][0]
        place = None
        if features.ndim == 3:
            place = tuple(map(int, np.unravel_index(features[..., channel].argmax(), features.shape[:2])))
        for rule, words in RULES.items():
            gradient = cause(network, patch(network, layer, place, (224, 224)), channel, pixels, rule)
            images.append(picture(resize_to(visible(gradient), (160, 160))))
            captions.append(f"{layer}:{channel}\n{words}")
    return panels(images, captions, columns=3)
