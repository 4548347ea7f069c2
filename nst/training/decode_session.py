"""The training of slim's decoders from its arguments to its files: decoders, checkpoint, log and report."""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nst import formats
from nst.errors import NstError
from nst.formats.codec_files import bundled_slim
from nst.networks.slim_codecs import DECODERS, TAPS, slim_encoder
from nst.networks.weights import Weights
from nst.report import duration
from nst.session.outputs import refuse_overwriting
from nst.training.crops import Crops
from nst.training.decode import DecoderTrainer
from nst.training.decoding import LEVELS, Decoding
from nst.training.photographs import Photographs
from nst.training.rows import check_rows, write_rows
from nst.training.training_checkpoint import TrainingCheckpoint, load_training, save_training

FIRST = 8  # crops by which the units of a fresh decoder are scaled
VALIDATED, SIDE = 16, 128  # crops of photographs kept apart, and their side, by which decoders are measured
CHARTS = {
    "pixels": "Plain reconstruction: root mean square error, of 255",
    "features": "Plain reconstruction: the error of the features, as a share of them",
    "style": "In another's style: how far mean and deviation are from that one's, as a share of them",
}
COLUMNS = (
    "step",
    "seconds",
    "rate",
    *(f"{kind} {TAPS[level]}" for kind in ("pixels", "features") for level in LEVELS),
    f"style {TAPS[LEVELS[-1]]}",
)


class DecoderSession:
    """What a training of decoders reads and writes.

    Parameters
    ----------
    options
        As `nst.training.train_decoder` parses them.
    recipe

    Raises
    ------
    NstError
        When the photographs cannot be read, or the checkpoint is of another training.
    """

    def __init__(self, options: argparse.Namespace, recipe: Decoding) -> None:
        self.options, self.recipe, self.output = options, recipe, Path(options.output)
        if not self.output.parent.is_dir():
            raise NstError(f"cannot write {self.output}: the folder {self.output.parent} does not exist")
        self.slim, path = bundled_slim()
        written = [self.output, *(self._beside(ending) for ending in (".checkpoint.npz", ".csv", ".html"))]
        refuse_overwriting(options.output, written, [path])
        self.photographs = Photographs(options.pictures)
        self.held_out = self.photographs.held_out(VALIDATED, SIDE, recipe.seed)
        first = Crops(self.photographs.files, recipe.side, FIRST, recipe.seed + 1, 0).step(0)
        self.trainer = DecoderTrainer(slim_encoder(self.slim), recipe, first)
        self.rows: list[list[float]] = []
        self.seconds = 0.0
        if options.resume:
            self._resume()

    def run(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Do the steps that are left, until `enough` says stop; yield a line for each report."""
        recipe, trainer, files = self.recipe, self.trainer, self.photographs.files
        left = recipe.steps - trainer.done
        yield f"decoders of slim learn from {len(files):,} photographs: {left:,} steps of {recipe.batch} crops"
        steps = Crops(files, recipe.side, recipe.batch, recipe.seed, self.options.workers).steps(trainer.done)
        stopped, start, ends = False, time.perf_counter(), recipe.starts()[1:]
        try:
            while trainer.done < recipe.steps and not stopped:
                trainer.step(next(steps))
                self.seconds += time.perf_counter() - start
                stopped = enough()
                if stopped or trainer.done in ends or trainer.done % self.options.report_every == 0:
                    yield self._report()
                start = time.perf_counter()
        finally:
            steps.close()
        if trainer.done < recipe.steps:
            yield "stopped; --resume goes on"
        else:
            formats.write(self.output, self._weights(), self.options.dtype)  # which may be asked for anew
            yield f"{self.output}: {self.output.stat().st_size:,} bytes"

    def _report(self) -> str:
        """Measure the decoder that learns; write checkpoint, log, report and decoders; return a line."""
        trainer = self.trainer
        level, found = max(trainer.decoders), trainer.validate(self.held_out)
        rate = self.recipe.rate(trainer.done - 1)
        named = {f"{kind} {TAPS[level]}": value for kind, value in found.items()}
        measured = [named.get(column, math.nan) for column in COLUMNS[3:]]
        self.rows.append([trainer.done, round(self.seconds, 1), rate, *measured])
        plain, arrays = trainer.state()
        state = {**plain, "seconds": self.seconds, "rows": self.rows}
        save_training(self._beside(".checkpoint.npz"), TrainingCheckpoint(self._settings(), state, arrays))
        write_rows(self.output, "Decoders of slim", CHARTS, COLUMNS, self.rows)
        formats.write(self.output, self._weights(), self.options.dtype)
        left = (self.recipe.steps - trainer.done) * self.seconds / trainer.done
        styled = "" if math.isnan(found["style"]) else f", style by {found['style']:.4f}"
        return (
            f"step {trainer.done}/{self.recipe.steps}: from {TAPS[level]} pixels are off by {found['pixels']:.1f}, "
            f"features by {found['features']:.4f}{styled}; {duration(self.seconds)}"
            + (f", {duration(left)} left" if left else "")
        )

    def _weights(self) -> Weights:
        """Return all decoders that have begun, as a file holds them, with the encoder's hash."""
        recipe, count = self.recipe, len(self.photographs.files)
        notes = [
            f"randomly initialised (seed {recipe.seed}), taught to make {count} photographs of slim's features: "
            f"{self.trainer.done} steps of {recipe.batch} crops; sha256 is slim's"
        ]
        slim = self.slim
        source, licence = "nst.train decoder", "MIT"
        return Weights(
            self.trainer.arrays(), DECODERS, "RGB", slim.mean, slim.scale, source, slim.sha256, licence, notes
        )

    def _settings(self) -> dict:
        return {
            **dataclasses.asdict(self.recipe),
            "encoder": self.slim.sha256,
            "photographs": self.photographs.digest,
        }

    def _resume(self) -> None:
        saved = load_training(self._beside(".checkpoint.npz"))
        for key, value in self._settings().items():
            if saved.settings.get(key) != value:
                raise NstError(
                    f"the checkpoint was made with another value of {key}; start anew without --resume"
                )
        rows, seconds = saved.state.get("rows"), saved.state.get("seconds")
        check_rows(rows, seconds, COLUMNS)
        self.trainer.load(saved.state, saved.arrays)
        self.rows, self.seconds = rows, float(seconds)

    def _beside(self, ending: str) -> Path:
        return self.output.with_suffix(ending)
