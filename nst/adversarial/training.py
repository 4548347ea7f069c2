"""A training from its job to its files: steps, log, sheet of samples, checkpoint, and the generator at the end."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.adversarial.arguments import CHECKPOINT
from nst.adversarial.job import Job
from nst.adversarial.lipschitz import bound, measured
from nst.adversarial.wgan import Game
from nst.errors import NstError
from nst.files import atomic_write
from nst.formats.generator_file import TrainedGenerator, write_generator
from nst.images import save
from nst.npz import family, read_npz, write_npz
from nst.report import Progress
from nst.session.interrupt import interruptible
from nst.session.outputs import check_network, refuse_overwriting
from nst.training.average import Average, labelled, take

FORMAT = "nst adversarial training 1"
EVERY = 50  # steps for which there is one line in the log
_LINE = {"step", "critic_steps", "estimate", "slope", "bound"}


class Files:
    """The files of a training: `NAME.npz` and beside it `.png`, `.log.jsonl` and `.checkpoint.npz`.

    Raises
    ------
    NstError
        When one cannot be written, or would overwrite an input.
    """

    def __init__(self, output: str, inputs: list[str]) -> None:
        self.network = check_network(output)
        self.sheet = self.network.with_suffix(".png")
        self.log = self.network.with_suffix(".log.jsonl")
        self.checkpoint = self.network.with_suffix(CHECKPOINT)
        refuse_overwriting(output, (self.network, self.sheet, self.log, self.checkpoint), inputs)


@dataclass
class Checkpoint:
    """All that the remaining steps depend on, but what is real.

    Attributes
    ----------
    settings : dict
        What the training was asked for.
    state : dict
        How far it is, and its log.
    arrays : dict of str to ndarray
    """

    settings: dict[str, Any]
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]


def read_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    NstError
        When the file is missing, damaged, or no checkpoint of `nst.gan`.
    """

    def parse(meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Checkpoint:
        if not isinstance(meta["settings"], dict) or not isinstance(meta["state"], dict):
            raise ValueError("its head is not what it should be")
        return Checkpoint(meta["settings"], meta["state"], arrays)

    return read_npz(path, "checkpoint", FORMAT, parse, "start anew without --resume")


class Run:
    """A training in progress, which knows how to save itself.

    Parameters
    ----------
    job
        What is trained.
    settings
        What was asked for; kept in the checkpoint.
    files
        Where everything goes.
    checkpoint
        From where, if not from the beginning.

    Raises
    ------
    NstError
        When the checkpoint does not belong to the job.
    """

    def __init__(
        self, job: Job, settings: dict[str, Any], files: Files, checkpoint: Checkpoint | None = None
    ) -> None:
        self.job, self.settings, self.files = job, settings, files
        self.game = Game(job.critic, job.generator, job.real, job.noise, job.recipe)
        self.average = Average(job.generator, job.recipe.average) if job.recipe.average else None
        self.history: list[dict[str, float]] = []
        self.critic_steps, self._estimates = 0, []
        if checkpoint is not None:
            try:
                self._load(checkpoint.state, checkpoint.arrays)
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
                if isinstance(error, NstError):
                    raise
                raise NstError(f"the checkpoint makes no sense ({error!s:.100}); start anew") from error

    @property
    def result(self) -> Any:
        """The generator that is kept and shown: that of the averaged weights if there are such."""
        return self.average.network if self.average else self.game.generator

    def go(self, save_every: int, quiet: bool) -> bool:
        """Do the steps that are left and write all files; return whether the training is complete."""
        game, total = self.game, self.job.recipe.steps
        with (
            interruptible() as interrupted,
            Progress(total, quiet=quiet, start=game.step, what="estimate") as progress,
        ):
            while game.step < total and not interrupted():
                self.step()
                last = self.history[-1] if self.history else None
                parts = {"slope": last["slope"], "distance": last["estimate"] / last["slope"]} if last else {}
                progress.update(game.step, self._latest, parts)
                if game.step % save_every == 0 and game.step < total:
                    self.save()
        self.save()
        return game.step == total

    def step(self) -> None:
        """Do a step of the generator, with those of the critic before it, and now and then a line of the log."""
        game = self.game
        self.critic_steps += self.job.recipe.turns(game.step)
        self._latest = game.advance()
        self._estimates.append(self._latest)
        if self.average:
            self.average.update()
        if game.step % EVERY == 0 or game.step == self.job.recipe.steps:
            self.history.append(self._line())
            self._estimates = []

    def _line(self) -> dict[str, float]:
        """Return what the log tells: the mean estimate since the last line, and how steep the critic is now."""
        game, rng = self.game, np.random.default_rng([self.job.recipe.seed, 2, self.game.step])
        real, noise = self.job.real(rng, self.job.recipe.batch), self.job.noise(rng, self.job.recipe.batch)
        top = game.generator.names[-1]
        fake = game.generator.forward(noise, [top], training=True)[0][top]
        return {
            "step": game.step,
            "critic_steps": self.critic_steps,
            "estimate": sum(self._estimates) / len(self._estimates),
            "slope": max(measured(game.critic, rng, real, fake), 1e-30),
            "bound": bound(game.critic, real.shape),
        }

    def save(self) -> None:
        """Write generator, sheet, log and checkpoint as they are now.

        Raises
        ------
        NstError
            When a file cannot be written, or weights are not finite; what was saved before stays then.
        """
        arrays = self._arrays()
        for label, array in arrays.items():
            if not np.isfinite(array).all():
                raise NstError(
                    f"step {self.game.step}: {label} is not finite; take a smaller --learning-rate or --clip"
                )
        about = {**self.job.about, "recipe": self.job.recipe.plain(), "step": self.game.step}
        write_generator(
            self.files.network, TrainedGenerator(self.job.name, self.job.sizes, self.result, about)
        )
        save(self.files.sheet, self.job.sheet(self.result))
        with atomic_write(self.files.log) as stream:
            stream.write("".join(f"{json.dumps(line)}\n" for line in self.history).encode("ascii"))
        state = {
            "step": self.game.step,
            "critic_steps": self.critic_steps,
            "averaged": self.average.count if self.average else 0,
            "estimates": self._estimates,
            "history": self.history,
        }
        write_npz(self.files.checkpoint, FORMAT, {"settings": self.settings, "state": state}, arrays)

    def _arrays(self) -> dict[str, np.ndarray]:
        families = {
            "critic": labelled(self.game.critic),
            "generator": labelled(self.game.generator),
            "average": self.average.state() if self.average else {},
            "of_critic": self.game.of_critic.state(),
            "of_generator": self.game.of_generator.state(),
        }
        return {f"{name}.{label}": array for name, of in families.items() for label, array in of.items()}

    def _load(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        steps = {name: state[name] for name in ("step", "critic_steps", "averaged")}
        right = all(type(value) is int and value >= 0 for value in steps.values())
        if not right or not steps["step"] <= self.job.recipe.steps or steps["averaged"] > steps["step"]:
            raise ValueError(f"it is at step {state['step']!r:.20} of {self.job.recipe.steps}")
        history, estimates = state["history"], state["estimates"]
        if not all(
            line.keys() == _LINE and all(map(_number, line.values())) and line["slope"] > 0
            for line in history
        ):
            raise ValueError("its log is none")
        complete = steps["step"] == self.job.recipe.steps
        if not all(map(_number, estimates)) or len(estimates) != (0 if complete else steps["step"] % EVERY):
            raise ValueError("its estimates are none")
        take(self.game.critic, family(arrays, "critic."), "the critic")
        take(self.game.generator, family(arrays, "generator."), "the generator")
        if self.average:
            self.average.load(family(arrays, "average."), steps["averaged"])
        self.game.of_critic.load(family(arrays, "of_critic."))
        self.game.of_generator.load(family(arrays, "of_generator."))
        self.game.step, self.critic_steps = steps["step"], steps["critic_steps"]
        self.history, self._estimates = list(history), list(estimates)


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
