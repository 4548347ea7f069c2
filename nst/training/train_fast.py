"""`python -m nst.fast train`: a generator that paints in one pass, for one style or several."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

from nst.cli import Parser
from nst.errors import NstError, printable
from nst.networks.generators import CHOICES, LIMITS, Design
from nst.session.arguments import add_network
from nst.session.values import layers, number, whole
from nst.training.fast_recipe import PRESETS, SCHEDULES, FastRecipe, Preset, checked, existing

DESCRIPTION = """Train a net that paints in one pass as nst.run paints in many, from a folder of photographs; or one
that makes a texture from noise."""
_LOSSES = ("content_weight", "style_weight", "tv_weight", "range_weight")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the parser of this command."""
    it: Parser = commands.add_parser("train", help="train a net of your own", description=DESCRIPTION)
    it.set_defaults(run=run)
    add = it.add_argument
    add("styles", nargs="+", metavar="STYLE", help="a painting; several make a net of several styles")
    told = "of photographs, some hundred; repeatable; textures need none"
    add("--photos", action="append", metavar="FOLDER", help=told)
    add("-o", "--output", default="net.npz", help="the net; checkpoint and report go beside it")
    told = "; ".join(f"{name}: {preset.told}" for name, preset in PRESETS.items())
    add(
        "--preset", choices=list(PRESETS), default="quick", help=f"{told}; all else changes one setting of it"
    )
    _add_design(it.add_argument_group("the net"))
    _add_recipe(it.add_argument_group("how it learns"))
    _add_loss(it.add_argument_group("what is asked of its paintings"))
    work = it.add_argument_group("work").add_argument
    work(
        "--save-every",
        type=whole(1),
        default=100,
        metavar="STEPS",
        help="between two checkpoints, and samples",
    )
    work(
        "--stop-after", type=number(0, above=True), metavar="MINUTES", help="save a checkpoint then, and stop"
    )
    work("--resume", action="store_true", help="go on from the checkpoint beside the output")
    work("--workers", type=whole(0, 64), default=1, help="threads that prepare photographs")
    work("--dtype", choices=("float32", "float16"), default="float32", help="of the numbers in the file")
    work("--quiet", action="store_true", help="print errors only")


def _add_design(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--generator", dest="kind", choices=CHOICES["kind"], help="residual: Johnson's; pyramid: Ulyanov's")
    add("--mode", choices=CHOICES["mode"], help="paint pictures, or make textures from noise: pyramid only")
    add("--normalisation", dest="norm", choices=CHOICES["norm"], help="after each convolution")
    add("--width", type=whole(*LIMITS["width"]), metavar="CHANNELS",
        help="of the first convolution, or of each scale")  # fmt: skip
    add(
        "--depth", type=whole(*LIMITS["depth"]), metavar="N", help="residual blocks, or scales of the pyramid"
    )

    add(
        "--ends",
        type=whole(*LIMITS["ends"]),
        metavar="PIXELS",
        help="residual: side of the first and last kernel, odd",
    )


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--steps", type=whole(1, 10_000_000))
    add("--batch", type=whole(1, 1024), help="crops in a step")
    add("--side", type=whole(16, 4096), metavar="PIXELS", help="of the crops")
    add("--learning-rate", type=number(0, above=True), help="of Adam")
    add("--schedule", choices=SCHEDULES, help="how the rate changes")
    add("--seed", type=whole(0, 2**63 - 1), help="of all that is random")


def _add_loss(group: argparse._ArgumentGroup) -> None:
    add_network(group, "max")
    add = group.add_argument
    for name in _LOSSES:
        add(f"--{name.replace('_', '-')}", type=number(0), help="as of nst.run")
    for kind in ("content", "style"):
        add(f"--{kind}-layers", type=layers, metavar="NAME[:W],...", help="as of nst.run")
    add(
        "--style-size",
        type=whole(16, 100_000),
        metavar="PIXELS",
        help="longest side of the styles",
    )


def run(options: argparse.Namespace) -> int:
    """Train, or go on with it; write net, checkpoint and report."""
    from nst.kernels.compiled import before_compiling
    from nst.session.interrupt import interruptible
    from nst.training.fast_session import Files, Session

    preset = PRESETS[options.preset]
    before_compiling(lambda: _say(options, "compiling the kernels for this machine, once: about 10 s"))
    design, recipe = design_of(options, preset), recipe_of(options, preset)
    if recipe.side % design.step or recipe.side == design.step:
        raise NstError(
            f"--side {recipe.side}: this generator wants a multiple of {design.step}, two at the least"
        )
    files = Files(options.output, [*options.styles, *filter(None, [options.weights])])
    session = Session(_wanted(options, design, recipe), files, options)
    limit = time.monotonic() + 60 * options.stop_after if options.stop_after else float("inf")
    with interruptible() as interrupted:
        for line in session.run(lambda: interrupted() or time.monotonic() > limit):
            _say(options, line)
        return 130 if interrupted() else 0


def _say(options: argparse.Namespace, line: str) -> None:
    if not options.quiet:
        print(printable(line), flush=True)


def design_of(options: argparse.Namespace, preset: Preset) -> Design:
    """Return the design of the preset with what the arguments change.

    Raises
    ------
    NstError
        When the choices do not go together.
    """
    given = _given(options, Design)
    kind = given.get("kind", preset.design.kind)
    if kind == "pyramid" and "ends" in given:
        raise NstError("--ends is of residual generators: leave it out, or choose --generator residual")
    if kind != preset.design.kind:
        # Widths and depths of the other kind are none of its.
        sizes = Design("pyramid", width=8, depth=6) if kind == "pyramid" else Design()
        given = {name: getattr(sizes, name) for name in ("width", "depth", "ends")} | given
    return dataclasses.replace(preset.design, **{**given, "styles": len(options.styles)})


def recipe_of(options: argparse.Namespace, preset: Preset) -> FastRecipe:
    """Return the recipe of the preset with what the arguments change; layers are looked at later."""
    given = _given(options, FastRecipe)
    return dataclasses.replace(
        preset.recipe, **{name: value for name, value in given.items() if not name.endswith("_layers")}
    )


def _tell_layers(options: argparse.Namespace, recipe: FastRecipe, preset: FastRecipe) -> None:
    """Say which layers stand in for those of the preset, where the network lacks them."""
    for kind in ("content", "style"):
        ours, theirs = (getattr(one, f"{kind}_layers") for one in (recipe, preset))
        if (
            getattr(recipe, f"{kind}_weight")
            and getattr(options, f"{kind}_layers") is None
            and ours != theirs
        ):
            told = [", ".join(name for name, _ in found) for found in (ours, theirs)]
            _say(options, f"{kind} layers: {told[0]}, as the network lacks some of {told[1]}")


def _given(options: argparse.Namespace, of: type) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(of)} - {"styles"}
    return {name: value for name, value in vars(options).items() if name in names and value is not None}


def _wanted(options: argparse.Namespace, design: Design, recipe: FastRecipe):
    """Read all that the training needs."""
    from nst.engine import StyleTransfer
    from nst.files import sha256
    from nst.images import fit_size, load, resize_to
    from nst.images.folder import pictures_in
    from nst.networks import build
    from nst.session.plan import read_vgg
    from nst.training.crops import digest
    from nst.training.fast_loss import Perceptual
    from nst.training.fast_session import Wanted

    if design.mode == "style" and not options.photos:
        raise NstError("there is nothing to learn from: name a folder of photographs with --photos")
    if design.mode == "texture" and options.photos:
        raise NstError("a texture comes from noise alone: leave out --photos")
    weights, found, line = read_vgg(options)
    network = build(weights, pooling=options.pooling or "max", padding="zero")
    recipe = dataclasses.replace(
        recipe,
        content_layers=checked(options.content_layers, network, "content")
        or existing(recipe.content_layers, network),
        style_layers=checked(options.style_layers, network, "style")
        or existing(recipe.style_layers, network),
        **({"content_weight": 0.0} if design.mode == "texture" else {}),
    )
    _tell_layers(options, recipe, PRESETS[options.preset].recipe)
    pictures = [load(path) for path in options.styles]
    styles = [
        (Path(path).stem, resize_to(one.pixels, fit_size(one.size, recipe.style_size))[None])
        for path, one in zip(options.styles, pictures, strict=True)
    ]
    transfer = StyleTransfer(
        dict(recipe.content_layers),
        dict(recipe.style_layers),
        *(getattr(recipe, name) for name in _LOSSES),
    )
    if not transfer.taps:
        raise NstError("the weights of content and style are all zero, or the network lacks their layers")
    files = [path for path, _ in pictures_in(options.photos)] if design.mode == "style" else []
    asked = {
        "network": sha256(found) if found else weights.source,
        "pooling": options.pooling or "max",
        "styles": [one.sha256 for one in pictures],
        "photographs": digest(files),
    }
    _say(options, line)
    loss = Perceptual(network, transfer, [picture for _, picture in styles], recipe.side)
    return Wanted(design, recipe, styles, files, loss, asked)
