"""What a run will take, before it begins: time and memory, scale by scale."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from nst.engine import Layout
from nst.measure.calibrate import Calibration
from nst.report import duration
from nst.session.plan import Plan
from nst.session.scales import Scale

EVALUATIONS = {"lbfgs": 1.06, "adam": 1.0}  # in an iteration, on the average of many runs
LONG = 2e7  # pixels times iterations; on two good cores, half a minute
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
    targets = pace.forward(shape)
    targets += sum(pace.forward((1, *size, 3)) for size in plan.sources.style_sizes(scale))
    evaluations = count * EVALUATIONS[plan.options.optimizer]
    # Looking how hard each term pulls is a pass forward, and one back for each.
    shares = 0 if layout.tiled else step.total + (len(plan.transfer.taps) - 1) * step.backward
    return (
        targets
        + evaluations * step.total * layout.work
        + (saves + 1) * shares
        + saves * SAVING * height * width
    )


def foretold(plan: Plan, ahead: Sequence[int]) -> list[str]:
    """Return what the iterations `ahead` will take, a line for each scale if there are several, and one for all."""
    found = estimates(plan, ahead)
    lines = [f"{one.scale.size} px: {one}" for one in found] if len(plan.scales) > 1 else []
    seconds, memory = sum(one.seconds for one in found), max((one.memory for one in found), default=0)
    return [*lines, f"about {duration(seconds)}, {size(memory)}"]


def is_long(plan: Plan, ahead: Sequence[int]) -> bool:
    """Tell whether a run is long enough for half a second of measuring how long."""
    pixels = [math.prod(plan.sources.content_size(scale)) for scale in plan.scales]
    return sum(map(operator.mul, pixels, ahead)) >= LONG


def size(count: int) -> str:
    """Return an amount of memory in words."""
    return f"{count / 1e9:.2g} GB" if count >= 995e6 else f"{count / 1e6:.0f} MB"
