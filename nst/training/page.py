"""The report of a training: one HTML file with the curves of loss, accuracy and learning rate."""

from __future__ import annotations

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
_SIZE = (540, 300)
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
        panels = (_loss(training), _accuracy(training), _steps(training), _rate(training))
        parts += ["<h2>How it went</h2>", f'<div class="panels">{"".join(panels)}</div>']
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
            found["Best epoch in test"] = (
                f"{100 * max(epoch.test_accuracy for epoch in training.history):.2f} %"
            )
    return found


def _steps(training: Training) -> str:
    """Return the curve of the loss by steps."""
    losses = training.losses
    width = max(1, -(-len(losses) // _POINTS))
    blocks = [losses[start : start + width] for start in range(0, len(losses), width)]
    chart = line_chart(
        [min((i + 1) * width, len(losses)) for i in range(len(blocks))],
        {"loss": [sum(block) / len(block) for block in blocks]},
        name="steps",
        title="Loss by steps",
        colours={"loss": _TRAIN},
        log=True,
        size=_SIZE,
        axis="step",
    )
    told = "each mini-batch" if width == 1 else f"{width} mini-batches at a time"
    return panel("Loss by steps", f"Cross-entropy of {told}, as they were trained on.", chart)


def _epochs(
    training: Training,
    name: str,
    title: str,
    note: str,
    curves: Mapping[str, list[float | None]],
    unit: str = "",
) -> str:
    """Return two curves over the epochs, of training and, where there was one, of test."""
    known = {label: values for label, values in curves.items() if values and None not in values}
    if not known:
        return ""
    colours = {"training": _TRAIN, "test": _TEST}
    chart = line_chart(
        [epoch.epoch for epoch in training.history],
        known,
        name=name,
        title=title,
        colours=colours,
        log=name == "loss",
        unit=unit,
        size=_SIZE,
        axis="epoch",
    )
    last = {label: f"{number(values[-1])}{unit}" for label, values in known.items()}
    return panel(title, note, chart, legend(last, colours))


def _loss(training: Training) -> str:
    curves = {
        "training": [epoch.loss for epoch in training.history],
        "test": [epoch.test_loss for epoch in training.history],
    }
    note = "Mean cross-entropy; in training of changed pictures"
    note += ", against smoothed labels." if training.recipe.label_smoothing else "."
    return _epochs(training, "loss", "Loss", note, curves)


def _accuracy(training: Training) -> str:
    history = training.history
    curves = {
        "training": [100 * epoch.accuracy for epoch in history],
        "test": [epoch.test_accuracy and 100 * epoch.test_accuracy for epoch in history],
    }
    return _epochs(training, "accuracy", "Accuracy", "How many pictures were named rightly.", curves, " %")


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
        size=_SIZE,
        axis="step",
    )
    return panel("Learning rate", f"Schedule: {training.recipe.schedule}.", chart)
