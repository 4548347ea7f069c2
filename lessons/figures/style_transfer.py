"""The figures of lesson 05, painted with VGG-19.

They take minutes, and files that this repository does not hold: the weights, which `NST_WEIGHTS` names, and
beside their folder `images` with the photograph (kodim21 of Kodak's suite) and the painting (Vincent van Gogh,
The Starry Night, 1889). Where those are missing, the figures stay as they are, and the script says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image

from lessons.figures.drawing import BLUE, GREEN, ORANGE, Curve, Drawn, loglog, panels, picture, signed
from lessons.figures.material import images, needing
from nst import formats
from nst.engine.optimise import Progressed, optimise
from nst.engine.style_transfer import StyleTransfer
from nst.formats.known import find_weights
from nst.images import load, resize, resize_to
from nst.losses import Style, gram
from nst.networks import Network, vgg
from nst.optimizers import LBFGS, Adam

PHOTOGRAPH, PAINTING = "photos/kodim21.png", "paintings/van_gogh_starry_night_1889.jpg"
SIZE, STYLE_SIZE = 192, 256
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu3_2"
ITERATIONS = 100
STAGES = (5, 20, 100)


def painted(name: str) -> Callable[[Callable[[], Drawn]], Callable[[], Drawn]]:
    """Register a figure of the photograph in the style of the painting."""
    return needing(name, "vgg19", PHOTOGRAPH, PAINTING)


@cache
def network() -> Network:
    """Return VGG-19 as far as its weights go."""
    return vgg(formats.read(find_weights("vgg19"), "vgg19"))


@cache
def source(name: str, size: int = SIZE) -> np.ndarray:
    """Return a picture as a batch of one, or `white` or `noise` in the size of the photograph."""
    if name in (PHOTOGRAPH, PAINTING):
        return resize(load(images() / name).pixels, size)[None]
    shape = source(PHOTOGRAPH, size).shape
    if name == "white":
        return np.full(shape, 255, np.float32)
    return np.clip(128 + 32 * np.random.default_rng(0).standard_normal(shape, np.float32), 0, 255)


@dataclass
class Painted:
    """A result before it is clipped, the way there by iteration, and the objective by evaluations."""

    image: np.ndarray
    stages: dict[int, np.ndarray] = field(default_factory=dict)
    evaluations: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@cache
def paint(
    content: str = PHOTOGRAPH,
    style: str = PAINTING,
    start: str = PHOTOGRAPH,
    *,
    content_layer: str = CONTENT_LAYER,
    content_weight: float = 5.0,
    style_layers: tuple[str, ...] = STYLE_LAYERS,
    style_weight: float = 10.0,
    range_weight: float = 1000.0,
    adam: bool = False,
    size: int = SIZE,
    fitted: bool = False,
    slip: bool = False,
) -> Painted:
    """Paint; the defaults are those of `nst.run` but for the style weight, there 100, size and iterations.

    The weight of other content layers is scaled so that losing the photograph altogether costs the same, that of
    other style layers so that the photograph itself does.
    `fitted` takes the painting in the size of the photograph, as the mistake that `slip` makes needs it.
    """
    canvas = source(content, size)
    if content_layer != CONTENT_LAYER:
        content_weight *= _power(canvas, CONTENT_LAYER) / _power(canvas, content_layer)
    if style_layers != STYLE_LAYERS:
        style_weight *= _style_cost(STYLE_LAYERS) / _style_cost(style_layers)
    transfer = StyleTransfer(
        {content_layer: 1.0},
        dict.fromkeys(style_layers, 1.0),
        content_weight,
        style_weight,
        tv_weight=10.0,
        range_weight=range_weight,
    )
    page = source(style, STYLE_SIZE * size // SIZE)
    page = resize_to(page[0], canvas.shape[1:3])[None] if fitted else page
    objective = transfer.objective(network(), canvas, [page])
    if slip:
        found, _ = network().forward(page, style_layers)
        objective.terms = [
            Slip(term.tap, term.target, term.weight, found[term.tap]) if isinstance(term, Style) else term
            for term in objective.terms
        ]
    result = Painted(source(start, size))

    def record(step: Progressed) -> None:
        result.evaluations.append(step.evaluations + (result.evaluations or [0])[-1])
        result.values.append(step.value)
        if step.iteration in STAGES:
            result.stages[step.iteration] = step.image

    optimizer = Adam(learning_rate=10) if adam else LBFGS()
    result.image, _ = optimise(objective, result.image, optimizer, ITERATIONS, on_step=record)
    return result


@dataclass(frozen=True, eq=False)
class Slip(Style):
    """The style term with the mistake that goes round: the style's features in the place of the image's."""

    features: np.ndarray | None = None

    def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        value, _ = super().__call__(features)
        c = features.shape[-1]
        difference = gram(features) - self.target
        slipped = self.weight * 4 / (c**2 * features.size) * self.features @ difference
        return value, slipped.astype(features.dtype)


def _power(image: np.ndarray, layer: str) -> float:
    return float(np.square(network().forward(image, [layer])[0][layer]).mean())


def _style_cost(layers: tuple[str, ...]) -> float:
    target, photograph = _style_targets(PAINTING), _style_targets(PHOTOGRAPH)
    return sum(float(np.square(photograph[layer] - target[layer]).mean()) for layer in layers)


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Return what a file holds of an image."""
    return np.clip(np.rint(image), 0, 255)


@cache
def _style_targets(name: str) -> dict[str, np.ndarray]:
    size = STYLE_SIZE if name == PAINTING else SIZE
    features, _ = network().forward(source(name, size), STYLE_LAYERS)
    return {layer: gram(found) for layer, found in features.items()}


def style_distance(image: np.ndarray) -> float:
    """Return the squared distance of Gram matrices from the painting's, the photograph's being 1: mean of layers."""
    features, _ = network().forward(image, STYLE_LAYERS)
    target, photograph = _style_targets(PAINTING), _style_targets(PHOTOGRAPH)
    shares = [
        np.square(gram(features[layer]) - target[layer]).sum()
        / np.square(photograph[layer] - target[layer]).sum()
        for layer in STYLE_LAYERS
    ]
    return float(np.mean(shares))


def content_distance(image: np.ndarray) -> float:
    """Return how far the features at the content layer are from the photograph's, relative to these."""
    ours, wanted = (
        network().forward(picture, [CONTENT_LAYER])[0][CONTENT_LAYER]
        for picture in (image, source(PHOTOGRAPH))
    )
    return float(np.linalg.norm(ours - wanted) / np.linalg.norm(wanted))


def sheet(columns: int, **shown: np.ndarray) -> Image.Image:
    """Return results with captions: what they are, and their two distances as measured on eight bits."""
    captions = []
    for what, image in shown.items():
        file = eight_bits(image)
        captions.append(f"{what}\nstyle {style_distance(file):.3f}, content {content_distance(file):.2f}")
        print(captions[-1].replace("\n", ": "))
    return panels([picture(image[0]) for image in shown.values()], captions, columns=columns)


@painted("style-painted.png")
def large() -> Image.Image:
    """The result that the lesson opens with."""
    return panels([picture(paint(size=2 * SIZE).image[0])], ["100 steps of L-BFGS, from the photograph"])


@painted("style-starts.png")
def starts() -> Image.Image:
    """The way from the photograph and from noise."""
    ways = {"photograph": paint(), "noise": paint(start="noise")}
    shown = {
        f"{name}, {iteration} steps": way.stages[iteration]
        for name, way in ways.items()
        for iteration in STAGES
    }
    return sheet(3, **shown)


@painted("style-weights.png")
def weights() -> Image.Image:
    """Four style weights."""
    return sheet(4, **{f"style weight {w:g}": paint(style_weight=w).image for w in (0.1, 1.0, 10.0, 100.0)})


@painted("style-content-layers.png")
def content_layers() -> Image.Image:
    """Four content layers, from noise."""
    layers = ("relu1_2", "relu2_2", "relu3_2", "relu4_1")
    return sheet(4, **{f"content {name}": paint(start="noise", content_layer=name).image for name in layers})


@painted("style-style-layers.png")
def style_layers() -> Image.Image:
    """Style layers up to four depths."""
    shown = {}
    for depth in range(1, 5):
        layers = STYLE_LAYERS[:depth]
        name = f"style {'' if depth == 1 else 'relu1_1 to '}{layers[-1]}"
        shown[name] = paint(style_layers=layers).image
        print(f"{name}: weight times {_style_cost(STYLE_LAYERS) / _style_cost(layers):.1f}")
    return sheet(4, **shown)


@painted("style-blanks.png")
def blanks() -> Image.Image:
    """A white page in the place of either picture, and no content at all."""
    return sheet(
        4,
        **{
            "no content, from noise": paint(start="noise", content_weight=0.0).image,
            "white content, from noise": paint("white", start="noise").image,
            "white content, from white": paint("white", start="white").image,
            "white style": paint(style="white").image,
        },
    )


@painted("style-range.png")
def range_kept() -> Image.Image:
    """Results without and with the penalty, and what clipping takes from the first."""
    captions = {}
    for style_weight in (100.0, 10.0):
        for name, weight in (("without the penalty", 0.0), ("with it", 1000.0)):
            image = paint(style_weight=style_weight, range_weight=weight).image
            before, after = style_distance(image), style_distance(eight_bits(image))
            captions[name] = f"{name}\nstyle {before:.4f}, clipped {after:.4f}"
            cut = image - np.clip(image, 0, 255)
            rms = np.sqrt(np.mean(cut[cut != 0] ** 2))
            print(
                f"style weight {style_weight:g}, {captions[name]}; {np.mean(cut != 0):.1%} cut by {rms:.0f} (rms)"
            )
    free, kept = (paint(range_weight=weight).image for weight in (0.0, 1000.0))
    cut = (free - np.clip(free, 0, 255))[0].mean(axis=-1)
    shown = [picture(free[0]), picture(signed(cut, 40)), picture(kept[0])]
    middle = "what clipping cuts off\nabove 255, below 0"
    return panels(shown, [captions["without the penalty"], middle, captions["with it"]])


@painted("style-slip.png")
def slips() -> Image.Image:
    """Style alone, from noise, by the right gradient and by the wrong one."""
    shown, captions = [], []
    for slip in (False, True):
        result = paint(start="noise", content_weight=0.0, fitted=True, slip=slip)
        page = resize_to(source(PAINTING, STYLE_SIZE)[0], result.image.shape[1:3])
        likeness = np.corrcoef(result.image.mean(axis=-1).ravel(), page.mean(axis=-1).ravel())[0, 1]
        shown.append(picture(result.image[0]))
        captions.append(f"{'the style' if slip else 'its own'} features times D\n")
        captions[-1] += f"loss {result.values[-1]:.1e}, correlation {likeness:.2f}"
    print("\n".join(captions))
    return panels(shown, captions)


@painted("style-curves.svg")
def curves() -> str:
    """The objective against the evaluations that it took."""
    runs = (
        ("L-BFGS, from the photograph", paint(), BLUE, (2.2, 5e5)),
        ("Adam, from the photograph", paint(adam=True), ORANGE, (1.1, 2.3e6)),
        ("L-BFGS, from noise", paint(start="noise"), GREEN, (12, 3.6e6)),
    )
    drawn, goal = [], min(paint(adam=True).values)
    for name, run, colour, at in runs:
        seen = [
            (count, value) for count, value in zip(run.evaluations, run.values, strict=True) if count <= 100
        ]
        falls = all(after < before for (_, before), (_, after) in pairwise(seen))
        reached = next((count for count, value in seen if value <= goal), None)
        print(
            f"{name}: {seen[-1][1]:.3g} after {seen[-1][0]} evaluations, {goal:.3g} after {reached}, falls: {falls}"
        )
        drawn.append(Curve(name, *zip(*seen, strict=True), colour, at))
    return loglog(drawn, (0, 2), (5, 8), labels=("evaluations of the objective", "objective"))
