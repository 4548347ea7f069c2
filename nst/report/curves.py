"""Charts as inline SVG: curves over the iterations, and stacked bars. No script; values show on hovering.

A chart is text in the same coordinates as its `view box`; colours and type come from the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from nst.report.scales import Scale, fit, shown
from nst.report.words import escaped, number, thinned

_POINTS = 600  # of one curve: finer than the screen
_BANDS = 150  # places on the horizontal axis that answer to the pointer
_BARS = 48
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 22, 12, 40


def line_chart(
    iterations: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    *,
    name: str,
    title: str,
    colours: Mapping[str, str],
    log: bool = False,
    zero: bool = False,
    cap: float = math.inf,
    unit: str = "",
    marks: Mapping[int, str] | None = None,
    size: tuple[int, int] = (960, 380),
    axis: str = "iteration",
) -> str:
    """Return the chart of some curves over the iterations.

    Parameters
    ----------
    iterations
        The horizontal places, increasing.
    curves
        label -> one value for each iteration; what has no place on the axis leaves a gap.
    name
        Unique in the page; the accessible title and description carry it in their ids.
    colours
        label -> a colour of CSS.
    log, zero, cap
        As for `nst.report.scales.fit`.
    unit
        What the values are in, for the hovering text.
    marks
        iteration -> what begins there, in a word or two; curves are cut before it.
    size
        Width and height of the view box.
    axis
        What one of the iterations is called.
    """
    width, height = size
    across = fit(iterations, _LEFT, width - _RIGHT, margin=0)
    values = [value for curve in curves.values() for value in curve]
    up = fit(values, height - _BOTTOM, _TOP, log=log, zero=zero, cap=cap)
    chosen = thinned(len(iterations), _POINTS)
    dot = ' style="stroke-width: 7px"' if len(chosen) == 1 else ""
    lines = [
        f'<path class="curve"{dot} stroke="{colours[label]}" '
        f'd="{_path(_places(iterations, curve, chosen, across, up, marks or {}))}"/>'
        for label, curve in curves.items()
    ]
    body = [*_vertical_axis(up, width), *_iteration_axis(across, height, axis)]
    body += [*_beginnings(marks or {}, across, height), *lines]
    body += _bands(iterations, curves, across, height, unit, axis)
    return _svg(name, title, _summary(iterations, curves, axis), size, body)


def stacked_bars(
    iterations: Sequence[int],
    shares: Sequence[Mapping[str, float]],
    *,
    name: str,
    title: str,
    colours: Mapping[str, str],
    size: tuple[int, int] = (960, 380),
) -> str:
    """Return one bar for each iteration, cut into the shares of each label; every bar is made to fill 100 %.

    What is not finite or not positive counts as nothing; a bar of nothing stays empty.
    """
    width, height = size
    chosen = thinned(len(iterations), _BARS)
    up = Scale(0.0, 1.0, height - _BOTTOM, _TOP)
    pitch = (width - _LEFT - _RIGHT) / max(1, len(chosen))
    bar = min(pitch * 0.86, 90.0)
    body = list(_vertical_axis(up, width, percent=True))
    named = set(thinned(len(chosen), 6))
    for place, i in enumerate(chosen):
        x = _LEFT + (place + 0.5) * pitch
        if place in named:
            body.append(f'<text class="tick" x="{x:.1f}" y="{height - 20}">{iterations[i]:,}</text>')
        base = 0.0
        for label, share in _normalised(shares[i]).items():
            y, bottom = up(base + share), up(base)
            tip = f"iteration {iterations[i]:,}\n{escaped(label)}: {number(100 * share, 3)} %"
            body.append(
                f'<rect class="part" fill="{colours[label]}" x="{x - bar / 2:.1f}" y="{y:.2f}" '
                f'width="{bar:.1f}" height="{bottom - y:.2f}"><title>{tip}</title></rect>'
            )
            base += share
    body.append(_axis_name(width, height))
    return _svg(name, title, f"Measured at {len(iterations)} iterations.", size, body)


def _normalised(shares: Mapping[str, float]) -> dict[str, float]:
    parts = {label: share for label, share in shares.items() if shown(share, log=True)}
    largest = max(parts.values(), default=1.0)
    whole = sum(share / largest for share in parts.values())  # divided first: the sum cannot overflow
    return {label: share / largest / whole for label, share in parts.items()}


def _places(
    iterations: Sequence[int],
    curve: Sequence[float],
    chosen: Iterable[int],
    across: Scale,
    up: Scale,
    marks: Mapping[int, str],
) -> Iterator[tuple[float | None, float | None]]:
    """Yield the points of a curve, with a gap before each mark."""
    begun = sum(mark <= iterations[0] for mark in marks) if iterations else 0
    for i in chosen:
        now = sum(mark <= iterations[i] for mark in marks)
        if now > begun:
            yield None, None
        begun = now
        yield across(iterations[i]), up(curve[i])


def _beginnings(marks: Mapping[int, str], across: Scale, height: int) -> list[str]:
    """Return an upright line with its word for each mark."""
    drawn = []
    for iteration, word in marks.items():
        x = across(iteration)
        drawn.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}"/>')
        drawn.append(f'<text class="mark" x="{x + 5:.1f}" y="{_TOP + 11}">{escaped(word)}</text>')
    return drawn


def _path(points: Iterable[tuple[float | None, float | None]]) -> str:
    """Return the path through `points`, cut at gaps; a point alone becomes a dot, a line of no length."""
    runs: list[list[str]] = [[]]
    for x, y in points:
        if x is None or y is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f},{y:.2f}")
    return "".join(f"M{run[0]}L{' '.join(run[1:] or run)}" for run in runs if run)


def _vertical_axis(up: Scale, width: int, percent: bool = False) -> list[str]:
    drawn = []
    for tick in up.ticks(5 if percent else 6):
        text = f"{100 * tick:.0f} %" if percent else number(tick, 3, longest=4)
        y = up(tick)
        drawn.append(f'<line class="rule" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="value" x="{_LEFT - 10}" y="{y + 4:.1f}">{text}</text>')
    return drawn


def _iteration_axis(across: Scale, height: int, axis: str) -> list[str]:
    drawn = [
        f'<text class="tick" x="{across(tick):.1f}" y="{height - 20}">{tick:,.0f}</text>'
        for tick in across.ticks(8, whole=True)
    ]
    return [*drawn, _axis_name(round(across.end) + _RIGHT, height, axis)]


def _axis_name(width: int, height: int, axis: str = "iteration") -> str:
    return (
        f'<text class="name" x="{(width + _LEFT - _RIGHT) / 2:.1f}" y="{height - 3}">{escaped(axis)}</text>'
    )


def _bands(
    iterations: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    across: Scale,
    height: int,
    unit: str,
    axis: str,
) -> list[str]:
    """Return invisible upright bands, side by side, that tell all values at an iteration on hovering."""
    chosen = thinned(len(iterations), _BANDS)
    places = [across(iterations[i]) for i in chosen]
    edges = [(a + b) / 2 for a, b in pairwise(places)]
    drawn = []
    for i, left, right in zip(chosen, [across.start, *edges], [*edges, across.end], strict=False):
        told = [f"{escaped(label)}: {number(curve[i])}{unit}" for label, curve in curves.items()]
        tip = "\n".join([f"{escaped(axis)} {iterations[i]:,}", *told])
        drawn.append(
            f'<rect class="band" x="{left:.1f}" y="{_TOP}" width="{max(0.0, right - left):.1f}" '
            f'height="{height - _TOP - _BOTTOM}"><title>{tip}</title></rect>'
        )
    return drawn


def _summary(iterations: Sequence[int], curves: Mapping[str, Sequence[float]], axis: str) -> str:
    """Return in words what the chart shows, for those who do not see it."""
    if not iterations:
        return f"No {axis}s."
    ends = [f"{label} from {number(curve[0])} to {number(curve[-1])}" for label, curve in curves.items()]
    return f"{axis.capitalize()}s {iterations[0]} to {iterations[-1]}: {'; '.join(ends)}."


def _svg(name: str, title: str, description: str, size: tuple[int, int], body: Iterable[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {size[0]} {size[1]}" role="img" '
        f'aria-labelledby="{name}-title {name}-description">\n'
        f'<title id="{name}-title">{escaped(title)}</title>\n'
        f'<desc id="{name}-description">{escaped(description)}</desc>\n' + "\n".join(body) + "\n</svg>"
    )
