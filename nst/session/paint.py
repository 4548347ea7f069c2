"""The iterations of a run, and everything that happens between them."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nst.engine.checkpoint import Checkpoint, save_checkpoint
from nst.engine.objective import Objective
from nst.engine.optimise import Progressed, optimise
from nst.errors import NstError, printable
from nst.report import Progress, Trace
from nst.session.arguments import spelled
from nst.session.outputs import Outputs, thin, thumbnail
from nst.session.plan import Plan

EARLY = (1, 2, 5, 10, 20, 50)  # iterations worth a picture, beside those that are saved


class Run:
    """A run in progress: knows how to save itself after any iteration and how to go on from a checkpoint.

    Parameters
    ----------
    plan
        What is to be done.
    outputs
        Where to.
    """

    def __init__(self, plan: Plan, outputs: Outputs) -> None:
        self.plan, self.outputs = plan, outputs
        self.optimizer = plan.optimizer()
        self.image = plan.sources.start
        self.iteration = 0
        self.trace = Trace()
        self.thumbnails = {0: thumbnail(self.image)}
        self.timings: dict[str, float] = {}
        self._last = time.perf_counter()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        NstError
            When the files are not those that the checkpoint was made with.
        """
        for role in {**self.plan.hashes, **checkpoint.hashes}:
            if checkpoint.hashes.get(role) != self.plan.hashes.get(role):
                raise NstError(
                    f"the {printable(role)} is not the one that the checkpoint was made with; start anew"
                )
        if checkpoint.image.shape != self.image.shape:
            raise NstError(
                f"the checkpoint's image is {checkpoint.image.shape[1:3]}, not {self.image.shape[1:3]}"
            )
        try:
            self.optimizer.load(checkpoint.optimizer)
            self.plan.rng.bit_generator.state = checkpoint.rng
        except (LookupError, ValueError, TypeError, ArithmeticError) as error:
            raise NstError(f"the checkpoint's optimiser state does not fit: {error}") from error
        self.image, self.iteration = checkpoint.image, checkpoint.iteration
        self.trace = Trace.from_plain(checkpoint.trace)
        self.thumbnails = dict(checkpoint.thumbnails)

    def paint(self) -> tuple[str, bool]:
        """Do the iterations that are left and write all files; return why it ended and whether on request."""
        options = self.plan.options
        with self._timed("targets"):
            objective = self.plan.objective()
        progress = Progress(
            options.iterations, quiet=options.quiet, every=options.print_every, start=self.iteration
        )
        with interruptible() as interrupted, progress:

            def after(step: Progressed) -> bool:
                self._record(step, objective, progress)
                if step.iteration % options.save_every == 0 and step.iteration < options.iterations:
                    self.save("running")
                return interrupted()

            self._last = time.perf_counter()
            self.image, reason = optimise(
                objective, self.image, self.optimizer, options.iterations, done=self.iteration, on_step=after
            )
            self.save(reason)
            return reason, interrupted()

    def _record(self, step: Progressed, objective: Objective, progress: Progress) -> None:
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self.timings["iterations"] = self.timings.get("iterations", 0.0) + seconds
        self.image, self.iteration = step.image, step.iteration
        options = self.plan.options
        milestone = step.iteration % options.save_every == 0 or step.iteration == options.iterations
        if milestone or step.iteration in EARLY:
            self.thumbnails[step.iteration] = thumbnail(step.image)
            thin(self.thumbnails)
        # A backward pass for each term: as long as two iterations or three, so not often.
        shares = self._shares(objective) if milestone or step.iteration == 1 else None
        self.trace.add(
            step.iteration,
            step.value,
            step.parts,
            seconds=seconds,
            evaluations=step.evaluations,
            gradient_norm=step.gradient_norm,
            shares=shares,
        )
        progress.update(step.iteration, step.value, step.parts)
        self._last = time.perf_counter()

    def _shares(self, objective: Objective) -> dict[str, float]:
        """Return each term's part of the pull at the picture, by the norm of its own gradient."""
        with self._timed("gradient shares"), np.errstate(over="ignore", invalid="ignore"):  # as `optimise`
            norms = objective.gradient_norms(self.image)
            whole = sum(norms.values()) or 1.0
            return {label: norm / whole for label, norm in norms.items()}

    def save(self, reason: str) -> None:
        """Write picture, checkpoint, record and report: on a disk that is almost full, the picture at least."""
        plan, sources = self.plan, self.plan.sources
        with self._timed("saving"):
            keep = plan.options.original_colors == "after"
            result = self.outputs.write_picture(self.image, sources.content, sources.alpha, keep)
            save_checkpoint(
                self.outputs.checkpoint,
                Checkpoint(
                    iteration=self.iteration,
                    image=self.image,
                    optimizer=self.optimizer.state(),
                    settings={"arguments": spelled(plan.options, self.outputs.checkpoint.parent)},
                    hashes=plan.hashes,
                    rng=plan.rng.bit_generator.state,
                    trace=self.trace.to_plain(),
                    thumbnails=self.thumbnails,
                ),
            )
        about = {
            "title": _title(plan),
            "settings": plan.settings(),
            "hashes": plan.hashes,
            "timings": self.timings,
        }
        inputs = [("content", sources.content)]
        inputs += [(f"style {number}", style) for number, style in enumerate(sources.styles, 1)]
        self.outputs.write_record(about, self.trace, reason)
        self.outputs.write_report(about, self.trace, result, inputs, self.thumbnails, reason)
        self._last = time.perf_counter()

    @contextlib.contextmanager
    def _timed(self, label: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[label] = self.timings.get(label, 0.0) + time.perf_counter() - start


def _title(plan: Plan) -> str:
    names = [Path(path).name for path in plan.options.pictures] or ["landscape.jpg", "strokes.jpg"]
    return f"{names[0]} as {' and '.join(names[1:])}"


@contextlib.contextmanager
def interruptible() -> Iterator[Any]:
    """Let the first Ctrl-C, or SIGTERM, ask for a stop after the iteration, and the second stop at once.

    Yields a function that says whether a stop was asked for. The state between two iterations is whole, so that
    what is saved then can be resumed; in the middle of a line search it would not be.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us there handles Ctrl-C
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
