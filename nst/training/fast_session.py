"""The training of a generator from its arguments to its files: the net, checkpoint and report."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nst.engine import culprit
from nst.errors import NstError
from nst.formats import generators
from nst.images import eight_bits
from nst.networks import Network
from nst.networks.generators import Design, plain
from nst.report import Progress, duration
from nst.session.outputs import check_network, refuse_overwriting, small, thin
from nst.training.crops import Crops
from nst.training.fast_loss import Perceptual
from nst.training.fast_recipe import FastRecipe
from nst.training.fast_report import trace_of, write_page
from nst.training.fast_trainer import FastTraining
from nst.training.training_checkpoint import TrainingCheckpoint, load_training, save_training

HELD_OUT = 40  # one photograph in so many is never learned from
SAMPLES = 3  # of those, painted for the report
JUDGED = 6  # and by so many crops the generator is judged
SAMPLE_SIDE = 192


@dataclass
class Wanted:
    """What a training is asked for.

    Attributes
    ----------
    design, recipe
    styles : list of (str, ndarray)
        Names, and pictures (1, h, w, 3).
    files : list of Path
        Photographs; for a texture none.
    loss : Perceptual
    asked : dict
        What else the result depends on, in the types of JSON: hashes.
    """

    design: Design
    recipe: FastRecipe
    styles: list[tuple[str, np.ndarray]]
    files: list[Path]
    loss: Perceptual
    asked: dict[str, Any]


class Files:
    """The files of a training: `NAME.npz` and beside it `.checkpoint.npz` and `.html`.

    Raises
    ------
    NstError
        When one cannot be written, or is an input.
    """

    def __init__(self, output: str, inputs: Sequence[str | Path]) -> None:
        self.net = check_network(output)
        self.checkpoint, self.report = (self.net.with_suffix(end) for end in (".checkpoint.npz", ".html"))
        refuse_overwriting(output, (self.net, self.checkpoint, self.report), inputs)


class Session:
    """A training in progress, which knows how to save itself.

    Parameters
    ----------
    wanted : Wanted
    files : Files
    options
        With `resume`, `save_every`, `workers`, `dtype` and `quiet`.

    Raises
    ------
    NstError
        When the checkpoint does not belong to what is wanted.
    """

    def __init__(self, wanted: Wanted, files: Files, options: Any) -> None:
        self.wanted, self.files, self.options = wanted, files, options
        self.training = FastTraining(wanted.design, wanted.recipe, wanted.loss)
        self.learned, self.held_out = _divided(wanted)
        self.seconds, self.pictures, self.judged = 0.0, {}, {}
        if options.resume:
            self._resume()
        self._last = time.perf_counter()

    @property
    def settings(self) -> dict[str, Any]:
        """What a checkpoint must have been made with."""
        design = {f"design {name}": value for name, value in plain(self.wanted.design).items()}
        return {**design, **self.wanted.recipe.plain(), **self.wanted.asked}

    def run(self, enough: Callable[[], bool]) -> Iterator[str]:
        """Do the steps that are left, until `enough` says stop; yield lines that tell how it goes."""
        training, recipe = self.training, self.wanted.recipe
        yield (
            f"{recipe.steps - training.step:,} steps of {recipe.batch} crops of {recipe.side} pixels, "
            f"{_count(training.network):,} numbers to learn"
        )
        progress = Progress(
            recipe.steps, quiet=self.options.quiet, every=max(1, recipe.steps // 50), start=training.step
        )
        stopped = False
        with progress, contextlib.closing(self._crops()) as crops:
            for photographs in crops:
                if training.step < recipe.steps:
                    parts = training.advance(photographs)
                    now = time.perf_counter()
                    self.seconds, self._last = self.seconds + now - self._last, now
                    progress.update(training.step, sum(parts.values()), parts)
                stopped = enough()
                if training.step >= recipe.steps or stopped or training.step % self.options.save_every == 0:
                    progress.note(self.save())
                if training.step >= recipe.steps or stopped:
                    break
        if stopped and training.step < recipe.steps:
            yield "stopped; --resume goes on"
        yield f"{self.files.net}: {self.files.net.stat().st_size:,} bytes after {duration(self.seconds)}"

    def save(self) -> str:
        """Judge the generator; write the net, checkpoint and report; return a line."""
        training, files = self.training, self.files
        value = self._judge()
        if not math.isfinite(value):
            raise NstError(
                f"step {training.step}: what it paints is not finite; {culprit.RATE}; nothing was written"
            )
        self.judged[training.step] = value
        self.pictures[training.step] = self._sample()
        thin(self.pictures)
        generators.write_generator(files.net, self._generator(), self.options.dtype)
        state, arrays = training.state()
        arrays |= {f"picture.{step}": picture for step, picture in self.pictures.items()}
        judged = [[step, found] for step, found in self.judged.items()]
        state |= {"seconds": self.seconds, "judged": judged}
        save_training(files.checkpoint, TrainingCheckpoint(self.settings, state, arrays))
        self._write_report()
        self._last = time.perf_counter()  # what is not training is not counted as such
        return f"step {training.step}: {value:.4g} on what it has not seen, {duration(self.seconds)}"

    def _generator(self) -> generators.Generator:
        recipe = self.wanted.recipe
        about = {"recipe": recipe.plain(), "step": self.training.step, **self.wanted.asked}
        names = tuple(name[: generators.LONGEST_NAME] for name, _ in self.wanted.styles)
        return generators.Generator(self.wanted.design, names, self.training.network, about)

    def _crops(self) -> Generator[np.ndarray, None, None]:
        recipe, step = self.wanted.recipe, self.training.step
        if not self.learned:
            return _blanks(recipe)
        crops = Crops(self.learned, recipe.side, recipe.batch, recipe.seed, self.options.workers, vary=False)
        return crops.steps(step)

    def _judge(self) -> float:
        """Return the mean objective over crops that are never learned from, or over textures of other noise."""
        values = []
        for at, crop in enumerate(self.held_out[:JUDGED]):
            style = at % self.wanted.design.styles
            parts, _ = self.training.loss(self.training.painted(crop, style), crop, [style])
            values.append(sum(parts.values()))
        return float(np.mean(values))

    def _sample(self) -> np.ndarray:
        """Return some paintings side by side, (H, W, 3) uint8."""
        painted = [
            self.training.painted(crop, at % self.wanted.design.styles)[0]
            for at, crop in enumerate(self.held_out[:SAMPLES])
        ]
        return np.concatenate([eight_bits(small(one, SAMPLE_SIDE)) for one in painted], axis=1)

    def _write_report(self) -> None:
        styles = [(name, eight_bits(picture[0])) for name, picture in self.wanted.styles]
        shown = [eight_bits(crop[0]) for crop in self.held_out[:SAMPLES] if self.learned]
        inputs = [*styles, *([("photographs", np.concatenate(shown, axis=1))] if shown else [])]
        training = self.training
        trace = trace_of(training.losses, training.loss.labels, self.seconds)
        write_page(self.files.report, self._title(), trace, inputs, self.pictures, self.settings, self.judged)

    def _title(self) -> str:
        kind = f"{self.wanted.design.kind} generator, {self.wanted.design.norm} normalisation"
        return f"{' and '.join(name for name, _ in self.wanted.styles)}: {kind}"

    def _resume(self) -> None:
        saved = load_training(self.files.checkpoint)
        for key, value in self.settings.items():
            if saved.settings.get(key) != value:
                raise NstError(
                    f"the checkpoint was made with another {key}; ask for the same, or start anew without --resume"
                )
        seconds, judged = saved.state.get("seconds"), saved.state.get("judged")
        pictures = {
            name.removeprefix("picture."): array
            for name, array in saved.arrays.items()
            if name.startswith("picture.")
        }
        if not (_is_number(seconds) and isinstance(judged, list) and all(map(_is_pair, judged))):
            raise NstError("the times in the checkpoint make no sense; start anew")
        known = {str(step) for step, _ in judged}
        if not all(name in known and _is_picture(picture) for name, picture in pictures.items()):
            raise NstError("the pictures in the checkpoint make no sense; start anew")
        self.training.load(saved.state, saved.arrays)
        self.seconds, self.judged = float(seconds), {step: float(value) for step, value in judged}
        self.pictures = {int(step): pictures[step] for step in sorted(pictures, key=int)}


def _divided(wanted: Wanted) -> tuple[list[Path], list[np.ndarray]]:
    """Return the photographs to learn from, and crops (1, H, W, 3) of the others."""
    recipe, files = wanted.recipe, wanted.files
    if wanted.design.mode == "texture":
        return [], [next(_blanks(dataclasses.replace(recipe, batch=1)))]
    if len(files) < 2:
        raise NstError(f"{len(files)} photograph is too few to learn from; give a folder with some hundred")
    held = files[::HELD_OUT]
    crops = Crops(held, recipe.side, 1, recipe.seed, 0, vary=False)
    return [file for at, file in enumerate(files) if at % HELD_OUT], [crops.step(at) for at in range(JUDGED)]


def _blanks(recipe: FastRecipe) -> Generator[np.ndarray, None, None]:
    """Yield what stands for photographs where a texture comes from noise."""
    while True:
        yield np.zeros((recipe.batch, recipe.side, recipe.side, 3), np.float32)


def _count(network: Network) -> int:
    return sum(array.size for found in network.parameters().values() for array in found.values())


def _is_number(found: object) -> bool:
    return type(found) in (int, float) and math.isfinite(found) and found >= 0


def _is_pair(found: object) -> bool:
    return isinstance(found, list) and len(found) == 2 and type(found[0]) is int and _is_number(found[1])


def _is_picture(found: np.ndarray) -> bool:
    return found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3 and found.size > 0
