"""The report of a distillation: how far the student is from its teacher, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from nst.report.charts import line_chart
from nst.report.colours import colours
from nst.report.document import document
from nst.training.distillation import TAPS

CHARTS = {
    "features": "What the student cannot tell of the teacher's features, as a share of them",
    "gram": "How far its Gram matrices are from the teacher's, as a share of them",
}


def page(columns: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    """Return a page of HTML with a chart of the held-out errors of each kind, and one of the learning rate."""
    table = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    steps = [int(step) for step in table["step"]]
    parts = []
    for kind, title in CHARTS.items():
        curves = {tap: table[f"{kind} {tap}"] for tap in TAPS}
        parts.append(line_chart(steps, curves, name=kind, title=title, colours=colours(curves), log=True))
    rate = {"learning rate": table["rate"]}
    parts.append(
        line_chart(steps, rate, name="rate", title="Learning rate", colours=colours(rate), zero=True)
    )
    return document("Distillation", "\n".join(f"<figure>{part}</figure>" for part in parts))
