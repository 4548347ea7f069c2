"""A training from its plan to its files: steps, checkpoints, log, report, and the trained network at the end."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from functools import partial
from typing import Any

import numpy as np

from nst.engine.culprit import RATE
from nst.errors import NstError, printable
from nst.formats.trained import write_trained
from nst.report import Progress
from nst.session.interrupt import interruptible
from nst.session.outputs import check_network, refuse_overwriting
from nst.training import watch
from nst.training.arguments import FREE, checkpoint_path, command_line, spelled
from nst.training.dry_run import foretold
from nst.training.log import line, write_log
from nst.training.page import write_page
from nst.training.plan import Plan
from nst.training.trainer import Epoch, Trained, train
from nst.training.training_checkpoint import TrainingCheckpoint, save_training

_SAME = {
    "pictures": "pictures",
    "frozen": "weights of frozen layers",
    "mean": "means to subtract from the pictures",
}
"""What no checkpoint has, and must be as it was: the key of its hash or value, and what it is called."""


class Files:
    """The files of a training: `NAME.npz` and beside it `.log.jsonl`, `.html` and `.checkpoint.npz`.

    Parameters
    ----------
    output
        The path of the trained network.
    inputs
        Files that must not be overwritten.

    Raises
    ------
    NstError
        When one cannot be written.
    """

    def __init__(self, output: str, inputs: list[str]) -> None:
        self.network = check_network(output)
        self.log = self.network.with_suffix(".log.jsonl")
        self.report = self.network.with_suffix(".html")
        self.checkpoint = checkpoint_path(output)
        refuse_overwriting(output, (self.network, self.log, self.report, self.checkpoint), inputs)


class Run:
    """A training in progress, which knows how to save itself.

    Parameters
    ----------
    plan
        What is trained.
    options
        Of the command line.
    files
        Where everything goes.
    checkpoint
        From where, if not from the beginning.

    Raises
    ------
    NstError
        When the checkpoint does not belong to the plan.
    """

    def __init__(
        self,
        plan: Plan,
        options: argparse.Namespace,
        files: Files,
        checkpoint: TrainingCheckpoint | None = None,
    ) -> None:
        self.plan, self.options, self.files = plan, options, files
        self.batches = plan.batches(options.workers)
        self.training = plan.training(self.batches.steps_per_epoch)
        self.settings = {
            "arguments": spelled(options),
            "recipe": plan.recipe.plain(),
            "pictures": plan.fingerprint(),
            "frozen": plan.frozen(),
            "mean": list(plan.start.mean),
        }
        if checkpoint is not None:
            for key, told in _SAME.items():
                if checkpoint.settings.get(key) != self.settings[key]:
                    raise NstError(f"the {told} are not those that the checkpoint was made with; start anew")
            self.training.load(checkpoint.state, checkpoint.arrays)
        self._begun, self._first = time.monotonic(), self.training.step

    def go(self) -> bool:
        """Do the steps that are left and write all files; return whether the training is complete."""
        training, options = self.training, self.options
        with (
            interruptible() as interrupted,
            Progress(training.total, quiet=options.quiet, every=2**60, start=training.step) as self.progress,
        ):
            done = train(
                training,
                self.batches,
                self.plan.test,
                flip=self.plan.flip,
                after_step=self._after_step,
                after_epoch=self._after_epoch,
                stop=interrupted,
            )
        if not done:
            self.save()
        return done

    def _after_step(self, trained: Trained) -> None:
        training = self.training
        if training.step == 1:
            self.progress.note(
                watch.start(trained.loss, len(self.plan.start.classes), training.sums.pictures)
            )
        if training.step == self._first + 1:  # kernels were compiled in it: its pace says nothing
            self.progress.stage(training.total, training.total, 0)
            return
        accuracy = training.sums.correct / training.sums.pictures
        self.progress.update(
            training.step, trained.loss, {"right": accuracy, "rate": training.rate(training.step - 1)}
        )

    def _after_epoch(self, epoch: Epoch) -> None:
        training = self.training
        pace = (time.monotonic() - self._begun) / (training.step - self._first)
        self.progress.note(line(epoch, training.recipe.epochs, pace * (training.total - training.step)))
        if epoch.epoch % self.options.save_every == 0 or training.step == training.total:
            self.save()

    def save(self) -> None:
        """Write the trained network as it is now, checkpoint, log and report.

        Raises
        ------
        NstError
            When a file cannot be written, or weights are not finite; what was saved before stays then.
        """
        training, files = self.training, self.files
        state, arrays = training.state()
        for (
            label,
            array,
        ) in arrays.items():  # a step that ruins the weights shows in the loss of the next one only
            if not np.isfinite(array).all():
                raise NstError(
                    f"step {training.step}, learning rate {training.rate(training.step - 1):.3g}: training has "
                    f"diverged, {label.partition('.')[2]} is not finite; {RATE}; "
                    f"{files.checkpoint} is as it was before"
                )
        about = {"recipe": self.plan.recipe.plain(), "step": training.step, "of": training.total}
        if training.history:
            about["test accuracy"] = training.history[-1].test_accuracy
        write_trained(
            files.network,
            dataclasses.replace(self.plan.start, network=self.plan.whole(training.result), about=about),
        )
        save_training(files.checkpoint, TrainingCheckpoint(self.settings, state, arrays))
        write_log(files.log, training.history)
        write_page(files.report, f"{self.plan.start.name} on {self.options.command}", training, self._told())

    def _command(self) -> str:
        """Return the command that gives this training, as a shell takes it."""
        asked = {
            key: value for key, value in vars(self.options).items() if key not in FREE or key == "output"
        }
        return shlex.join(
            ["python", "-m", "nst.train", self.options.command, *command_line(self.options.parser, asked)]
        )

    def _told(self) -> dict[str, Any]:
        start = self.plan.start
        return {
            "command": self._command(),
            "network": start.name,
            **start.sizes,
            "pictures": len(self.plan.train),
            "held out": 0 if self.plan.test is None else len(self.plan.test),
            "classes": len(start.classes),
            **dataclasses.asdict(self.plan.recipe),
        }


def train_plan(plan: Plan, options: argparse.Namespace, checkpoint: TrainingCheckpoint | None = None) -> int:
    """Train what a plan says, or only foretell it; return an exit status.

    Raises
    ------
    NstError
        When it cannot begin, or diverges.
    """
    files = Files(options.output, [path for path in (options.data, options.weights) if path])
    if options.dry_run:
        print("\n".join(map(printable, foretold(plan, options.workers))))
        return 0
    announce(options, *plan.notes)
    run = Run(plan.prepared(partial(announce, options)), options, files, checkpoint)
    if run.training.step == run.training.total:
        raise NstError(
            f"the training is complete: {files.network} has the network; to train longer, start anew"
        )
    if not run.go():
        announce(
            options,
            f"stopped on request after step {run.training.step} of {run.training.total}",
            f"go on with: python -m nst.train {options.command} --resume {files.checkpoint}",
        )
        return 130
    announce(options, f"wrote {files.network}, {files.log.name}, {files.report.name}")
    return 0


def announce(options: argparse.Namespace, *lines: str) -> None:
    """Print lines beside the output, unless `--quiet`."""
    for text in () if options.quiet else lines:
        print(printable(text), file=sys.stderr, flush=True)
