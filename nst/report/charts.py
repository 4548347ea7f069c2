"""The panels of the report: each takes what it needs from the trace and says in a line how to read it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from nst.report.colours import TOTAL
from nst.report.curves import line_chart, stacked_bars
from nst.report.scales import shown
from nst.report.trace import Trace
from nst.report.words import duration, escaped, number, thinned

_SMALL = (540, 300)
_TOLD_ROWS = 24


def loss_chart(trace: Trace, colours: Mapping[str, str]) -> str:
    """Return the curves of the loss and of each part; logarithmic where all totals are positive."""
    totals = [row.loss for row in trace]
    curves = {"loss": totals}
    curves |= {label: [row.parts.get(label, math.nan) for row in trace] for label in trace.labels}
    log = all(shown(value, log=True) for value in totals if math.isfinite(value))
    note = "The objective that was optimised, and what each weighted term adds to it"
    note += ", on a logarithmic scale." if log else "."
    lost = sum(not math.isfinite(value) for value in totals)
    if lost:
        note += f" Left out: {lost} iterations whose loss is not finite."
    palette = {"loss": TOTAL, **colours}
    chart = line_chart(
        [row.iteration for row in trace],
        curves,
        name="loss",
        title="Loss",
        colours=palette,
        log=log,
        marks=_marks(trace),
    )
    final = {label: number(values[-1]) for label, values in curves.items()}
    return panel("Loss", note, chart, legend(final, palette))


def share_chart(trace: Trace, colours: Mapping[str, str]) -> str:
    """Return the bars of gradient shares; empty when none were measured."""
    rows = [row for row in trace if row.shares]
    if not rows:
        return ""
    shares = [row.shares or {} for row in rows]
    labels = dict.fromkeys(label for share in shares for label in share)
    chart = stacked_bars(
        [row.iteration for row in rows],
        shares,
        name="shares",
        title="Gradient shares",
        colours=colours,
        size=_SMALL,
    )
    final = {label: f"{number(100 * shares[-1].get(label, 0.0), 3)} %" for label in labels}
    note = "How strongly each term pulls at the picture: the norm of its own gradient, as a part of all."
    return panel("Gradient shares", note, chart, legend(final, colours))


def time_chart(trace: Trace) -> str:
    """Return the curve of seconds per iteration, cut where a slow start would squeeze all the rest."""
    rows = [row for row in trace if shown(row.seconds, log=True)]
    if not rows:
        return ""
    seconds = [row.seconds for row in rows]
    longest, medians = max(seconds), {}
    for size in dict.fromkeys(row.size for row in rows):
        medians[size] = statistics.median(row.seconds for row in rows if row.size == size)
    cap = 3 * max(medians.values())
    told = [
        duration(median) if size is None else f"{duration(median)} at {size} px"
        for size, median in medians.items()
    ]
    note = f"Median {', '.join(told)}."
    if longest > cap:
        slowest = rows[seconds.index(longest)].iteration
        note += f" The longest, iteration {slowest:,}, took {duration(longest)}: beyond the axis."
    chart = line_chart(
        [row.iteration for row in rows],
        {"time": seconds},
        name="time",
        title="Seconds per iteration",
        colours={"time": TOTAL},
        zero=True,
        cap=cap,
        unit=" s",
        marks=_marks(trace),
        size=_SMALL,
    )
    return panel("Seconds per iteration", note, chart)


def gradient_chart(trace: Trace) -> str:
    """Return the curve of the norm of the image gradient; empty when it was not measured."""
    rows = [row for row in trace if shown(row.gradient_norm, log=True)]
    if not rows:
        return ""
    chart = line_chart(
        [row.iteration for row in rows],
        {"norm": [row.gradient_norm for row in rows]},
        name="gradient",
        title="Gradient norm",
        colours={"norm": TOTAL},
        log=True,
        marks=_marks(trace),
        size=_SMALL,
    )
    return panel("Gradient norm", "Euclidean length of the image gradient, on a logarithmic scale.", chart)


def timing_bars(timings: Mapping[str, float]) -> str:
    """Return where the time went as a table with bars, longest first."""
    spent = {label: seconds for label, seconds in timings.items() if shown(seconds, log=True)}
    if not spent:
        return ""
    whole, longest = sum(spent.values()), max(spent.values())
    rows = "".join(
        f'<tr><th scope="row">{escaped(label)}</th>'
        f'<td class="track"><i style="width:{100 * seconds / longest:.1f}%"></i></td>'
        f"<td>{duration(seconds)}</td></tr>"
        for label, seconds in sorted(spent.items(), key=lambda item: -item[1])
    )
    return panel("Where the time went", f"{duration(whole)} in all.", f'<table class="bars">{rows}</table>')


def rows_table(trace: Trace) -> str:
    """Return the numbers behind the curves, folded away: at most 24 rows, evenly spread."""
    labels = trace.labels
    heads = ["iteration", "loss", *labels, "gradient norm", "evaluations", "seconds"]
    lines = []
    for row in (trace.rows[i] for i in thinned(len(trace), _TOLD_ROWS)):
        told = [number(row.parts[label]) if label in row.parts else "–" for label in labels]
        told = [f"{row.iteration:,}", number(row.loss), *told, number(row.gradient_norm)]
        told += [f"{row.evaluations:,}", number(row.seconds, 3)]
        lines.append(f"<tr>{''.join(f'<td>{text}</td>' for text in told)}</tr>")
    head = "".join(f'<th scope="col">{escaped(text)}</th>' for text in heads)
    return (
        '<details><summary>The numbers</summary><div class="scroll"><table class="rows">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _marks(trace: Trace) -> dict[int, str]:
    """Return where each size of the picture begins, for a run of several."""
    return {iteration: f"{size:,} px" for iteration, size in trace.sizes.items()}


def panel(heading: str, note: str, content: str, legend: str = "") -> str:
    """Return a card of the page: a heading, a line on how to read it, a chart or a table, and what its colours are."""
    head = f'<h3>{heading}</h3><p class="note">{escaped(note)}</p>'
    return f'<section class="panel">{head}\n<div class="scroll">{content}</div>{legend}</section>'


def legend(final: Mapping[str, str], colours: Mapping[str, str]) -> str:
    """Return label -> last value as a list, each with its colour."""
    items = "".join(
        f'<li><i style="background:{colours[label]}"></i>{escaped(label)}<span>{value}</span></li>'
        for label, value in final.items()
    )
    return f'<ul class="legend">{items}</ul>'
