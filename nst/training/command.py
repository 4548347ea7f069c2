"""What the commands of `python -m nst.train` do once they know where the pictures are: begin a training, or go on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from nst.errors import NstError
from nst.images.dataset import Dataset

Read = Callable[[argparse.Namespace], tuple[Dataset, Dataset | None]]
"""Reads the pictures to train and to test on."""


def begin(options: argparse.Namespace, read: Read) -> int:
    """Train what the options say, from scratch or from a checkpoint; return an exit status.

    Raises
    ------
    NstError
        For whatever is wrong with them.
    """
    from nst.kernels.compiled import before_compiling
    from nst.training.arguments import checkpoint_path, output_of, resumed
    from nst.training.finetune import fine_tuned
    from nst.training.plan import make_plan
    from nst.training.recipe import Recipe
    from nst.training.run import announce, train_plan
    from nst.training.training_checkpoint import load_training

    before_compiling(lambda: announce(options, "compiling the kernels for this machine, once: about 10 s"))
    _limit_threads(options.threads)
    options.output = output_of(options)
    checkpoint = recipe = None
    if options.resume is not None:
        path = Path(options.resume or checkpoint_path(options.output))
        checkpoint = load_training(path)
        options = resumed(options, checkpoint.settings.get("arguments"))
        recipe = Recipe.from_plain(checkpoint.settings.get("recipe"))
    plan = fine_tuned(make_plan(options, *read(options), recipe), options)
    return train_plan(plan, options, checkpoint)


def _limit_threads(count: int | None) -> None:
    """Let kernels run on so many threads."""
    import numba

    from nst.kernels.threads import THREADS

    if count is not None and count > THREADS:
        raise NstError(f"--threads {count}: there are {THREADS}; set NUMBA_NUM_THREADS for more")
    numba.set_num_threads(count or THREADS)
