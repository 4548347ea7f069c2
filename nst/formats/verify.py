"""Numerical checks of weights: a file can have every shape right and every number in the wrong place.

A kernel read with height and width exchanged, or with red and blue exchanged, gives a network that runs and
paints plausible pictures, only worse ones. So the first layer is shown stimuli whose right answer is known:
which filters of VGG-16 and VGG-19 by Oxford, of GoogLeNet by BVLC and of some others prefer horizontal or
vertical gratings, edges of one polarity, or one of red, green and blue. Both VGGs were initialised from the
same smaller one (Simonyan and Zisserman, 2014, section 3.1) and kept its filters in their order, and neither
conversion to another format nor rescaling each filter changes what a filter prefers. Weights that answer like
neither the right version nor an exchanged one are not judged.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

import numpy as np

from nst.files import sha256
from nst.formats.first_filters import BY_NETWORK, FirstFilters, known_filters
from nst.formats.known import fingerprint
from nst.networks.architectures import ARCHITECTURES, CUT, narrowed
from nst.networks.weights import Weights

OK, UNKNOWN, FAILED = "OK", "unknown", "FAILED"

GRATINGS, COLOURS, EDGES = (getattr(BY_NETWORK["vgg"], kind) for kind in ("gratings", "colours", "edges"))
# What it means when the filters known for stimulus i answer to stimulus order[i] instead.
AXES = {(0, 1): OK, (1, 0): "swapped axes"}
TURNS = {
    (0, 1, 2, 3): OK,
    (2, 3, 0, 1): "swapped axes",
    (1, 0, 3, 2): "kernels turned by 180 degrees",
    (1, 0, 2, 3): "kernels upside down",
    (0, 1, 3, 2): "kernels mirrored",
    (3, 2, 1, 0): "swapped axes, turned by 180 degrees",
    (2, 3, 1, 0): "kernels turned by 90 degrees",
    (3, 2, 0, 1): "kernels turned by 90 degrees",
}
ORDERS = {
    order: OK if order == (0, 1, 2) else "swapped channel order" for order in itertools.permutations(range(3))
}
# The mean of the three best scores on the real weights, and the least that counts as these weights. They keep
# 0.61 with noise of half their size added; a thousand draws of random filters, or of the real ones in random
# order, stay below 0.36.
LIKENESS, RECOGNISED = 0.7, 0.5


@dataclass(frozen=True)
class Check:
    """One verdict: `OK`, `unknown` where nothing can be said, or what is wrong."""

    name: str
    verdict: str
    detail: str

    @property
    def failed(self) -> bool:
        """Whether something is wrong, as opposed to right or unknown."""
        return self.verdict not in (OK, UNKNOWN)


def verify(weights: Weights, path: str | os.PathLike | None = None) -> list[Check]:
    """Return the verdicts on weights, and on the fingerprint of the file at `path` that they came from."""
    checks = [check_fingerprint(path, weights)] if path is not None else []
    checks += [check_shapes(weights), check_values(weights)]
    if any(check.failed for check in checks[-2:]):
        return checks  # a response would mean nothing
    return [*checks, check_statistics(weights), *check_responses(weights)]


def check_fingerprint(path: str | os.PathLike, weights: Weights) -> Check:
    """Name the file by its size and hash; a converted one by what it says that it was made from."""
    known, damage = fingerprint(path)
    if known:
        return Check("fingerprint", OK, f"{known.name}, {known.network} as trained by {known.trained_by}")
    if damage:
        return Check("fingerprint", FAILED, damage)
    if weights.source and weights.sha256 not in ("", sha256(path)):
        return Check("fingerprint", UNKNOWN, f"by its own word converted from {weights.source}")
    return Check("fingerprint", UNKNOWN, "not a published file that is known by size and hash")


def check_shapes(weights: Weights) -> Check:
    """Compare every shape with the network's table; the layers must be the first ones, without a gap."""
    table = _table(weights)
    if not table:
        return Check("shapes", UNKNOWN, f"no table of shapes for the network {weights.network!r}")
    for name, array in weights.arrays.items():
        if name not in table:
            return Check("shapes", FAILED, f"{weights.network} has no array {name}")
        if array.shape != table[name]:
            return Check("shapes", FAILED, f"{name} is {array.shape} and should be {table[name]}")
    expected = list(table)[: len(weights.arrays)]
    missing = [name for name in expected if name not in weights.arrays]
    if missing or not expected:
        return Check("shapes", FAILED, f"{(missing or list(table))[0]} is missing")
    if len(expected) % 2:
        return Check("shapes", FAILED, f"{list(table)[len(expected)]} is missing")
    return Check("shapes", OK, f"{len(expected)} arrays, up to {deepest_layer(weights)}")


def _table(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the arrays should have; nothing for an unknown network."""
    whole = weights.network.removesuffix(CUT)
    table = dict(ARCHITECTURES[whole].shapes()) if whole in ARCHITECTURES else {}
    if whole != weights.network:
        return narrowed(table, {name: array.shape for name, array in weights.arrays.items()})
    return table


def deepest_layer(weights: Weights) -> str:
    """Return the name of the last layer that has weights."""
    names = [name for name in weights.arrays if name.endswith(".weight")]
    table = _table(weights) or names
    known = [name for name in table if name in weights.arrays and name.endswith(".weight")]
    return (known or names or ["nothing"])[-1].removesuffix(".weight")


def check_values(weights: Weights) -> Check:
    """Every number is a finite floating-point number."""
    for name, array in weights.arrays.items():
        if array.dtype.kind != "f":
            return Check("values", FAILED, f"{name} holds {array.dtype}, not floating-point numbers")
        wrong = array.size - int(np.count_nonzero(np.isfinite(array)))
        if wrong:
            return Check("values", FAILED, f"{name}: {wrong:,} of {array.size:,} numbers are not finite")
    count = sum(array.size for array in weights.arrays.values())
    return Check("values", OK, f"{count:,} finite numbers")


def check_statistics(weights: Weights) -> Check:
    """Each layer's numbers are spread as those of a layer that carries a signal.

    `gain` is the root mean square of a filter's numbers times the root of how many there are: about the
    factor by which the layer scales white noise. Trained networks have 0.06 (rescaled VGG) to 2.4
    (GoogLeNet); bytes in the wrong order give 1e30. The mean is small beside the spread, and most filters are
    alive.
    """
    gains = {}
    for name, array in weights.arrays.items():
        if not name.endswith(".weight"):
            continue
        flat = array.reshape(-1, array.shape[-1]).astype(np.float64)
        gain, mean, spread = float(np.sqrt((flat**2).mean() * len(flat))), abs(flat.mean()), flat.std()
        dead = float((np.abs(flat).max(0) == 0).mean())
        gains[name] = gain
        if not 1e-3 < gain < 1e3:
            return Check("statistics", FAILED, f"{name} scales its input by about {gain:.2g}")
        if mean > spread:
            return Check("statistics", FAILED, f"{name} has mean {mean:.2g}, spread only {spread:.2g}")
        if dead > 0.5:
            return Check("statistics", FAILED, f"{name}: {dead:.0%} of the filters are zero")
    if not gains:
        return Check("statistics", UNKNOWN, "no layer with weights")
    return Check("statistics", OK, f"gain of a layer {min(gains.values()):.2f} to {max(gains.values()):.2f}")


def stimuli() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures to show a network: `(K, 16, 16, 3)` RGB in 0..255, float64.

    Returns
    -------
    gratings, colours, edges : ndarray
        Grey gratings of period 6, horizontal then vertical; pure red, green, blue; grey steps through the
        middle that are bright above, below, left and right. In the order of `GRATINGS`, `COLOURS`, `EDGES`.
    """
    y, x = np.mgrid[:16, :16]
    waves = [0.5 + 0.5 * np.cos(2 * np.pi * axis / 6) for axis in (y, x)]
    steps = [y < 8, y >= 8, x < 8, x >= 8]
    grey = [np.repeat(255.0 * np.stack(group)[..., None], 3, axis=-1) for group in (waves, steps)]
    colours = np.broadcast_to(255.0 * np.eye(3)[:, None, None], (3, 16, 16, 3))
    return grey[0], colours, grey[1]


def respond(weights: Weights, pictures: np.ndarray, layer: str = "conv1_1") -> np.ndarray:
    """Return what the first layer makes of RGB pictures, in float64 without padding or stride: `(K, h, w, filters)`."""
    pixels = pictures if weights.channel_order == "RGB" else pictures[..., ::-1]
    x = (pixels - np.asarray(weights.mean)) * np.asarray(weights.scale)
    kernel = weights.arrays[f"{layer}.weight"].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(
        x, kernel.shape[:2], axis=(1, 2)
    )  # (K, H, W, C, kh, kw)
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True)


def match(responses: np.ndarray, groups: dict, readings: dict) -> tuple[tuple, float, float]:
    """Find the order of the stimuli under which each group of filters prefers its own.

    Each filter's responses, less their mean over the stimuli and scaled to length one, say what it prefers
    whatever its gain. The score of an order is the mean preference of group i for stimulus `order[i]`.

    Parameters
    ----------
    responses : ndarray
        `(stimuli, filters)`.
    groups : dict
        The filters known for each stimulus, in the order of the stimuli.
    readings : dict
        The orders to try.

    Returns
    -------
    order, best, second
        The best order, its score, and the score of the next best.
    """
    centred = responses - responses.mean(0)
    centred /= np.linalg.norm(centred, axis=0) + 1e-300
    table = np.array([centred[:, list(filters)].mean(1) for filters in groups.values()])  # (groups, stimuli)
    scores = {order: float(np.mean([table[i, j] for i, j in enumerate(order)])) for order in readings}
    order = max(scores, key=scores.__getitem__)
    return order, scores.pop(order), max(scores.values())


def check_responses(weights: Weights) -> list[Check]:
    """Tell exchanged axes, turned kernels, and exchanged channels from what the first layer answers."""
    names = ("axes", "orientation", "channel order")
    known = known_filters(weights)
    if known is None:
        return [Check(name, UNKNOWN, "no expectation for these weights") for name in names]
    gratings, colours, edges = (respond(weights, pictures, known.layer) for pictures in stimuli())
    middle = (
        17 - known.shape[0]
    ) // 2  # here and one place before, a kernel sees as much of both sides of an edge
    edges = edges[:, middle - 1 : middle + 1, middle - 1 : middle + 1]
    found = [
        (match(gratings.std((1, 2)), known.gratings, AXES), AXES, "gratings"),
        (match(edges.mean((1, 2)), known.edges, TURNS), TURNS, "edges"),
        (match(colours.mean((1, 2)), known.colours, ORDERS), ORDERS, "colours"),
    ]
    likeness = float(np.mean([best for (_, best, _), _, _ in found]))
    if likeness < RECOGNISED:
        detail = f"no expectation for these weights: they are not {known.whose} (likeness {likeness:.2f} of {LIKENESS})"
        return [Check(name, UNKNOWN, detail) for name in names]
    checks = []
    for name, ((order, best, second), readings, shown) in zip(names, found, strict=True):
        detail = f"shown {shown}, the known filters answer so with {best:.2f}, next reading {second:.2f}"
        checks.append(Check(name, readings[order], detail))
    return [*checks, check_mean(weights, known)]


def check_mean(weights: Weights, known: FirstFilters) -> Check:
    """The mean is larger in red than in blue; the other way round it was stored in the other order."""
    red_first = weights.mean if weights.channel_order == "RGB" else weights.mean[::-1]
    detail = "red {:.6g}, green {:.6g}, blue {:.6g}".format(*red_first)
    if np.allclose(red_first, known.mean, atol=1.0):
        return Check("mean", OK, detail)
    if np.allclose(red_first, known.mean[::-1], atol=1.0):
        return Check("mean", "swapped channel order", f"{detail}: red and blue are exchanged")
    return Check("mean", UNKNOWN, f"{detail}: not the mean that was used in {known.whose} training")
