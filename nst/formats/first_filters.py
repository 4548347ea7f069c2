"""What the filters of the first layers respond to: fingerprints of trainings that survive every change of container.

For each stimulus of `nst.formats.verify.stimuli` eight filters are named that answer most to it and least to its
rivals. They were read off the trained networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from nst.networks.weights import Weights

Filters = tuple[int, ...]


@dataclass(frozen=True)
class FirstFilters:
    """What is known of one training's first layer.

    Attributes
    ----------
    layer, shape
        Its name and the shape of its kernel.
    whose : str
        Who trained it.
    mean : tuple of float
        What was subtracted from red, green and blue.
    gratings, colours, edges : dict
        By stimulus: the filters.
    """

    layer: str
    shape: tuple[int, int, int, int]
    whose: str
    mean: tuple[float, float, float]
    gratings: dict[str, Filters]
    colours: dict[str, Filters]
    edges: dict[str, Filters]


def _first(layer: str, side: int, filters: int, whose: str, mean: tuple, *groups: Filters) -> FirstFilters:
    """Return the filters in the order: two gratings, three colours, four edges."""
    gratings = dict(zip(("horizontal", "vertical"), groups[:2], strict=True))
    colours = dict(zip(("red", "green", "blue"), groups[2:5], strict=True))
    names = ("bright above", "bright below", "bright left", "bright right")
    edges = dict(zip(names, groups[5:], strict=True))
    return FirstFilters(layer, (side, side, 3, filters), whose, mean, gratings, colours, edges)


BY_NETWORK = {
    "vgg": _first(
        *("conv1_1", 3, 64, "Oxford's", (123.68, 116.779, 103.939)),
        *((43, 10, 9, 38, 37, 14, 3, 41), (58, 57, 51, 24, 56, 55, 28, 63)),
        (16, 32, 48, 19, 29, 7, 53, 46),
        (40, 12, 11, 44, 17, 38, 2, 24),
        (9, 20, 5, 39, 49, 54, 1, 23),
        *((43, 38, 21, 41, 10, 3, 0, 20), (26, 47, 37, 14, 53, 34, 30, 9)),
        *((51, 48, 6, 44, 57, 24, 63, 62), (58, 60, 35, 42, 49, 56, 55, 28)),
    ),
    "googlenet": _first(
        *("conv1/7x7_s2", 7, 64, "BVLC's", (123.0, 117.0, 104.0)),
        *((63, 55, 62, 40, 52, 5, 10, 13), (43, 24, 47, 15, 23, 29, 6, 0)),
        (48, 30, 59, 39, 37, 60, 8, 1),
        (0, 13, 7, 44, 50, 51, 26, 62),
        (16, 11, 4, 63, 34, 38, 47, 29),
        *((39, 57, 23, 14, 36, 52, 42, 31), (32, 13, 35, 21, 44, 1, 46, 37)),
        *((3, 2, 29, 30, 45, 63, 34, 53), (6, 12, 38, 33, 22, 58, 54, 19)),
    ),
    "squeezenet": _first(
        *("conv1", 3, 64, "its authors'", (123.0, 117.0, 104.0)),
        *((33, 48, 26, 22, 12, 13, 0, 3), (44, 11, 35, 27, 45, 15, 8, 1)),
        (20, 1, 42, 7, 24, 47, 28, 26),
        (41, 58, 57, 6, 27, 12, 4, 30),
        (36, 37, 33, 5, 18, 53, 10, 39),
        *((22, 2, 5, 0, 6, 28, 14, 17), (51, 49, 37, 23, 13, 10, 33, 41)),
        *((55, 31, 46, 7, 16, 15, 45, 42), (60, 54, 50, 18, 8, 36, 39, 57)),
    ),
    "alexnet": _first(
        *("conv1", 11, 96, "the pruned AlexNet's", (122.68, 116.67, 104.01)),
        *((19, 75, 84, 27, 30, 62, 26, 11), (58, 42, 9, 15, 14, 20, 87, 73)),
        (6, 75, 81, 41, 22, 88, 55, 87),
        (37, 25, 51, 86, 90, 65, 12, 76),
        (52, 83, 46, 40, 95, 68, 60, 92),
        *((13, 85, 48, 41, 10, 40, 65, 54), (28, 17, 89, 81, 37, 64, 76, 77)),
        *((1, 69, 31, 61, 44, 82, 20, 9), (35, 83, 52, 21, 60, 68, 18, 87)),
    ),
}


def family(network: str) -> str:
    """Return the name under which a network's filters are known: both VGGs have the same."""
    return "vgg" if network.startswith("vgg") else network


def known_filters(weights: Weights) -> FirstFilters | None:
    """Return what is known of a network's first layer, or None where it is unknown, absent or of another shape."""
    found = BY_NETWORK.get(family(weights.network))
    kernel = None if found is None else weights.arrays.get(f"{found.layer}.weight")
    return found if kernel is not None and kernel.shape == found.shape else None
