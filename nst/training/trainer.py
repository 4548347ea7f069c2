"""The loop of training a classifier: steps, epochs, and the state between two steps."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from nst.engine.training_step import Trained, training_step
from nst.errors import NstError
from nst.networks import Network
from nst.npz import family
from nst.optimizers import SGD, SPARED, Groups
from nst.training.average import Average, labelled, take
from nst.training.evaluate import Pictures, evaluate
from nst.training.recipe import Recipe
from nst.training.schedule import learning_rate


class Feed(Protocol):
    """Mini-batches, which depend on epoch and step alone; `nst.training.batches.Batches` is one."""

    steps_per_epoch: int

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of an epoch from step `start` on: images (n, H, W, C), 0..255, and labels (n,)."""


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: a line of the log.

    Attributes
    ----------
    epoch, step : int
        How many are done.
    seconds : float
        Since the training began, without pauses.
    loss, accuracy : float
        Means over the pictures as they were trained on, changed at random, while the weights moved.
    test_loss, test_accuracy : float or None
        On pictures held out, at the end, with the averaged weights if there are such.
    learning_rate : float
        Of the last step.
    """

    epoch: int
    step: int
    seconds: float
    loss: float
    accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    learning_rate: float


@dataclass
class Sums:
    """What has gathered since the epoch began."""

    loss: float = 0.0
    correct: int = 0
    pictures: int = 0

    def add(self, trained: Trained, pictures: int) -> None:
        """Add a step."""
        self.loss += trained.loss * pictures
        self.correct += trained.correct
        self.pictures += pictures


@dataclass
class Training:
    """A training between two steps: all that the next one depends on, so that it can be saved and taken up.

    Parameters
    ----------
    network : Network
        Its last node gives the scores. What is frozen stays.
    recipe : Recipe
    steps_per_epoch : int
    rates : iterable of (str, float)
        By what the learning rate of some parameters is multiplied; see `nst.optimizers.Groups`.

    Attributes
    ----------
    step : int
        How many are done.
    losses : list of float
        Of each step.
    history : list of Epoch
    """

    network: Network
    recipe: Recipe
    steps_per_epoch: int
    rates: Iterable[tuple[str, float]] = ()
    step: int = 0
    seconds: float = 0.0
    sums: Sums = field(default_factory=Sums)
    losses: list[float] = field(default_factory=list)
    history: list[Epoch] = field(default_factory=list)

    def __post_init__(self) -> None:
        recipe = self.recipe
        groups = Groups(self.rates, decays=() if recipe.decay_all else SPARED)
        groups.check(f"{layer}.{name}" for layer, of in self.network.parameters().items() for name in of)
        self.optimizer = SGD(recipe.momentum, recipe.nesterov, recipe.weight_decay, groups)
        self.average = Average(self.network, recipe.average) if recipe.average else None
        self.rng = np.random.default_rng([recipe.seed, 1])  # the fresh weights were drawn from `seed` itself

    @property
    def total(self) -> int:
        """How many steps there are in all."""
        return self.recipe.epochs * self.steps_per_epoch

    @property
    def result(self) -> Network:
        """The network that is evaluated and saved: that of the averaged weights if there are such."""
        return self.average.network if self.average else self.network

    def rate(self, step: int | None = None) -> float:
        """Return the learning rate of a step, by default of the next one."""
        return learning_rate(self.recipe, self.step if step is None else step, self.steps_per_epoch)

    def advance(self, images: np.ndarray, labels: np.ndarray) -> Trained:
        """Do a step.

        Raises
        ------
        NstError
            When the loss is not finite; see `nst.engine.training_step`.
        """
        smoothing = self.recipe.label_smoothing
        try:
            trained = training_step(
                self.network, images, labels, self.optimizer, self.rate(), self.rng, smoothing
            )
        except NstError as error:
            raise NstError(f"step {self.step + 1}, learning rate {self.rate():.3g}: {error}") from error
        self.step += 1
        self.losses.append(trained.loss)
        if self.average:
            self.average.update()
        self.sums.add(trained, len(labels))
        return trained

    def end_epoch(self, test: Pictures | None, flip: bool) -> Epoch:
        """Evaluate on `test`, and begin another epoch."""
        start = time.perf_counter()
        score = evaluate(self.result, test, self.recipe.batch, flip) if test is not None else None
        self.seconds += time.perf_counter() - start
        sums, self.sums = self.sums, Sums()
        found = Epoch(
            self.step // self.steps_per_epoch,
            self.step,
            self.seconds,
            sums.loss / sums.pictures,
            sums.correct / sums.pictures,
            score and score.loss,
            score and score.accuracy,
            self.rate(self.step - 1),
        )
        self.history.append(found)
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return all that `load` needs to go on: what JSON can carry, and arrays."""
        families = {
            "network": labelled(self.network),
            "optimizer": self.optimizer.state(),
            "average": self.average.state() if self.average else {},
        }
        found = {f"{family}.{name}": array for family, of in families.items() for name, array in of.items()}
        found["losses"] = np.array(self.losses, np.float64)
        plain = {
            "step": self.step,
            "seconds": self.seconds,
            "averaged": self.average.count if self.average else 0,
            "rng": self.rng.bit_generator.state,
            "sums": dataclasses.asdict(self.sums),
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
        }
        return plain, found

    def load(self, plain: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not of this network and recipe, or makes no sense.
        """
        try:
            self._load(plain, found)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, NstError):
                raise
            raise NstError(f"the checkpoint makes no sense ({error!s:.100}); start anew") from error

    def _load(self, plain, found):
        step, seconds, averaged = plain["step"], plain["seconds"], plain["averaged"]
        if type(step) is not int or not 0 <= step <= self.total or type(averaged) is not int:
            raise NstError(f"the checkpoint is at step {step!r:.20} of {self.total}")
        _numbers({"seconds": seconds})
        if not 0 <= averaged <= step:
            raise NstError(
                f"the checkpoint is at step {step}, with an average of {averaged!r:.20}; start anew"
            )
        if found["losses"].shape != (step,) or found["losses"].dtype != np.float64:
            raise NstError("the checkpoint does not have the losses of its steps; start anew")
        rng = np.random.default_rng()
        rng.bit_generator.state = plain["rng"]
        sums = Sums(**_numbers(plain["sums"]))
        history = [Epoch(**_numbers(epoch)) for epoch in plain["history"]]
        take(self.network, family(found, "network."), "the network")
        self.optimizer.load(family(found, "optimizer."))
        if self.average:
            self.average.load(family(found, "average."), averaged)
        self.rng, self.sums, self.history = rng, sums, history
        self.step, self.seconds, self.losses = step, float(seconds), found["losses"].tolist()


def train(
    training: Training,
    feed: Feed,
    test: Pictures | None = None,
    *,
    flip: bool = False,
    after_step: Callable[[Trained], None] = lambda trained: None,
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Do the steps that are left; return whether all were done.

    Parameters
    ----------
    training
        Fresh, or loaded from a checkpoint.
    feed
        The mini-batches.
    test
        Pictures to evaluate on after each epoch.
    flip
        Evaluate with mirror images as well.
    after_step, after_epoch
        Called when one is done.
    stop
        Asked after each step; the state is whole then.

    Raises
    ------
    NstError
        When the training diverges, or pictures cannot be read.
    """
    while training.step < training.total:
        epoch, start = divmod(training.step, training.steps_per_epoch)
        last = time.perf_counter()
        batches = feed.epoch(epoch, start)
        try:
            for images, labels in batches:
                trained = training.advance(images, labels)
                now = time.perf_counter()
                training.seconds, last = training.seconds + now - last, now
                after_step(trained)
                if training.step % training.steps_per_epoch and stop():
                    return False
        finally:
            if hasattr(batches, "close"):  # a generator with threads behind it ends them now
                batches.close()
        if training.step != (epoch + 1) * training.steps_per_epoch:
            raise ValueError(
                f"the epoch ended after {training.step - epoch * training.steps_per_epoch} steps"
            )
        after_epoch(training.end_epoch(test, flip))
        if stop():
            break
    return training.step == training.total


def _numbers(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mapping of numbers from 0 as it is; what a test gave may be None, or not finite.

    Raises
    ------
    ValueError
        When there is something else in it.
    """
    if not isinstance(found, dict):
        raise ValueError("there is something other than numbers")
    for name, one in found.items():
        tested = name.startswith("test_")
        if type(one) in (int, float) and (tested or (one >= 0 and math.isfinite(one))):
            continue
        if one is not None or not tested:
            raise ValueError(f"{name} is {one!r:.40}, something other than numbers from 0")
    return found
