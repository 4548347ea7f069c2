"""Making the pictures of `look unit`, one target after the other, with a record of what came of each."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nst.engine.objective import Term
from nst.errors import NstError
from nst.files import sha256
from nst.images import save
from nst.inside.maximise import Maximised, maximise, mean_colour
from nst.inside.recipes import Recipe
from nst.inside.record import write_record
from nst.inside.sheet import sheet, stretched
from nst.inside.source import Source
from nst.layers import Softmax
from nst.losses import ClassScore, Diversity


@dataclass(frozen=True)
class Job:
    """What is wanted: a term by target, how, and where it goes."""

    source: Source
    terms: dict[str, Term]
    recipe: Recipe
    options: argparse.Namespace
    output: Path

    @property
    def size(self) -> int:
        """The side of each picture."""
        return self.options.size or self.source.crop

    def with_diversity(self, term: Term) -> list[Term]:
        """Return the term, and what keeps several pictures of it apart."""
        if not self.options.diversity or self.options.count == 1:
            return [term]
        if isinstance(term, ClassScore) and not self.options.diversity_layer:
            raise NstError("a class has no places in which pictures could differ: name a --diversity-layer")
        layer = self.source.network.resolve(self.options.diversity_layer or term.tap)
        return [term, Diversity(layer, self.options.diversity)]


def make(job: Job, say: Callable[[str], None]) -> Iterator[str]:
    """Make and write everything; yield a line for each target.

    The sheet is written anew after each target, so that what is there can be looked at while the others are made.
    """
    wanted = {target: job.with_diversity(term) for target, term in job.terms.items()}
    rows, results = [], []
    for target, term in job.terms.items():
        found, seconds = _one(job, target, wanted[target], say)
        shown = found.pictures
        if job.options.stretch:
            grey = mean_colour(job.source.network)
            shown = [stretched(picture, grey) for picture in shown]
        rows.append(list(shown))
        results.append(_result(job, target, term, found, seconds))
        save(job.output, sheet(rows))
        _write_record(job, results)
        yield _line(results[-1])


def _one(job: Job, target: str, terms: list[Term], say: Callable[[str], None]) -> tuple[Maximised, float]:
    started, label = time.perf_counter(), terms[0].label

    def tell(step: Any) -> None:
        if step.iteration % max(1, job.recipe.iterations // 5) == 0:
            seconds = time.perf_counter() - started
            activation = -step.parts[label] / job.options.count
            say(
                f"{target}: step {step.iteration} of {job.recipe.iterations}, {activation:.4g}, {seconds:.0f} s"
            )

    found = maximise(
        job.source.network,
        terms,
        job.recipe,
        (job.size, job.size),
        count=job.options.count,
        seed=job.options.seed,
        on_step=tell,
    )
    return found, time.perf_counter() - started


def _result(job: Job, target: str, term: Term, found: Maximised, seconds: float) -> dict[str, Any]:
    """Return what came of a target, ready for JSON; of a class, how probable the network finds it."""
    result = {"target": target, "activation": found.activation, "before": found.before, "seconds": seconds}
    if isinstance(term, ClassScore):
        scores = job.source.network.forward(found.pictures, [term.tap])[0][term.tap]
        chances, _ = Softmax().forward(scores.astype(np.float64))
        result["class"] = term.number
        result["probabilities"] = chances[:, term.number].tolist()
    return result


def _line(result: dict[str, Any]) -> str:
    text = f"{result['target']}: activation {result['before']:.4g} -> {result['activation']:.4g}"
    if "probabilities" in result:
        chances = ", ".join(f"{chance:.4f}" for chance in result["probabilities"])
        text += f", probability of class {result['class']} {chances}"
    return f"{text} ({result['seconds']:.0f} s)"


def _write_record(job: Job, results: list[dict[str, Any]]) -> None:
    settings = {
        "recipe": dataclasses.asdict(job.recipe),
        "size": job.size,
        "count": job.options.count,
        "diversity": job.options.diversity,
        "seed": job.options.seed,
        "stretch": job.options.stretch,
        "network": job.source.name,
    }
    write_record(job.output, settings, {"weights": sha256(job.source.path)}, results)
