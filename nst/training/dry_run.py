"""`--dry-run` of a training: how large the network is, and how long it would take, by three steps of it."""

from __future__ import annotations

import statistics
import time

from nst.networks import Network
from nst.report import duration
from nst.training.evaluate import evaluate
from nst.training.plan import Plan

STEPS = 3


def foretold(plan: Plan, workers: int) -> list[str]:
    """Return what would be done, a line for each thing; three steps are measured after one that warms up.

    The weights of the plan's network move by them.
    """
    told = list(plan.notes)
    plan = plan.prepared(told.append, probe=True)
    batches = plan.batches(workers)
    training, start, recipe = plan.training(batches.steps_per_epoch), plan.start, plan.recipe
    trained = [array for of in start.network.parameters().values() for array in of.values()]
    held = sum(array.size for array in start.arrays.values()) - sum(array.size for array in trained)
    size = sum(array.nbytes for array in start.arrays.values())
    sizes = "".join(f", {name} {value}" for name, value in start.sizes.items())
    lines = [
        *told,
        f"network: {start.name}{sizes}, {sum(array.size for array in trained):,} numbers to train and "
        f"{held:,} others, {size:,} bytes",
        f"pictures: {len(plan.train):,} to train on, {0 if plan.test is None else len(plan.test):,} to test on, "
        f"{len(start.classes)} classes",
        f"recipe: {recipe.epochs} epochs of {batches.steps_per_epoch} steps of {recipe.batch} pictures, "
        f"rate {recipe.learning_rate:g}, {recipe.schedule}",
    ]
    source = batches.epoch(0)
    try:
        durations = []
        for _ in range(min(STEPS + 1, batches.steps_per_epoch)):
            begun = time.perf_counter()
            training.advance(*next(source))
            durations.append(time.perf_counter() - begun)
    finally:
        source.close()
    step = statistics.median(durations[1:] or durations)
    tested = _evaluation(plan, training.result) if plan.test is not None else 0.0
    epoch = step * batches.steps_per_epoch + tested
    return [
        *lines,
        f"a step takes {duration(step)}, an evaluation {duration(tested)}, an epoch {duration(epoch)}",
        f"all of it would take {duration(recipe.epochs * epoch)}",
    ]


def _evaluation(plan: Plan, network: Network) -> float:
    """Return how many seconds an evaluation takes, by a batch of it."""
    few = plan.test.part(range(min(plan.recipe.batch, len(plan.test))))
    begun = time.perf_counter()
    evaluate(network, few, plan.recipe.batch, plan.flip)
    return (time.perf_counter() - begun) * len(plan.test) / len(few)
