"""What is to be trained, on what, and how: a network with its weights to begin with, pictures, and a recipe."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nst.errors import NstError
from nst.formats.trained import TrainedNetwork
from nst.images.dataset import Dataset, channel_statistics
from nst.images.decode import FITS
from nst.networks import Network
from nst.networks.trainable import fresh, trainable
from nst.training.arguments import network_of, recipe_of, sizes_of
from nst.training.augment import Augment
from nst.training.batches import Batches
from nst.training.recipe import Recipe
from nst.training.trainer import Training

SAMPLE = 64  # pictures that the fingerprint of a data set looks at, beside all labels


@dataclass
class Plan:
    """A training that is ready to begin. Whoever begins with other weights, or other rates, makes another plan.

    Attributes
    ----------
    start : TrainedNetwork
        The network with the weights to begin with, and what will be written beside them.
    recipe : Recipe
    train, test : Dataset
        What is learned from, and what is only looked at.
    rates : sequence of (str, float)
        By what the learning rate of some parameters is multiplied; see `nst.optimizers.Groups`.
    flip : bool
        Evaluate on mirror images as well.
    notes : list of str
        Lines to be told before it begins.
    """

    start: TrainedNetwork
    recipe: Recipe
    train: Dataset
    test: Dataset | None
    rates: Sequence[tuple[str, float]] = ()
    flip: bool = False
    notes: list[str] = field(default_factory=list)

    def batches(self, workers: int = 1) -> Batches:
        """Return the mini-batches of the training pictures, changed at random as the recipe says."""
        recipe, (side, *_) = self.recipe, self.start.shape
        augment = Augment(
            turn=recipe.turn,
            zoom=recipe.zoom,
            elastic=recipe.elastic,
            crop=recipe.crop,
            flip=recipe.flip,
            shift=round(recipe.shift * side),
            border=recipe.border,
            cutout=recipe.cutout,
            fill=self.start.mean,
        )
        return Batches(self.train, recipe.batch, augment, recipe.seed, workers)

    def training(self, steps_per_epoch: int) -> Training:
        """Return the training before its first step."""
        return Training(self.start.network, self.recipe, steps_per_epoch, self.rates)

    def prepared(self, tell: Callable[[str], None], probe: bool = False) -> Plan:
        """Return the plan with all that can be computed before its first step; see `nst.training.finetune`."""
        return self

    def whole(self, network: Network) -> Network:
        """Return the network to write, given the one that `training` trained."""
        return network

    def frozen(self) -> str:
        """Return a hash of all arrays that stay as they are, and are in no checkpoint."""
        digest = hashlib.sha256()
        for node in self.start.network.nodes.values():
            for name, array in node.layer.state().items() if node.layer.frozen else ():
                digest.update(f"{node.name}.{name}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """Return what tells these pictures from others: a hash of all labels and of some pictures."""
        digest = hashlib.sha256()
        for data in (self.train, self.test):
            if data is not None:
                chosen = np.linspace(0, len(data) - 1, min(SAMPLE, len(data))).astype(int)
                for part in (data.labels, data.pictures(chosen), np.array(data.shape)):
                    digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def make_plan(
    options: argparse.Namespace, train: Dataset, test: Dataset | None, recipe: Recipe | None = None
) -> Plan:
    """Return the plan of a training from scratch.

    Parameters
    ----------
    options
        Of the command line; see `nst.training.arguments`.
    train, test
        The pictures.
    recipe
        In place of the one that the options name.

    Raises
    ------
    NstError
        When network, pictures and settings do not go together.
    """
    recipe, name = recipe or recipe_of(options), network_of(options)
    for data, what in ((train, "train"), (test, "test")):
        if data is not None and not len(data):
            raise NstError(f"there is no picture to {what} on: look into the folder, or at its lists")
    known = trainable(name)
    if (known.shape[2:] if known.any_side else known.shape) != train.shape[2 * known.any_side :]:
        raise NstError(f"{name} takes pictures of {_told(known.shape)}, these are {_told(train.shape)}")
    mean = tuple(round(float(value), 1) for value in channel_statistics(train)[0])
    sizes, classes = sizes_of(options), train.classes
    network = fresh(name, recipe.seed, classes=len(classes), mean=mean, dropout=recipe.dropout, sizes=sizes)
    fit = getattr(options, "fit", None) or FITS[0]
    start = TrainedNetwork(name, sizes, classes, train.shape, mean, network, fit=fit)
    return Plan(start, recipe, train, test, flip=options.tta == "flip")


def _told(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width}x{height} pixels with {channels} channel{'s' * (channels > 1)}"
