"""The iterations of a run, and everything that happens between them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np

from nst.engine import Checkpoint, Layout, Objective, Progressed, optimise, save_checkpoint
from nst.errors import NstError
from nst.images import eight_bits
from nst.kernels import to_host
from nst.report import Progress, Trace
from nst.session.interrupt import interruptible
from nst.session.outputs import INPUT, Outputs, shown, small, thin, thumbnail
from nst.session.plan import Plan
from nst.session.resuming import spelled
from nst.session.scales import Scale, left

EARLY = (1, 2, 5, 10, 20, 50)  # iterations worth a picture, beside those that are saved


class Run:
    """A run in progress: knows how to save itself after any iteration and how to go on from a checkpoint.

    Parameters
    ----------
    plan
        What is to be done.
    outputs
        Where to.
    checkpoint
        From where, if not from the beginning; it belongs to the plan.

    Raises
    ------
    NstError
        When the state of the optimiser in the checkpoint makes no sense.
    """

    def __init__(self, plan: Plan, outputs: Outputs, checkpoint: Checkpoint | None = None) -> None:
        self.plan, self.outputs = plan, outputs
        self.hues = (
            small(plan.sources.content.pixels) if plan.keeps_hues else None
        )  # for the pictures along the way
        self.timings: dict[str, float] = {}
        self.inputs: list[tuple[str, np.ndarray]] = []
        if checkpoint is None:
            self.scale, self.done, self.iteration, self.trace = 0, 0, 0, Trace()
            self.optimizer = plan.optimizer(0)
            self.image = plan.start()
            self.thumbnails = {0: thumbnail(to_host(self.image), self.hues)}
        else:
            self._restore(checkpoint)
        self._last = time.perf_counter()

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.optimizer = self.plan.optimizer(checkpoint.scale)
        try:
            self.optimizer.load(self._placed(checkpoint.optimizer))
            self.plan.rng.bit_generator.state = checkpoint.rng
        except (LookupError, ValueError, TypeError, ArithmeticError) as error:
            raise NstError(f"the checkpoint's optimiser state does not fit: {error}") from error
        self.image, self.iteration = self.plan.placed(checkpoint.image), checkpoint.iteration
        self.scale, self.done = checkpoint.scale, checkpoint.done
        self.trace = Trace.from_plain(checkpoint.trace)
        self.thumbnails = dict(checkpoint.thumbnails)
        self._enlarge()

    def _placed(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the state of an optimiser with all that is like the picture where that is painted."""
        return {name: self.plan.placed(array) if array.ndim == 4 else array for name, array in state.items()}

    @property
    def _now(self) -> Scale:
        """The scale that is being painted."""
        return self.plan.scales[self.scale]

    @property
    def _layout(self) -> Layout:
        return self.plan.layouts[self.scale]

    def paint(self) -> tuple[str, bool]:
        """Do the iterations that are left and write all files; return why it ended and whether on request."""
        objective = self._targets()  # until here, Ctrl-C loses nothing
        with interruptible() as interrupted, self._progress() as progress:
            while True:
                reason = self._iterate(objective, progress, interrupted)
                if interrupted() or not self._enlarge():
                    break
                del objective  # before the next: both at once would take too much memory
                objective = self._targets()
            self.save(reason)
            return reason, interrupted()

    def _progress(self) -> Progress:
        options = self.plan.options
        total = self.iteration + self._left()
        return Progress(total, quiet=options.quiet, every=options.print_every, start=self.iteration)

    def _left(self) -> int:
        """Return how many iterations are left, at this scale and all finer ones."""
        return sum(left(self.plan.scales, self.scale, self.done))

    def _targets(self) -> Objective:
        """Measure content and styles at the scale."""
        with self._timed("targets"):
            content = self.plan.sources.content_at(self._now)
            styles = self.plan.sources.styles_at(self._now, content)
            named = self.plan.sources.inputs(content, styles)
            self.inputs = [(name, eight_bits(small(picture[0], INPUT))) for name, picture in named]
            return self.plan.objective(self.scale, content, styles)

    def _iterate(self, objective: Objective, progress: Progress, interrupted: Callable[[], bool]) -> str:
        """Do the iterations of the scale; return why they ended."""
        if interrupted():
            return f"stopped on request after iteration {self.iteration}"
        last = self.iteration + left(self.plan.scales, self.scale, self.done)[self.scale]
        later = self.plan.scales[self.scale + 1 :]
        cost = sum(scale.iterations * (scale.size / self._now.size) ** 2 for scale in later)
        progress.stage(self.iteration + self._left(), last, cost)

        def after(step: Progressed) -> bool:
            progress.update(step.iteration, step.value, step.parts)
            self._record(step, objective)
            if self._is_milestone() and self._left():
                self.save("running")
            self._last = time.perf_counter()
            return interrupted()

        self._last = time.perf_counter()
        self.image, reason = optimise(
            objective, self.image, self.optimizer, last, done=self.iteration, on_step=after
        )
        return reason

    def _is_milestone(self) -> bool:
        """Tell whether this iteration is worth being saved: every so often, and before and at the end of a scale."""
        return self.iteration % self.plan.options.save_every == 0 or self.done >= self._now.iterations

    def _record(self, step: Progressed, objective: Objective) -> None:
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self.timings["iterations"] = self.timings.get("iterations", 0.0) + seconds
        self.image, self.iteration = step.image, step.iteration
        self.done = self._now.iterations if step.stopped else self.done + 1
        if self._is_milestone() or step.iteration in EARLY:
            self.thumbnails[step.iteration] = thumbnail(to_host(step.image), self.hues)
            thin(self.thumbnails)
        # As long as three iterations, so only at the ends of each scale; in tiles longer still.
        looked = not self._layout.tiled and self.done in (1, self._now.iterations)
        shares = self._shares(objective) if looked else None
        self.trace.add(
            step.iteration,
            step.value,
            step.parts,
            seconds=seconds,
            evaluations=step.evaluations,
            gradient_norm=step.gradient_norm,
            shares=shares,
            size=self._now.size if len(self.plan.scales) > 1 else None,
        )

    def _shares(self, objective: Objective) -> dict[str, float]:
        """Return each term's part of the pull at the picture, by the norm of its own gradient."""
        with self._timed("gradient shares"), np.errstate(over="ignore", invalid="ignore"):  # as `optimise`
            norms = objective.gradient_norms(self.image)
            whole = sum(norms.values()) or 1.0
            return {label: norm / whole for label, norm in norms.items()}

    def _enlarge(self) -> bool:
        """Go on to the next scale if this one is done: picture and optimiser grow. Return whether there was one."""
        if self.done < self._now.iterations or self.scale + 1 == len(self.plan.scales):
            return False
        self.scale, self.done = self.scale + 1, 0
        size = self.plan.sources.content_size(self._now)
        ratio = size[0] * size[1] / (self.image.shape[1] * self.image.shape[2])

        def resize(array: np.ndarray) -> np.ndarray:
            return self.plan.placed(self.plan.sources.enlarged(to_host(array)[0], size)[None])

        with self._timed("enlarging"):
            coarse, self.optimizer = self.optimizer, self.plan.optimizer(self.scale)
            self.optimizer.adopt(coarse, resize, ratio)
            self.image = resize(self.image)
        return True

    def save(self, reason: str) -> None:
        """Write picture, checkpoint, record and report: on a disk that is almost full, the picture at least."""
        plan, sources = self.plan, self.plan.sources
        with self._timed("saving"):
            image = to_host(self.image)
            result = plan.begun(shown(image, None if self.hues is None else sources.content.pixels))
            self.outputs.write_picture(result, sources.alpha_at(result.shape[:2]))
            save_checkpoint(
                self.outputs.checkpoint,
                Checkpoint(
                    iteration=self.iteration,
                    scale=self.scale,
                    done=self.done,
                    image=image,
                    optimizer={name: to_host(array) for name, array in self.optimizer.state().items()},
                    settings={
                        "arguments": spelled(plan.options, self.outputs.checkpoint.parent, plan.form),
                        "process": plan.process,
                    },
                    hashes=plan.hashes,
                    rng=plan.rng.bit_generator.state,
                    trace=self.trace.to_plain(),
                    thumbnails=self.thumbnails,
                ),
            )
        about = {
            "title": plan.title,
            "settings": plan.settings(),
            "hashes": plan.hashes,
            "timings": self.timings,
        }
        self.outputs.write_record(about, self.trace, reason)
        self.outputs.write_report(about, self.trace, result, self.inputs, self.thumbnails, reason)

    @contextlib.contextmanager
    def _timed(self, label: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[label] = self.timings.get(label, 0.0) + time.perf_counter() - start
