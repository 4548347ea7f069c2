"""A training's log in rows of numbers, the first of which is the step: as CSV, as a page of curves, in a checkpoint."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from nst.errors import NstError
from nst.files import atomic_write
from nst.report.charts import line_chart
from nst.report.colours import colours
from nst.report.document import document

Rows = Sequence[Sequence[float]]


def write_rows(path: Path, title: str, charts: Mapping[str, str], columns: Sequence[str], rows: Rows) -> None:
    """Write rows as `.csv` beside `path`, and as `.html` the page that `page` makes of them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[f"{value:.6g}" for value in row] for row in rows])
    for ending, content in ((".csv", text.getvalue()), (".html", page(title, charts, columns, rows))):
        with atomic_write(path.with_suffix(ending)) as stream:
            stream.write(content.encode())


def page(title: str, charts: Mapping[str, str], columns: Sequence[str], rows: Rows) -> str:
    """Return a page of HTML with a chart for each kind of error, and one of the learning rate.

    Parameters
    ----------
    title
    charts
        By kind, what it says. A curve is drawn for each column whose name is the kind, a space, and the curve's name.
    columns
        Among them `step` and `rate`.
    rows
    """
    table = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    steps = [int(step) for step in table["step"]]
    parts = []
    for kind, told in charts.items():
        curves = {
            name.removeprefix(f"{kind} "): found
            for name, found in table.items()
            if name.startswith(f"{kind} ")
        }
        parts.append(line_chart(steps, curves, name=kind, title=told, colours=colours(curves), log=True))
    rate = {"learning rate": table["rate"]}
    parts.append(
        line_chart(steps, rate, name="rate", title="Learning rate", colours=colours(rate), zero=True)
    )
    return document(title, "\n".join(f"<figure>{part}</figure>" for part in parts))


def check_rows(rows: object, seconds: object, columns: Sequence[str]) -> None:
    """Refuse what cannot be a log, or the seconds that a training has taken.

    Raises
    ------
    NstError
        When it is not rows of a step, and of numbers of which those that were not measured are NaN.
    """
    if not (
        isinstance(rows, list)
        and all(_is_row(row, len(columns)) for row in rows)
        and _is_row([1, seconds], 2)
    ):
        raise NstError("the log in the checkpoint makes no sense; start anew")


def _is_row(row: object, length: int) -> bool:
    if not (isinstance(row, list) and len(row) == length and type(row[0]) is int):
        return False
    return all(type(value) in (int, float) and (value != value or abs(value) < 1e15) for value in row)
