"""Recipes: what they refuse, and that the presets say what they are named for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nst.errors import NstError
from nst.optimizers import SGD, SPARED, Groups
from nst.training import Recipe
from nst.training.recipes import RECIPES, recipe


def test_the_seeds_recipe():
    """The recipe of VGG-19 on CIFAR-10 is the one that the text gives; its l2(5e-4) is 5e-4 |w|^2, of kernels only."""
    found = recipe("vgg19-cifar")
    assert (found.epochs, found.batch, found.learning_rate, found.momentum) == (200, 128, 0.1, 0.9)
    assert (found.nesterov, found.dropout) == (True, 0.5)
    assert (found.schedule, found.milestones, found.drop) == ("step", (80, 160), 0.1)
    assert (found.flip, found.shift, found.border) == (True, 0.125, "constant")
    decayed = SGD(0.0, False, found.weight_decay, Groups(decays=() if found.decay_all else SPARED))
    layer = {name: np.full(1, 3.0) for name in ("weight", "bias", "gamma", "beta")}
    decayed.update({"any": layer}, {"any": {name: np.zeros(1) for name in layer}}, learning_rate=1.0)
    assert layer["weight"] == pytest.approx(3 - 5e-4 * (2 * 3.0))
    assert layer["bias"] == layer["gamma"] == layer["beta"] == 3


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_goes_through_json(name):
    """What is written into a checkpoint is read back as the same recipe."""
    assert Recipe.from_plain(json.loads(json.dumps(recipe(name).plain()))) == recipe(name)


@pytest.mark.parametrize(
    "settings, cause",
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"batch": True}, "batch"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"learning_rate": -1.0}, "learning rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"label_smoothing": 1.0}, "label smoothing"),
        ({"average": 1.0}, "average"),
        ({"schedule": "linear"}, "constant, step, cosine, one-cycle"),
        ({"border": "wrap"}, "constant, reflect"),
        ({"milestones": (3, 2)}, "3, 2"),
        ({"milestones": ("a",)}, "milestones"),
        ({"warmup": 21.0}, "warm-up of 21 epochs"),
        ({"flip": 1}, "flip"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings, cause):
    """Each in one line that names the setting."""
    with pytest.raises(NstError, match=cause):
        Recipe(**settings)


def test_a_recipe_from_outside_is_checked():
    """A setting too many, one too few, and what is no recipe at all."""
    plain = Recipe().plain()
    for broken in (None, [], {**plain, "more": 1}, {**plain, "milestones": 3}, {"epochs": 3}):
        with pytest.raises(NstError, match="recipe"):
            Recipe.from_plain(broken)


def test_an_unknown_recipe_is_told_with_the_nearest():
    """The message has all names."""
    with pytest.raises(NstError, match="did you mean 'vgg19-cifar'"):
        recipe("vgg19_cifar")
