"""The recipes by name: each a few lines, every setting of which the command line can change."""

from __future__ import annotations

from nst.errors import NstError, nearest
from nst.training.recipe import Recipe

# A new head on frozen layers: it learns in seconds from features that are kept, so there is time for many epochs.
HEAD = Recipe(
    epochs=30,
    batch=64,
    learning_rate=0.1,
    schedule="cosine",
    weight_decay=5e-4,
    decay_all=False,
    label_smoothing=0.1,
    dropout=0.5,
    flip=True,
)

RECIPES = {
    # Few epochs at a high rate, which rises and falls once: Smith and Topin, Super-Convergence, 2018.
    "vgg-small": Recipe(
        epochs=24,
        batch=128,
        learning_rate=0.2,
        schedule="one-cycle",
        warmup=3,
        weight_decay=5e-4,
        decay_all=False,
        label_smoothing=0.2,
        average=0.99,
        flip=True,
        shift=2 / 32,
        border="reflect",
        cutout=8,
    ),
    "vgg-mnist": Recipe(
        epochs=5,
        batch=128,
        learning_rate=0.2,
        schedule="one-cycle",
        warmup=1.5,
        weight_decay=5e-4,
        decay_all=False,
        label_smoothing=0.1,
        average=0.99,
        shift=2 / 28,
        border="reflect",  # digits end before the edge, so that what comes in is black
    ),
    # Simonyan and Zisserman's VGG-19 with batch normalisation, as it is commonly trained on CIFAR-10. There, Keras'
    # l2(5e-4) of each kernel adds 5e-4 |w|^2 to the loss; our decay of 1e-3 is the gradient of 1e-3 / 2 |w|^2, too.
    "vgg19-cifar": Recipe(
        epochs=200,
        batch=128,
        learning_rate=0.1,
        schedule="step",
        milestones=(80, 160),
        weight_decay=1e-3,
        decay_all=False,
        dropout=0.5,
        flip=True,
        shift=0.125,
    ),
    **dict.fromkeys(("squeezenet", "googlenet", "vgg16", "vgg19", "vgg19-to-conv4_1"), HEAD),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises
    ------
    NstError
        When there is none.
    """
    if name not in RECIPES:
        raise NstError(
            f"no recipe {name!r:.40}{nearest(name, list(RECIPES))}; there are {', '.join(RECIPES)}"
        )
    return RECIPES[name]
