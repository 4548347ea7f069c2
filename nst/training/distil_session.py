"""A distillation from its arguments to its files: weights, checkpoint, log and report."""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.formats.known import find_weights
from nst.networks import build, fused, vgg
from nst.networks.slim import fresh_slim, slim_weights
from nst.report import duration
from nst.session.outputs import refuse_overwriting
from nst.training.crops import Crops
from nst.training.distil import Distiller
from nst.training.distillation import TAPS, Distillation
from nst.training.likeness import likeness
from nst.training.painted import painted
from nst.training.photographs import Photographs
from nst.training.rows import check_rows, write_rows
from nst.training.training_checkpoint import TrainingCheckpoint, load_training, save_training

FIRST = 16  # crops by which scales are set
VALIDATED, SIDE = 24, 128  # crops of photographs kept apart, and their side, by which the student is measured
COLUMNS = (
    "step",
    "seconds",
    "rate",
    "silent",
    *(f"{what} {tap}" for what in ("features", "gram") for tap in TAPS),
)
CHARTS = {
    "features": "What the student cannot tell of the teacher's features, as a share of them",
    "gram": "How far its Gram matrices are from the teacher's, as a share of them",
}


class Session:
    """What a distillation reads and writes.

    Parameters
    ----------
    options
        As `nst.training.train_distil` parses them.
    recipe

    Raises
    ------
    NstError
        When the teacher or the photographs cannot be read, or the checkpoint is of another distillation.
    """

    def __init__(self, options: argparse.Namespace, recipe: Distillation) -> None:
        self.options, self.recipe, self.output = options, recipe, Path(options.output)
        found = Path(options.teacher) if options.teacher else find_weights("vgg19")
        if found is None:
            raise NstError(
                "there is no teacher: `python -m nst.weights get vgg19` fetches it, or name a file with --teacher"
            )
        if not self.output.parent.is_dir():
            raise NstError(f"cannot write {self.output}: the folder {self.output.parent} does not exist")
        written = [self.output, *(self._beside(ending) for ending in (".checkpoint.npz", ".csv", ".html"))]
        refuse_overwriting(options.output, written, [found])
        self.teacher = formats.read(found, "vgg19")
        self.photographs = Photographs(options.pictures)
        self.files = self.photographs.files
        self.held_out = self.photographs.held_out(VALIDATED, SIDE, recipe.seed)
        student = fresh_slim(recipe.seed)
        teacher = fused(build(self.teacher), [name for name in student.names if name.startswith("relu")])
        first = Crops(self.files, recipe.side, FIRST, recipe.seed + 1, 0).step(0)
        self.distiller = Distiller(student, teacher, recipe, first)
        self.rows: list[list[float]] = []
        self.painted = np.empty((0, recipe.side, recipe.side, 3), np.uint8)
        self.seconds = 0.0
        if options.resume:
            self._resume()

    def run(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Do the steps that are left, until `enough` says stop; yield a line for each report."""
        recipe, distiller = self.recipe, self.distiller
        yield (
            f"{self.teacher.network} teaches slim by {len(self.files):,} photographs: "
            f"{recipe.steps - distiller.done:,} steps of {recipe.batch} crops"
        )
        stopped = False
        while distiller.done < recipe.steps and not stopped:
            for told in self._stage(enough):
                if told:
                    yield told
                    continue
                stopped = enough()
                ended = distiller.done == recipe.steps
                if ended or stopped or distiller.done % self.options.report_every == 0:
                    yield self._report()
                if stopped:
                    break
        if stopped and distiller.done < recipe.steps:
            yield "stopped; --resume goes on"
        else:
            formats.write(self.output, self._weights(), self.options.dtype)  # which may be asked for anew
            yield f"{self.output}: {self.output.stat().st_size:,} bytes"
            found = likeness(distiller.average.network, self.teacher, distiller.readouts)
            yield "median cosine of kernels to the teacher's: " + ", ".join(
                f"{name} {cosine:.2f}" for name, cosine in found.items()
            )

    def _stage(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Do steps as long as crops of one size are learned from; yield nothing after each, and a line before painting.

        A painting that `enough` has ended yields nothing, too, and no step follows.
        """
        recipe, distiller = self.recipe, self.distiller
        stage = recipe.stage(distiller.done)
        crops = Crops(self.files, stage[1], recipe.batch, recipe.seed, self.options.workers)
        steps = crops.steps(distiller.done)
        start = time.perf_counter()
        try:
            for images in steps:
                yield from self._paint(enough)
                if whole := len(self.painted) == recipe.painting(distiller.done):
                    distiller.step(self._mixed(images))
                self.seconds += time.perf_counter() - start
                yield ""
                if not whole or distiller.done == recipe.steps or recipe.stage(distiller.done) != stage:
                    return
                start = time.perf_counter()
        finally:
            steps.close()

    def _paint(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Let the student paint what is due, or go on with it, until `enough` says stop; yield a line before."""
        recipe, done = self.recipe, self.distiller.done
        before, due = recipe.painting(done - 1) if done else 0, recipe.painting(done)
        if len(self.painted) == due:
            return
        yield (
            f"step {done}: the student paints {due - len(self.painted)} pictures to learn from; the steps wait"
        )
        both = Crops(self.files, recipe.side, 2 * (due - before), recipe.seed + 2, 0).step(done)
        halves = both[: due - before], both[due - before :]
        for one in painted(vgg(self._weights()), *halves, (recipe.seed, done), len(self.painted) - before):
            self.painted = np.concatenate([self.painted, one[None]])
            if enough():
                return

    def _mixed(self, images: np.ndarray) -> np.ndarray:
        """Return crops, the first of which give way to painted pictures where there are such."""
        if len(self.painted):
            rng = np.random.default_rng((self.recipe.seed, self.distiller.done, 1))
            for image in images[: min(self.recipe.mixed, len(images) // 2)]:
                one = self.painted[rng.integers(len(self.painted))]
                image[:] = one[:, ::-1] if rng.random() < 0.5 else one
        return images

    def _report(self) -> str:
        """Measure the student; write checkpoint, log, report and weights; return a line."""
        distiller = self.distiller
        errors, silent = distiller.validate(self.held_out)
        rate = self.recipe.rate(distiller.done - 1)
        measured = [errors[tap][kind] if tap in errors else math.nan for kind in (0, 1) for tap in TAPS]
        if self.rows and self.rows[-1][0] == distiller.done:  # of a step after which painting was interrupted
            self.rows.pop()
        self.rows.append([distiller.done, round(self.seconds, 1), rate, silent, *measured])
        plain, arrays = distiller.state()
        state = {**plain, "seconds": self.seconds, "rows": self.rows}
        arrays["painted"] = self.painted
        save_training(self._beside(".checkpoint.npz"), TrainingCheckpoint(self._settings(), state, arrays))
        write_rows(self.output, "Distillation", CHARTS, COLUMNS, self.rows)
        formats.write(self.output, self._weights(), self.options.dtype)
        left = (self.recipe.steps - distiller.done) * self.seconds / distiller.done
        features, grams = (
            " ".join(f"{errors[tap][kind]:.4f}" for tap in TAPS if tap in errors) for kind in (0, 1)
        )
        return (
            f"step {distiller.done}/{self.recipe.steps}: features off by {features}, Gram matrices by {grams}, "
            f"{silent} units silent, {duration(self.seconds)}" + (f", {duration(left)} left" if left else "")
        )

    def _weights(self):
        notes = [
            f"independently initialised (seed {self.recipe.seed}) and taught by {self.teacher.network}, "
            f"{len(self.files)} photographs, {self.distiller.done} steps of {self.recipe.batch} crops"
        ]
        return slim_weights(self.distiller.scaled(), notes)

    def _settings(self) -> dict:
        return {
            **dataclasses.asdict(self.recipe),
            "teacher": self.teacher.sha256,
            "photographs": self.photographs.digest,
        }

    def _resume(self) -> None:
        saved = load_training(self._beside(".checkpoint.npz"))
        wanted = {
            key: [list(one) for one in value] if isinstance(value, tuple) else value
            for key, value in self._settings().items()
        }
        for key, value in wanted.items():
            if saved.settings.get(key) != value:
                raise NstError(
                    f"the checkpoint was made with another value of {key}; start anew without --resume"
                )
        rows, seconds = saved.state.get("rows"), saved.state.get("seconds")
        check_rows(rows, seconds, COLUMNS)
        pictures = saved.arrays.pop("painted", None)
        self.distiller.load(saved.state, saved.arrays)
        done, most = self.distiller.done, self.recipe.painting(self.distiller.done)
        due = self.recipe.painting(done - 1) if done else 0
        whole = pictures is not None and pictures.dtype == np.uint8 and due <= len(pictures) <= most
        if not whole or pictures.shape[1:] != self.painted.shape[1:]:
            raise NstError(f"the checkpoint has not the {due} painted pictures of its step; start anew")
        self.rows, self.seconds, self.painted = rows, float(seconds), pictures

    def _beside(self, ending: str) -> Path:
        return self.output.with_suffix(ending)
