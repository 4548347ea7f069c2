"""A toy to train: pictures that show their class by their colour, and a small network."""

from __future__ import annotations

import numpy as np

from nst.images.dataset import Dataset
from nst.layers import BatchNorm, Conv2d, Dropout, GlobalAvgPool, Linear, Preprocess, ReLU
from nst.networks import Network, Node
from nst.training import Recipe, Training
from nst.training.augment import Augment
from nst.training.batches import Batches

CLASSES = ("red", "green", "blue")


def pictures(count: int = 48, side: int = 8, seed: int = 0) -> Dataset:
    """Return noise in which one of three colours is stronger: the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = rng.integers(0, 160, (count, side, side, 3))
    pixels[np.arange(count), ..., labels] += 60
    return Dataset(pixels.astype(np.uint8), labels, CLASSES)


def network(
    seed: int | np.random.Generator = 0,
    dropout: float = 0.3,
    *,
    classes: int = 3,
    mean: tuple[float, ...] = (100.0, 100.0, 100.0),
    width: int = 6,
) -> Network:
    """Return two convolutions, of which the first is normalised, and a classifier."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        fan_in = int(np.prod(shape[:-1]))
        return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(1 / fan_in))

    ones, zeros = np.ones((2, width), np.float32), np.zeros((2, width), np.float32)
    norm = BatchNorm(ones[0], zeros[0], zeros[1], ones[1])
    return Network(
        [
            Node("input", Preprocess(mean, 1 / 60)),
            Node("conv1", Conv2d(draw(3, 3, len(mean), width), padding=1)),
            Node("norm1", norm),
            Node("relu1", ReLU()),
            Node("conv2", Conv2d(draw(3, 3, width, 8), np.zeros(8, np.float32), padding=1)),
            Node("relu2", ReLU()),
            Node("pool", GlobalAvgPool()),
            Node("drop", Dropout(dropout)),
            Node("fc", Linear(draw(8, classes), np.zeros(classes, np.float32))),
        ]
    )


def batches(recipe: Recipe, workers: int = 0) -> Batches:
    """Return mini-batches of flipped and moved pictures."""
    return Batches(pictures(), recipe.batch, Augment(flip=True, shift=1), recipe.seed, workers)


def recipe(**settings: object) -> Recipe:
    """Return a short recipe in which everything that has a memory takes part."""
    usual = {"epochs": 3, "batch": 12, "learning_rate": 0.05, "schedule": "one-cycle", "warmup": 1}
    rules = {"weight_decay": 1e-3, "decay_all": False, "label_smoothing": 0.1, "average": 0.9}
    return Recipe(**{**usual, **rules, **settings})


def training(how: Recipe | None = None) -> Training:
    """Return the training of the toy network before its first step."""
    how = how or recipe()
    return Training(network(), how, batches(how).steps_per_epoch)
