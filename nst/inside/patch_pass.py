"""Looking through any number of pictures, one at a time, for what excites the units of some layers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst.errors import NstError
from nst.images import load, resize
from nst.inside.classifier import square
from nst.inside.patch_index import Index
from nst.inside.patches import sees_all
from nst.layers import Conv2d, Flatten, Preprocess, ReLU
from nst.networks import Network, fused
from nst.session.interrupt import interruptible

SAVE_EVERY, TELL_EVERY = 30.0, 5.0  # seconds


@dataclass(frozen=True)
class View:
    """How pictures are shown to a network.

    Attributes
    ----------
    network : Network
    size : int
        Pictures whose longer side is larger are reduced to it.
    crop : int
        The side of the middle square that layers see which look at the whole picture at once.
    """

    network: Network
    size: int
    crop: int

    def pixels(self, path: Path, layer: str) -> np.ndarray:
        """Return a picture as `layer` is shown it, (H, W, 3)."""
        return self.fitted(load(path, managed=False).pixels, layer)

    def fitted(self, pixels: np.ndarray, layer: str) -> np.ndarray:
        """Return pixels as `layer` is shown them."""
        if sees_all(self.network, layer):
            return square(pixels, self.crop)
        return resize(pixels, self.size) if max(pixels.shape[:2]) > self.size else pixels


def usual_layers(network: Network) -> list[str]:
    """Return the layers that are worth an index: all that have places, but for a convolution before its ReLU.

    Such a convolution is excited most where its ReLU is.
    """
    before_relu = {
        source for node in network.nodes.values() if type(node.layer) is ReLU for source in node.inputs
    }
    return [
        name
        for name, node in network.nodes.items()
        if not isinstance(node.layer, Preprocess | Flatten)
        and not (type(node.layer) is Conv2d and name in before_relu)
        and not sees_all(network, name)
    ]


def layers_for(index: Index, network: Network, asked: Sequence[str]) -> list[str]:
    """Return the layers to look at: those of the index and those asked for; for one that is new, all usual ones.

    They cost little once a picture is run. Layers without places are the exception: they are shown another picture.
    """
    new = [layer for layer in asked if layer not in index.layers and not sees_all(network, layer)]
    known = [
        layer for layer in index.layers if layer in network.nodes
    ]  # not those of a part that was not read
    return list(dict.fromkeys([*known, *asked, *(usual_layers(network) if new else ())]))


def look_through(
    index: Index, view: View, layers: Sequence[str], save: Callable[[], None], say: Callable[[str], None]
) -> bool:
    """Bring the index up to date for `layers`; return False when Ctrl-C stopped it half-way.

    Each picture is loaded, run once as deep as is needed, and forgotten. Every half a minute, and at the end, the
    index is saved, so that at most so much is lost. A picture that cannot be read is told of and passed over.
    """
    networks: dict[tuple[str, ...], Network] = {}
    missing = index.missing(layers)
    told = saved = time.monotonic()
    done = 0
    with interruptible() as stopped:
        for number, wanted in missing.items():
            if stopped():
                break
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                say(f"looked at {number} of {len(index.pictures)} pictures")
            key = tuple(wanted)
            if key not in networks:
                networks[key] = fused(view.network, wanted)
            path = Path(index.pictures[number].path)
            try:
                found = _features(networks[key], view, path, wanted)
            except NstError as error:
                say(f"left out: {error}")
                found = {}
            index.absorb(number, found)
            index.skip(number, [layer for layer in wanted if layer not in found])
            if time.monotonic() - saved > SAVE_EVERY:
                save()
                saved = time.monotonic()
            done += 1
    if done:
        save()
    return done == len(missing)


def _features(network: Network, view: View, path: Path, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Run one picture as deep as its size allows; return what the layers make of it that it is large enough for.

    Layers that see all of it at once are shown its middle square, the others the whole.
    """
    pixels = load(path, managed=False).pixels
    found: dict[str, np.ndarray] = {}
    for whole in (False, True):
        taps = [layer for layer in layers if sees_all(view.network, layer) is whole]
        if taps:
            shown = view.fitted(pixels, taps[0])[None]
            found |= network.forward(shown, _that_fit(network, taps, shown.shape))[0]
    if not found:
        raise NstError(f"{path} is too small for {', '.join(layers)}")
    return found


def _that_fit(network: Network, layers: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """Return the layers for which pictures of a shape are large enough."""
    found = {network.IMAGE: shape}
    for name, node in network.nodes.items():
        inputs = [found[source] for source in node.inputs if source in found]
        if len(inputs) == len(node.inputs):
            with contextlib.suppress(NstError):
                found[name] = node.layer.output_shape(inputs if node.layer.joins else inputs[0])
    return [layer for layer in layers if layer in found]
