"""The commands of `python -m nst.gan`: `toy`, `mnist`, `texture` and `sample`."""

from __future__ import annotations

import argparse
import re

from nst.adversarial.arguments import (
    LARGEST_SIDE,
    RECIPES,
    SIZES,
    add_output,
    add_recipe,
)
from nst.cli import Parser
from nst.errors import NstError, printable
from nst.session.values import number, whole

TOY_STEPS = 600  # of the generator


def add_mnist(commands: argparse._SubParsersAction) -> None:
    """Add `mnist`."""
    it: Parser = commands.add_parser(
        "mnist", help="handwritten digits", description="Train a generator of digits."
    )
    it.set_defaults(run=_digits)
    it.add_argument("--data", metavar="PATH", default="mnist",
        help="the folder with MNIST's IDX files, or an .npz with train_images or x_train")  # fmt: skip
    add_output(it, "digits.npz")
    add_recipe(it, list(RECIPES["mnist"]))
    add, sizes = it.add_argument_group("networks").add_argument, SIZES["mnist"]
    told = "dc: convolutions; dense: fully connected; both are CS231n's"
    add("--net", choices=sizes["net"][1:], help=f"{told}; default: {sizes['net'][0]}")
    told = "dc: channels of the first convolution (CS231n: 32); dense: hidden units (CS231n: 1024)"
    add("--width", type=whole(*sizes["width"][1:]), help=f"{told}; default: {sizes['width'][0]}")
    add(
        "--noise",
        type=whole(*sizes["noise"][1:]),
        metavar="N",
        help=f"numbers of noise; default: {sizes['noise'][0]}",
    )


def add_texture(commands: argparse._SubParsersAction) -> None:
    """Add `texture`."""
    it: Parser = commands.add_parser(
        "texture",
        help="a generator of one texture",
        description="Train a generator that makes a texture of any size in one pass, against a critic of patches.",
    )
    it.set_defaults(run=_texture)
    it.add_argument("sample", metavar="SAMPLE", help="a picture that is the same stuff everywhere")
    add_output(it, "texture.npz")
    add_recipe(it, list(RECIPES["texture"]))
    add, sizes = it.add_argument_group("networks and pictures").add_argument, SIZES["texture"]
    told = "what the critic looks at: pixels, or a layer of the network that comes with nst"
    add("--features", choices=sizes["features"][1:], help=f"{told}; default: {sizes['features'][0]}")
    for name, told in (
        ("width", "channels of the finest stage"),
        ("noise", "numbers of noise for each cell of 8 pixels"),
        ("side", "of the pictures that the critic sees, in pixels"),
        ("sample_size", "longest side of the sample"),
    ):
        default, low, high = sizes[name]
        add(f"--{name.replace('_', '-')}", type=whole(low, high), metavar="N",
            help=f"{told}; default: {'its own' if default is None else default}")  # fmt: skip


def add_toy(commands: argparse._SubParsersAction) -> None:
    """Add `toy`."""
    it: Parser = commands.add_parser(
        "toy",
        help="two normal distributions, whose distance is known",
        description="Let a critic find the Wasserstein distance of two normal distributions, while a generator "
        "learns to turn the one into the other; the closed form stands beside what it finds.",
    )
    it.set_defaults(run=_toy)
    for name, default in (("real", (0.0, 1.0)), ("fake", (3.0, 1.0))):
        it.add_argument(f"--{name}", type=_normal, default=default, metavar="MEAN,DEVIATION",
            help=f"default: {default[0]:g},{default[1]:g}")  # fmt: skip
    it.add_argument("--looks", type=whole(1, 10_000), default=10, metavar="N", help="lines that are printed")
    it.add_argument("--generator-rate", type=number(1e-9, 1), default=0.01, metavar="RATE",
        help="the generator's learning rate, in the unit of the numbers")  # fmt: skip
    add_recipe(it, [])


def add_sample(commands: argparse._SubParsersAction) -> None:
    """Add `sample`."""
    it: Parser = commands.add_parser(
        "sample", help="draw from a trained generator", description="Draw from a trained generator."
    )
    it.set_defaults(run=_sample)
    it.add_argument("model", metavar="MODEL", help="an .npz that `mnist` or `texture` wrote")
    it.add_argument("-o", "--output", default="sample.png", help=".png, .jpg, .webp or .tiff")
    it.add_argument(
        "--size", type=_size, metavar="PIXELS", help="of a texture: 512, or 1024x768; default: 512"
    )
    it.add_argument("--count", type=whole(1, 10_000), metavar="N", help="of digits; default: 64")
    it.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of the noise")
    it.add_argument("--quiet", action="store_true", help="print errors only")


def _normal(text: str) -> tuple[float, float]:
    mean, comma, deviation = text.partition(",")
    if not comma:
        raise argparse.ArgumentTypeError(f"{text!r} is no mean and deviation, such as 0,1")
    return number(-1e6, 1e6)(mean), number(1e-6, 1e6)(deviation)


def _size(text: str) -> tuple[int, int]:
    """Return height and width."""
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    sides = found and [int(side) for side in found.groups() if side]
    if not sides or not 1 <= min(sides) <= max(sides) <= LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is no size up to {LARGEST_SIDE}: write 512, or 1024x768")
    return sides[-1], sides[0]


def _digits(options: argparse.Namespace) -> int:
    from nst.adversarial.begin import begin, digits_of

    return begin(options, digits_of, [options.data])


def _texture(options: argparse.Namespace) -> int:
    from nst.adversarial.begin import begin, texture_of

    return begin(options, texture_of, [options.sample])


def _toy(options: argparse.Namespace) -> int:
    from nst.adversarial.recipe import Recipe
    from nst.adversarial.toy import Normal, play

    names = ("steps", "learning_rate", "clip", "batch", "critic_steps", "head_start", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    recipe = Recipe(**{"steps": TOY_STEPS, "average": 0.0, **given})
    print("  step  generator         closed form    estimate  Lipschitz bound  estimate / bound")
    for found in play(
        Normal(*options.real), Normal(*options.fake), recipe, options.generator_rate, options.looks
    ):
        fake = f"{found.fake.mean:.3f} +- {found.fake.deviation:.3f}"
        print(
            f"{found.step:6}  {fake:16}  {found.known:11.4f}  {found.estimate:10.4g}  {found.slope:15.4g}"
            f"  {found.distance:11.4f}",
            flush=True,
        )
    return 0


def _sample(options: argparse.Namespace) -> int:
    import numpy as np

    from nst.adversarial.job import paint_digits, paint_texture
    from nst.formats.generator_file import read_generator
    from nst.images import check_target, save
    from nst.session.outputs import refuse_overwriting

    target = check_target(options.output)
    refuse_overwriting(options.output, [target], [options.model])
    trained = read_generator(options.model)
    is_texture = trained.name == "patch"
    if options.count is not None if is_texture else options.size is not None:
        raise NstError(
            f"{options.model} makes {'textures: give --size' if is_texture else 'digits: give --count'}"
        )
    rng = np.random.default_rng(options.seed)
    if is_texture:
        pixels = paint_texture(trained.network, options.size or (512, 512), rng)
    else:
        pixels = paint_digits(trained.network, options.count or 64, rng)
    save(target, pixels)
    if not options.quiet:
        print(printable(f"{target}  {pixels.shape[1]}x{pixels.shape[0]}"))
    return 0
