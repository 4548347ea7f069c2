"""The arguments of `python -m nst.run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from nst.cli import Parser
from nst.errors import NstError, nearest
from nst.images import MAX_PIXELS
from nst.losses import STATISTICS
from nst.networks import Network
from nst.session.devices import add_device
from nst.session.scales import schedule
from nst.session.values import counts, layers, memory, number, shares, statistics, whole

STARTS = ("content", "random", "style")


def parser() -> Parser:
    """Return the parser of `python -m nst.run`."""
    it = Parser(
        prog="python -m nst.run",
        description="Paint a photograph in the style of a painting. Without pictures: two of our own.",
    )
    it.add_argument("pictures", nargs="*", metavar="PICTURE", help="the content, then one or more styles")
    it.add_argument(
        "-o", "--output", default="out.png", help=".png, .jpg, .webp or .tiff; reports go beside it"
    )
    _add_objective(it.add_argument_group("what is wanted"))
    _add_pictures(it.add_argument_group("pictures"))
    network = it.add_argument_group("network")
    add_network(network, "max; avg for the random network")
    network.add_argument(
        "--padding",
        choices=("zero", "reflect", "replicate"),
        help="what convolutions see outside; default: zero; reflect for the random network",
    )
    add_optimiser(it.add_argument_group("optimiser"))
    work = it.add_argument_group("work")
    add_work(work)
    add_device(work)
    work.add_argument(
        "--check-gradients", action="store_true", help="prove the gradient of this very objective, and stop"
    )
    return it


def _add_objective(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--content-weight", type=number(0), default=5.0, help="weight of the content loss")
    add("--style-weight", type=number(0), default=100.0, help="weight of the style loss")
    add("--tv-weight", type=number(0), default=10.0, help="weight of total variation a pixel: smoothness")
    add(
        "--range-weight",
        type=number(0),
        default=10_000.0,
        help="weight of the penalty on colours outside 0..255",
    )
    add(
        "--content-layers",
        type=layers,
        metavar="NAME[:W],...",
        help="default: relu4_2, or what the network has",
    )
    add("--style-layers", type=layers, metavar="NAME[:W],...", help="default: relu1_1, relu2_1 ... relu5_1")
    add_statistic(group)
    add("--style-blend", type=shares, metavar="W,...", help="one weight for each style; equal by default")


def add_statistic(group: argparse._ArgumentGroup) -> None:
    """Add `--style-statistic`, which all doors that match a style have."""
    group.add_argument(
        "--style-statistic",
        type=statistics,
        default={"gram": 1.0},
        metavar="NAME[:W]+...",
        help=f"what of the style is matched: {', '.join(STATISTICS)}, or several (default: gram)",
    )


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--size", type=whole(16, 100_000), default=512, help="longest side of the result, in pixels")
    add(
        "--scales",
        type=whole(1, 20),
        metavar="N",
        help="sizes painted one after the other, each twice the last; default: so many that the first is at most 512",
    )
    add(
        "--style-scale",
        type=number(0, 100, above=True),
        default=1.0,
        help="longest side of the styles / --size",
    )
    add("--init", default="content", metavar="content|random|style|PATH", help="where to start")
    add("--original-colors", choices=("no", "after", "before"), default="no",
        help="keep the content's colours: after, its hues on the result; before, the style recoloured")  # fmt: skip
    add(
        "--alpha",
        choices=("white", "keep"),
        default="white",
        help="transparent content: put on white, or kept",
    )
    add("--max-pixels", type=whole(1), default=MAX_PIXELS, help="refuse larger pictures")


def add_network(group: argparse._ArgumentGroup, pooling: str) -> None:
    """Add what says which network looks at the pictures."""
    add = group.add_argument
    add(
        "--network",
        choices=("slim", "vgg19", "vgg16", "random"),
        help="default: slim, which comes with nst; vgg19 paints finer, once `nst.weights get vgg19` has fetched it",
    )
    add(
        "--weights",
        metavar="FILE",
        help="any format that nst.weights reads; else $NST_WEIGHTS, then the cache",
    )
    add("--pooling", choices=("max", "avg"), help=f"default: {pooling}")


def add_optimiser(
    group: argparse._ArgumentGroup,
    iterations: int = 200,
    course: str = "of the coarsest scale, half as many at each finer one",
) -> None:
    """Add what says how the picture is moved, and for how long."""
    add = group.add_argument
    add(
        "--iterations",
        type=counts,
        default=[iterations],
        metavar="N[,N...]",
        help=f"{course}; or a number for each (default: {iterations})",
    )
    add("--optimizer", choices=("lbfgs", "adam"), default="lbfgs", help="L-BFGS needs fewer iterations")
    add("--history", type=whole(1, 1000), default=10, help="L-BFGS: pairs remembered")
    add("--learning-rate", type=number(0, above=True), default=10.0, help="Adam: in units of 0..255")
    add("--seed", type=whole(0, 2**63 - 1), default=0, help="of what is random")


def add_work(group: argparse._ArgumentGroup) -> None:
    """Add what says how the work is done, and what is said of it."""
    add = group.add_argument
    add("--memory", type=memory, metavar="AMOUNT",
        help="2GB, 50%% ...: stay within it, by painting in tiles, which never show")  # fmt: skip
    add(
        "--print-every",
        type=whole(1),
        metavar="N",
        help="iterations between two lines; default: some 20 lines",
    )
    add("--save-every", type=whole(1), default=50, metavar="N", help="iterations between two checkpoints")
    add(
        "--resume",
        nargs="?",
        const="",
        metavar="CHECKPOINT",
        help="go on from a checkpoint (default: the output's)",
    )
    add("--dry-run", action="store_true", help="say what would be done, and stop")
    add("--quiet", action="store_true", help="print errors only")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse and cross-check the arguments.

    Raises
    ------
    NstError
        For anything that is wrong with them.
    """
    options = parser().parse_intermixed_args(list(argv))  # pictures may stand on both sides of flags
    if len(options.pictures) == 1 and options.resume is None:
        raise NstError("a style picture is missing: give the content, then one or more styles")
    styles = max(1, len(options.pictures) - 1)
    if options.style_blend and len(options.style_blend) != styles:
        raise NstError(f"--style-blend has {len(options.style_blend)} weights for {styles} styles")
    wanted = (options.content_weight, options.content_layers), (options.style_weight, options.style_layers)
    if not any(weight and any((layers or {"default": 1}).values()) for weight, layers in wanted):
        raise NstError("the weights of content and style are all zero: there is nothing to paint")
    return options


def levels(options: argparse.Namespace) -> int:
    """Return at how many sizes the picture is painted."""
    return len(schedule(options))


def choose_layers(
    asked: dict[str, float] | None, default: Sequence[str], network: Network, kind: str
) -> dict[str, float]:
    """Return taps under the network's own names; the default is cut to the layers that exist.

    Raises
    ------
    NstError
        When a layer that was asked for does not exist.
    """
    if asked is None:
        return {name: 1.0 for name in default if name in network.nodes}
    found: dict[str, float] = {}
    for name, weight in asked.items():
        own = network.resolve(name)
        if own in found:
            raise NstError(f"--{kind}-layers names {own} twice{nearest(name, [own])}")
        found[own] = weight
    return found
