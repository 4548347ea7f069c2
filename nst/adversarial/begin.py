"""What `nst.gan mnist` and `texture` do once their arguments are known: begin a training, or go on."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst.adversarial.arguments import CHECKPOINT, output_of, settings_of
from nst.adversarial.job import Job, digit_job, texture_job
from nst.adversarial.real import digit_source, digits, fingerprint, patch_source, texture
from nst.adversarial.recipe import Recipe
from nst.adversarial.training import Files, Run, read_checkpoint
from nst.errors import NstError, printable
from nst.kernels.compiled import before_compiling

Make = Callable[[argparse.Namespace, dict[str, Any]], tuple[Job, str]]
"""Makes a job of options and settings; the second is what tells the real pictures from others."""


def digits_of(options: argparse.Namespace, settings: dict[str, Any]) -> tuple[Job, str]:
    """Return the training of digits, and what tells these from others."""
    pixels = digits(options.data)
    recipe = Recipe(**settings["recipe"])
    sizes = settings["net"], settings["width"], settings["noise"]
    return digit_job(*sizes, digit_source(pixels), recipe, {"of": "MNIST"}), fingerprint(pixels)


def texture_of(options: argparse.Namespace, settings: dict[str, Any]) -> tuple[Job, str]:
    """Return the training of a texture, and what tells its sample from others."""
    side, recipe = settings["side"], Recipe(**settings["recipe"])
    picture, pixels = texture(options.sample, settings["sample_size"], side)
    about = {"of": picture.source.name, "sha256": picture.sha256}
    sizes = settings["width"], settings["noise"], side, settings["features"]
    return texture_job(*sizes, patch_source(pixels, side), recipe, about), fingerprint(pixels)


def begin(options: argparse.Namespace, make: Make, inputs: list[str]) -> int:
    """Train what the options say, from the beginning or from a checkpoint; return an exit status.

    Parameters
    ----------
    options
        Of the command line.
    make
        Makes the training.
    inputs
        Files that must not be overwritten.

    Raises
    ------
    NstError
        For whatever is wrong with them.
    """
    before_compiling(lambda: _tell(options, "compiling the kernels for this machine, once: about 10 s"))
    output = output_of(options)
    checkpoint = None
    if options.resume is not None:
        checkpoint = read_checkpoint(options.resume or Path(output).with_suffix(CHECKPOINT))
    settings = settings_of(options, checkpoint and checkpoint.settings)
    files = Files(output, inputs)
    job, pictures = make(options, settings)
    settings["pictures"] = pictures
    if checkpoint is not None and checkpoint.settings.get("pictures") != pictures:
        raise NstError("the pictures are not those that the checkpoint was made with; start anew")
    run = Run(job, settings, files, checkpoint)
    if run.game.step == job.recipe.steps:
        raise NstError(
            f"the training is complete: {files.network} has the generator; to train longer, start anew"
        )
    if not run.go(options.save_every, options.quiet):
        source = [options.sample] if options.command == "texture" else ["--data", options.data]
        again = shlex.join([options.command, *source, "--resume", str(files.checkpoint)])
        _tell(
            options,
            f"stopped on request after step {run.game.step} of {job.recipe.steps}",
            f"go on with: python -m nst.gan {again}",
        )
        return 130
    last = run.history[-1]
    _tell(
        options,
        f"estimate {last['estimate']:.4g}, measured Lipschitz bound {last['slope']:.4g} (its weights allow "
        f"{last['bound']:.4g}): distance {last['estimate'] / last['slope']:.4g}",
        f"wrote {files.network}, {files.sheet.name}, {files.log.name}",
    )
    return 0


def _tell(options: argparse.Namespace, *lines: str) -> None:
    """Print lines beside the output, unless `--quiet`."""
    for text in () if options.quiet else lines:
        print(printable(text), file=sys.stderr, flush=True)
