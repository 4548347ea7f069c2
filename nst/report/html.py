"""The report of a run: one HTML file that needs nothing else, opens offline, and may be passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nst.files import atomic_write
from nst.report.charts import gradient_chart, loss_chart, rows_table, share_chart, time_chart, timing_bars
from nst.report.colours import colours
from nst.report.document import document
from nst.report.stylesheet import SCRIPT
from nst.report.thumbnails import image_tag
from nst.report.trace import Trace, plain
from nst.report.words import duration, escaped, number, thinned

MOST_PICTURES = 24
_RESULT_SIDE, _INPUT_SIDE, _FRAME_SIDE = 1280, 640, 480

Picture = tuple[str, np.ndarray]


def write_report(
    path: str | os.PathLike,
    *,
    title: str,
    trace: Trace,
    result: Picture | None = None,
    inputs: Sequence[Picture] = (),
    pictures: Sequence[Picture] = (),
    settings: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    hashes: Mapping[str, str] | None = None,
    timings: Mapping[str, float] | None = None,
    stopped: str | None = None,
) -> None:
    """Write the report of a run, atomically.

    Whatever is not given leaves no empty place in the page. A picture is a caption and an array (H, W, 3) of
    uint8 RGB; the page holds reduced JPEG copies, so that it stays below a few megabytes.

    Parameters
    ----------
    title
        The heading, such as "lighthouse.jpg as starry-night.jpg".
    trace
        The iterations; loss, gradient shares and times are drawn from it.
    result, inputs
        The picture made, and what it was made of: content first, then the styles.
    pictures
        Along the way, in order; at most 24 are shown, evenly spread, first and last among them.
    settings, versions, hashes
        As for `nst.report.trace.write_json`.
    timings
        label -> seconds: where the time of the whole run went.
    stopped
        Why the run ended.

    Raises
    ------
    NstError
        When the file cannot be written.
    ValueError
        When a picture is not (H, W, 3) uint8.
    """
    sections = [
        _figures(trace, stopped),
        _hero(result, inputs),
        _film([pictures[i] for i in thinned(len(pictures), MOST_PICTURES)]),
        _charts(trace, timings or {}),
        _tables(settings or {}, versions or {}, hashes or {}),
    ]
    page = document(title, "\n".join(section for section in sections if section), script=SCRIPT)
    with atomic_write(path) as stream:
        stream.write(page.encode("utf-8"))


def _figures(trace: Trace, stopped: str | None) -> str:
    """Return the few numbers that one looks for first."""
    facts = {}
    if trace.rows:
        last = trace.rows[-1]
        first = next(
            row for row in trace if row.size == last.size
        )  # the losses of two sizes are not compared
        facts["Iterations"] = f"{last.iteration:,}"
        facts["Loss"] = f"{number(first.loss)} → {number(last.loss)}"
        facts["Time"] = duration(trace.seconds)
        facts["Evaluations"] = f"{sum(row.evaluations for row in trace):,}"
    if stopped:
        facts["Ended"] = stopped
    return figures(facts)


def figures(facts: Mapping[str, str]) -> str:
    """Return a few numbers in large type, by what they are."""
    items = "".join(f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="figures">{items}</dl>' if facts else ""


def _figure(picture: Picture, longest: int, quality: int = 85) -> str:
    caption, pixels = picture
    tag = image_tag(pixels, caption, longest, quality)
    return f"<figure>{tag}<figcaption>{escaped(caption)}</figcaption></figure>"


def _hero(result: Picture | None, inputs: Sequence[Picture]) -> str:
    if result is None and not inputs:
        return ""
    painted = _figure(result, _RESULT_SIDE, quality=92) if result else ""
    beside = "".join(_figure(picture, _INPUT_SIDE) for picture in inputs)
    kind = "inputs many" if len(inputs) > 2 else "inputs"
    beside = f'<div class="{kind}">{beside}</div>' if beside else ""
    return f'<div class="hero">{painted}{beside}</div>'


def _film(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    frames = "".join(_figure(picture, _FRAME_SIDE) for picture in pictures)
    return f'<h2>Along the way</h2>\n<div class="film"><div class="strip">{frames}</div></div>'


def _charts(trace: Trace, timings: Mapping[str, float]) -> str:
    shared = [label for row in trace for label in row.shares or {}]
    colour = colours(list(dict.fromkeys([*trace.labels, *shared])))
    small = [share_chart(trace, colour), time_chart(trace), gradient_chart(trace), timing_bars(timings)]
    panels = "\n".join(panel for panel in small if panel)
    parts = []
    if trace.rows:
        parts += ["<h2>How it went</h2>", loss_chart(trace, colour)]
    if panels:
        parts.append(f'<div class="panels">{panels}</div>')
    if trace.rows:
        parts.append(rows_table(trace))
    return "\n".join(parts)


def _tables(settings: Mapping[str, Any], versions: Mapping[str, str], hashes: Mapping[str, str]) -> str:
    """Return what is needed to do the run again."""
    left = facts("Settings", settings)
    right = facts("Versions", versions) + facts("SHA-256", hashes, "mono")
    return f'<div class="tables"><div>{left}</div><div>{right}</div></div>' if left or right else ""


def facts(heading: str, found: Mapping[str, Any], kind: str = "") -> str:
    """Return a table of settings or the like, by name; nothing for none."""
    if not found:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td class="{kind}">{escaped(_told(value))}</td></tr>'
        for name, value in plain(found).items()
    )
    return f'<h2>{heading}</h2><table class="facts">{rows}</table>'


def _told(value: Any) -> str:
    """Return a setting in words: lists with commas, nested ones as ``name value``."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        return ", ".join(_told(item) for item in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(item)}" for name, item in value.items()) or "–"
    return str(value)
