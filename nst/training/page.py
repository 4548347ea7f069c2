"""The report of a training: one HTML file with the curves of loss, accuracy and learning rate."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from nst.files import atomic_write
from nst.report import versions
from nst.report.charts import legend, panel
from nst.report.curves import line_chart
from nst.report.document import document
from nst.report.html import facts, figures
from nst.report.words import duration, number
from nst.training.trainer import Training

_POINTS = 400  # of the curve of the loss: what lies between two of them is averaged
_WIDE, _SMALL = (960, 380), (540, 300)
_TRAIN, _TEST = "#2f7fc4", "#cf5a2a"


def write_page(path: str | os.PathLike, title: str, training: Training, settings: Mapping[str, Any]) -> None:
    """Write the report of a training as far as it has come, atomically.

    Raises
    ------
    NstError
        When the file cannot be written.
    """
    parts = [figures(_facts(training))]
    if training.losses:
        parts += ["<h2>How it went</h2>", _loss(training)]
        parts.append(f'<div class="panels">{_accuracy(training)}{_rate(training)}</div>')
    tables = facts("Settings", settings), facts("Versions", versions())
    parts.append(f'<div class="tables"><div>{tables[0]}</div><div>{tables[1]}</div></div>')
    with atomic_write(path) as stream:
        stream.write(document(title, "\n".join(parts)).encode("utf-8"))


def _facts(training: Training) -> dict[str, str]:
    found = {"Steps": f"{training.step:,} of {training.total:,}", "Time": duration(training.seconds)}
    if training.history:
        last = training.history[-1]
        found["Loss"] = number(last.loss)
        found["Right in training"] = f"{100 * last.accuracy:.2f} %"
        if last.test_accuracy is not None:
            found["Right in test"] = f"{100 * last.test_accuracy:.2f} %"
            found["Best"] = f"{100 * max(epoch.test_accuracy for epoch in training.history):.2f} %"
    return found


def _loss(training: Training) -> str:
    """Return the curve of the loss by steps, with that in test as a dot at the end of each epoch."""
    losses = training.losses
    width = max(1, -(-len(losses) // _POINTS))
    blocks = [losses[start : start + width] for start in range(0, len(losses), width)]
    curves = {"training": [sum(block) / len(block) for block in blocks]}
    colours, tested = (
        {"training": _TRAIN},
        [epoch for epoch in training.history if epoch.test_loss is not None],
    )
    if tested:
        curves["test"], colours["test"] = [math.nan] * len(blocks), _TEST
        for epoch in tested:
            curves["test"][(epoch.step - 1) // width] = epoch.test_loss
    note = f"Cross-entropy of mini-batches as they were trained on, {width} steps at a time; in test after each epoch."
    chart = line_chart(
        [min((i + 1) * width, len(losses)) for i in range(len(blocks))],
        curves,
        name="loss",
        title="Loss",
        colours=colours,
        log=True,
        size=_WIDE,
        axis="step",
    )
    last = {"training": number(curves["training"][-1])} | (
        {"test": number(tested[-1].test_loss)} if tested else {}
    )
    return panel("Loss", note, chart, legend(last, colours))


def _accuracy(training: Training) -> str:
    history = training.history
    if not history:
        return ""
    curves, colours = {"training": [100 * epoch.accuracy for epoch in history]}, {"training": _TRAIN}
    if history[0].test_accuracy is not None:
        curves["test"], colours["test"] = [100 * epoch.test_accuracy for epoch in history], _TEST
    chart = line_chart(
        [epoch.epoch for epoch in history],
        curves,
        name="accuracy",
        title="Accuracy",
        colours=colours,
        unit=" %",
        size=_SMALL,
        axis="epoch",
    )
    last = {label: f"{values[-1]:.2f} %" for label, values in curves.items()}
    return panel("Accuracy", "How many pictures were named rightly.", chart, legend(last, colours))


def _rate(training: Training) -> str:
    width = max(1, training.step // _POINTS)
    steps = list(range(0, training.step, width))
    chart = line_chart(
        [step + 1 for step in steps],
        {"rate": [training.rate(step) for step in steps]},
        name="rate",
        title="Learning rate",
        colours={"rate": "currentColor"},
        zero=True,
        size=_SMALL,
        axis="step",
    )
    return panel("Learning rate", f"Schedule: {training.recipe.schedule}.", chart)
