"""A distillation from its arguments to its files: weights, checkpoint, log and report."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.files import atomic_write
from nst.formats.known import find_weights
from nst.images.folder import pictures_in
from nst.networks import build, fused, vgg
from nst.networks.slim import fresh_slim, slim_weights
from nst.report import duration
from nst.session.outputs import refuse_overwriting
from nst.training.crops import Crops, digest
from nst.training.distil import Distiller
from nst.training.distil_report import page
from nst.training.distillation import TAPS, Distillation
from nst.training.likeness import likeness
from nst.training.painted import painted
from nst.training.training_checkpoint import TrainingCheckpoint, load_training, save_training

FIRST = 16  # crops by which scales are set
HELD_OUT = 40  # one photograph in so many is never learned from
VALIDATED, SIDE = 24, 128  # crops of those, and their side, by which the student is measured
COLUMNS = (
    "step",
    "seconds",
    "rate",
    "silent",
    *(f"{what} {tap}" for what in ("features", "gram") for tap in TAPS),
)


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
        files = [path for path, _ in pictures_in(options.pictures)]
        if len(files) < HELD_OUT:
            raise NstError(
                f"{len(files)} photographs are too few; give at least {HELD_OUT}, better a thousand"
            )
        self.digest = digest(files)
        held_out = Crops(files[::HELD_OUT], SIDE, 1, recipe.seed, 0, vary=False)
        self.files = [path for number, path in enumerate(files) if number % HELD_OUT]
        self.held_out = [held_out.step(number) for number in range(VALIDATED)]
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
            for _ in self._stage():
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

    def _stage(self) -> Iterator[None]:
        """Do steps as long as crops of one size are learned from."""
        recipe, distiller = self.recipe, self.distiller
        stage = recipe.stage(distiller.done)
        crops = Crops(self.files, stage[1], recipe.batch, recipe.seed, self.options.workers)
        steps = crops.steps(distiller.done)
        start = time.perf_counter()
        try:
            for images in steps:
                distiller.step(self._mixed(images))
                self.seconds += time.perf_counter() - start
                yield
                if distiller.done == recipe.steps or recipe.stage(distiller.done) != stage:
                    return
                start = time.perf_counter()
        finally:
            steps.close()

    def _mixed(self, images: np.ndarray) -> np.ndarray:
        """Return crops, the first of which give way to painted pictures where there are such."""
        recipe, done = self.recipe, self.distiller.done
        due = recipe.painting(done) - len(self.painted)
        if due > 0:
            both = Crops(self.files, recipe.side, 2 * due, recipe.seed + 2, 0).step(done)
            new = painted(vgg(self._weights()), both[:due], both[due:], (recipe.seed, done))
            self.painted = np.concatenate([self.painted, new])
        if len(self.painted):
            rng = np.random.default_rng((recipe.seed, done, 1))
            for image in images[: min(recipe.mixed, len(images) // 2)]:
                one = self.painted[rng.integers(len(self.painted))]
                image[:] = one[:, ::-1] if rng.random() < 0.5 else one
        return images

    def _report(self) -> str:
        """Measure the student; write checkpoint, log, report and weights; return a line."""
        distiller = self.distiller
        errors, silent = distiller.validate(self.held_out)
        rate = self.recipe.rate(distiller.done - 1)
        measured = [errors[tap][kind] if tap in errors else math.nan for kind in (0, 1) for tap in TAPS]
        self.rows.append([distiller.done, round(self.seconds, 1), rate, silent, *measured])
        plain, arrays = distiller.state()
        state = {**plain, "seconds": self.seconds, "rows": self.rows}
        arrays["painted"] = self.painted
        save_training(self._beside(".checkpoint.npz"), TrainingCheckpoint(self._settings(), state, arrays))
        self._write_log()
        formats.write(self.output, self._weights(), self.options.dtype)
        left = (self.recipe.steps - distiller.done) * self.seconds / distiller.done
        features, grams = (
            " ".join(f"{errors[tap][kind]:.4f}" for tap in TAPS if tap in errors) for kind in (0, 1)
        )
        return (
            f"step {distiller.done}/{self.recipe.steps}: features off by {features}, Gram matrices by {grams}, "
            f"{silent} units silent, {duration(self.seconds)}" + (f", {duration(left)} left" if left else "")
        )

    def _write_log(self) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([[f"{value:.6g}" for value in row] for row in self.rows])
        for path, content in (
            (self._beside(".csv"), text.getvalue()),
            (self._beside(".html"), page(COLUMNS, self.rows)),
        ):
            with atomic_write(path) as stream:
                stream.write(content.encode())

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
            "photographs": self.digest,
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
        if not (isinstance(rows, list) and all(map(_is_row, rows)) and _is_row([1, seconds], 2)):
            raise NstError("the log in the checkpoint makes no sense; start anew")
        pictures = saved.arrays.pop("painted", None)
        self.distiller.load(saved.state, saved.arrays)
        due = self.recipe.painting(self.distiller.done - 1) if self.distiller.done else 0
        if pictures is None or pictures.shape != (due, *self.painted.shape[1:]) or pictures.dtype != np.uint8:
            raise NstError(f"the checkpoint has not the {due} painted pictures of its step; start anew")
        self.rows, self.seconds, self.painted = rows, float(seconds), pictures

    def _beside(self, ending: str) -> Path:
        return self.output.with_suffix(ending)


def _is_row(row: object, length: int = len(COLUMNS)) -> bool:
    """Say whether this is a row of the log: a step, and numbers, of which those that were not measured are NaN."""
    if not (isinstance(row, list) and len(row) == length and type(row[0]) is int):
        return False
    return all(type(value) in (int, float) and (value != value or abs(value) < 1e15) for value in row)
