"""The figure of lesson 14: what is learned from few pictures, from scratch and with a network that has seen many."""

from __future__ import annotations

import copy

import numpy as np

from lessons.figures.drawing import BLUE, GREEN, ORANGE, Drawn, curve, figure, line, ramp, svg, text
from nst.images.dataset import Dataset
from nst.networks import Network, Weights, vgg_small
from nst.training import Recipe, Training, train
from nst.training.batches import Batches
from nst.training.by_name import load_by_name
from nst.training.evaluate import evaluate

SIDE, STEPS, BATCH = 16, 120, 16
ONE = tuple((angle,) for angle in range(8))  # stripes at angles in steps of 22.5 degrees
TWO = ((0, 3), (0, 4), (1, 4), (1, 5), (2, 5), (2, 6), (3, 6), (3, 7))  # crossed stripes
PER_CLASS = (2, 4, 8, 16, 32)
WAYS = ("from scratch", "a new head on frozen layers", "all layers trained on")


def stripes(kinds: tuple[tuple[int, ...], ...], per_class: int, seed: int) -> Dataset:
    """Return noisy pictures of stripes in random colours and phases; a class is the angles of its stripes."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(kinds)), per_class)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pictures = np.empty((len(labels), SIDE, SIDE, 3))
    for picture, label in zip(pictures, labels, strict=True):
        picture[:] = 128 + rng.normal(0, 25, picture.shape)
        for angle in kinds[label]:
            across = np.cos(angle * np.pi / 8) * columns + np.sin(angle * np.pi / 8) * rows
            wave = np.sin(2 * np.pi * across / rng.uniform(3.5, 6) + rng.uniform(0, 2 * np.pi))
            picture += rng.uniform(-45, 45, 3) * wave[..., None]
    return Dataset(np.clip(pictures, 0, 255).astype(np.uint8), labels, [str(kind) for kind in kinds])


def learn(network: Network, pictures: Dataset, steps: int, rate: float) -> Network:
    """Train a network for about so many steps and return it."""
    per_epoch = len(pictures) // BATCH
    recipe = Recipe(max(1, steps // per_epoch), BATCH, rate, "cosine", decay_all=False, weight_decay=5e-4)
    train(Training(network, recipe, per_epoch), Batches(pictures, BATCH, workers=0))
    return network


def teacher() -> Network:
    """Return a network that has learned to tell eight angles from 200 pictures of each."""
    return learn(vgg_small(0, width=4, classes=len(ONE)), stripes(ONE, 200, 0), 300, 0.1)


def taught(way: str, old: Network, pictures: Dataset) -> Network:
    """Return a network that has learned from `pictures`, in one of `WAYS`."""
    network = vgg_small(1, width=4, classes=len(TWO))
    if way == WAYS[0]:
        return learn(network, pictures, STEPS, 0.1)
    state = {f"{n}.{k}": a for n, node in old.nodes.items() for k, a in node.layer.state().items()}
    load_by_name(
        network, Weights(copy.deepcopy(state), "vgg-small", "RGB", tuple(old.nodes["input"].layer.mean))
    )
    network.freeze("conv*", "norm*")
    learn(network, pictures, STEPS, 0.1)
    return network if way == WAYS[1] else learn(network.unfreeze(), pictures, STEPS, 0.02)


def right(per_class: int, old: Network) -> list[float]:
    """Return the share of 800 new pictures of crossed stripes that each way gets right, after so many of each class."""
    few, many = stripes(TWO, per_class, 1), stripes(TWO, 100, 2)
    return [evaluate(taught(way, old, few), many).accuracy for way in WAYS]


@figure("fine-tuning-curve.svg", slow=True)
def few_pictures() -> Drawn:
    """Draw accuracy over the number of pictures of each class, for each way to learn from them."""
    old = teacher()
    return chart([right(count, old) for count in PER_CLASS])


def chart(shares: list[list[float]]) -> str:
    """Return the chart of a row of shares for each of `PER_CLASS`."""
    width, height, left, right_, top, bottom = 680, 380, 60, 600, 30, 320
    x, y = ramp(2, 32, left + 20, right_, log=True), ramp(0, 1, bottom, top)
    parts = []
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(line(left, y(share), right_ + 20, y(share), colour="#e4e3de"))
        parts.append(text(left - 8, y(share) + 4, f"{share:.0%}", anchor="end", size=12))
    for count in PER_CLASS:
        parts.append(line(x(count), top, x(count), bottom, colour="#e4e3de"))
        parts.append(text(x(count), bottom + 20, str(count), size=12))
    places = ((390, 250), (390, 270), (390, 290))
    for way, ys, colour, place in zip(
        WAYS, zip(*shares, strict=True), (ORANGE, BLUE, GREEN), places, strict=True
    ):
        parts.append(curve([x(one) for one in PER_CLASS], [y(one) for one in ys], colour, dots=True))
        parts.append(text(*place, way, anchor="start", colour=colour))
    parts.append(text((left + right_) / 2, height - 14, "pictures of each class to learn from"))
    return svg(width, height, parts)
