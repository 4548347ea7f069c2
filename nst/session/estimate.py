"""What a run will take, before it begins: time and memory, scale by scale."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from nst.engine import Layout
from nst.measure.calibrate import Calibration
from nst.networks.tiling import Tiling
from nst.report import duration
from nst.session.plan import Plan
from nst.session.scales import Scale

SEARCHED = 2  # evaluations that line searches of L-BFGS take at the beginning, beside one in each iteration
SEARCHES = 0.02  # and later, in an iteration
LONG = 2e8  # pixels times iterations; on two good cores, five minutes
SAVING = 0.9e-6  # seconds a pixel: encoding the picture and the page's, writing the state


@dataclass(frozen=True)
class Estimate:
    """What one scale will take: seconds, and the bytes that the process will have at the most."""

    scale: Scale
    seconds: float
    memory: int

    def __str__(self) -> str:
        return f"about {duration(self.seconds)}, {size(self.memory)}"


def estimates(plan: Plan, ahead: Sequence[int]) -> list[Estimate]:
    """Measure for half a second how fast this machine is; return what the iterations `ahead` will take, by scale."""
    pace = Calibration(plan.fast, plan.transfer.content_layers, plan.transfer.style_layers)
    return [
        Estimate(scale, _seconds(plan, scale, layout, count, pace), layout.total)
        for scale, layout, count in zip(plan.scales, plan.layouts, ahead, strict=True)
        if count
    ]


def _seconds(plan: Plan, scale: Scale, layout: Layout, count: int, pace: Calibration) -> float:
    height, width = plan.sources.content_size(scale)
    shape = (1, height, width, 3)
    step, saves = pace.step(shape), count // plan.options.save_every + 1
    sizes = (height, width), *plan.sources.style_sizes(scale)
    targets = sum(map(partial(_forward, pace), sizes, (layout.content, *layout.styles)))
    evaluations = count if plan.options.optimizer == "adam" else SEARCHED + count * (1 + SEARCHES)
    # Looking how hard each term pulls, at the first and at the last: down to each tap, half the way on the average.
    shares = 0 if layout.tiled else 2 * step.total * len(plan.transfer.taps) / 2
    return targets + evaluations * _evaluation(pace, layout, shape) + shares + saves * SAVING * height * width


def _evaluation(pace: Calibration, layout: Layout, shape: tuple[int, ...]) -> float:
    """Return the seconds of one evaluation: of a tile, one more walk forward than of a whole picture, or two.

    Losses are taken of what a tile owns alone. They count here as if the halo were its own too, which makes up for
    the copies of its features that are made for them.
    """
    if layout.content is None:
        return pace.step(shape).total
    more = 2 if layout.keep == "nothing" else 1
    crops = Counter(tile.shape for tile in layout.content)
    steps = {crop: pace.step((1, *crop, 3)) for crop in crops}
    return sum(count * (steps[crop].total + more * steps[crop].forward) for crop, count in crops.items())


def _forward(pace: Calibration, size: tuple[int, int], tiling: Tiling | None) -> float:
    """Return the seconds of measuring a picture once, halos and all if it is in tiles."""
    crops = Counter([size] if tiling is None else (tile.shape for tile in tiling))
    return sum(count * pace.forward((1, *crop, 3)) for crop, count in crops.items())


def foretold(plan: Plan, ahead: Sequence[int]) -> list[str]:
    """Return what the iterations `ahead` will take, a line for each scale if there are several, and one for all."""
    if plan.on_card:
        return [f"about {size(max(layout.total for layout in plan.layouts))} on the card"]
    found = estimates(plan, ahead)
    lines = [f"{one.scale.size} px: {one}" for one in found] if len(plan.scales) > 1 else []
    seconds, memory = sum(one.seconds for one in found), max((one.memory for one in found), default=0)
    return [*lines, f"about {duration(seconds)}, {size(memory)}"]


def is_long(plan: Plan, ahead: Sequence[int]) -> bool:
    """Tell whether a run is long enough for half a second of measuring how long."""
    if plan.on_card:  # whose pace is not measured beforehand
        return False
    pixels = [math.prod(plan.sources.content_size(scale)) for scale in plan.scales]
    return sum(map(operator.mul, pixels, ahead)) >= LONG


def size(count: int) -> str:
    """Return an amount of memory in words."""
    return f"{count / 1e9:.2g} GB" if count >= 995e6 else f"{count / 1e6:.0f} MB"
