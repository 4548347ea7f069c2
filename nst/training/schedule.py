"""Schedules: the learning rate as a function of the step alone, so that a training can be taken up anywhere."""

from __future__ import annotations

import math

from nst.training.recipe import Recipe

START, END = 25.0, 1e4  # of one-cycle: the highest rate over the first, the first over the last


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    r"""Return the rate of a step, counted from 0.

    With T steps in all, of which the first W are those of the warm-up, and the highest rate r::

        constant    r
        step        r drop^k, with k the number of milestones that lie behind
        cosine      r (1 + cos(pi (t - W) / (T - W))) / 2           Loshchilov and Hutter, SGDR, 2017
        one-cycle   r/25 ... r ... r / (25 10^4), both ways half a wave of a cosine; its top is at W - 1, its end at
                    T - 1                                           Smith and Topin, 2018; fastai's and PyTorch's form

    In a warm-up the first three are r (t + 1) / W instead (Goyal et al., 2017).

    Parameters
    ----------
    recipe
        Its learning rate, schedule, milestones, drop, warm-up and epochs.
    step
        From 0.
    steps_per_epoch
        Epochs of the recipe, be they whole or not, are turned into steps with it.
    """
    total, warm = recipe.epochs * steps_per_epoch, round(recipe.warmup * steps_per_epoch)
    if recipe.schedule == "one-cycle":
        return _one_cycle(recipe.learning_rate, step, total, warm)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    if recipe.schedule == "cosine":
        return recipe.learning_rate * (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2
    if recipe.schedule == "step":
        behind = sum(step >= round(milestone * steps_per_epoch) for milestone in recipe.milestones)
        return recipe.learning_rate * recipe.drop**behind
    return recipe.learning_rate


def _one_cycle(highest: float, step: int, total: int, warm: int) -> float:
    top, first = warm - 1, highest / START
    if step <= top:
        return _wave(first, highest, step / top if top else 1.0)
    return _wave(highest, first / END, (step - top) / (total - 1 - top))


def _wave(start: float, end: float, part: float) -> float:
    """Return half a wave of a cosine from `start` to `end`, at `part` (0 … 1) of the way."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
