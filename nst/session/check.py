"""`--check-gradients`: the run's own objective against differences, term by term, before anything is painted."""

from __future__ import annotations

import argparse

import numpy as np

from nst.checks import OBJECTIVE_LIMIT, check_terms
from nst.kernels import to_host
from nst.session.plan import Plan

SIZE = 128  # pixels of the longest side: the same layers, weights and pictures, in seconds instead of many minutes
NOISE = 8.0  # standard deviation, in grey levels


def shrink(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options with one `--size`, brought down to what a check in float64 needs, which takes it whole."""
    small = {"size": min(options.size, SIZE), "scales": 1, "iterations": [1], "memory": None}
    return argparse.Namespace(**{**vars(options), **small})


def check(plan: Plan) -> int:
    """Check the image gradient of each term and of their sum in float64; print a table and return 0 if all pass.

    The image is the run's start with a little noise: at the content itself the content loss and its gradient are
    exactly zero, and a check there would prove nothing.
    """
    content = plan.sources.content_at(plan.scales[0])
    styles = plan.sources.styles_at(plan.scales[0], content)
    objective = plan.transfer.objective(plan.network, content, styles).astype(np.float64)
    start = to_host(plan.start()).astype(np.float64)
    image = start + NOISE * plan.rng.standard_normal(start.shape)
    print(
        f"gradient of the image at {image.shape[2]}x{image.shape[1]} in float64, against central differences"
    )
    reports = check_terms(objective, image, seed=plan.options.seed)
    for label, report in reports.items():
        print(f"{label:24} {report}  {'ok' if report.passed() else 'FAILED'}")
    right = sum(report.passed() for report in reports.values())
    print(
        f"{right} of {len(reports)} right: error below {OBJECTIVE_LIMIT:g} and falling as the square of the step"
    )
    return int(right < len(reports))
