"""The figure of lesson 07."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lessons.figures.drawing import figure, panels, picture, signed
from nst.engine import Layout, StyleTransfer
from nst.images import load, resize_to
from nst.images.bundled import landscape_path, strokes_path
from nst.networks import Network, random_weights, vgg
from nst.networks.tiling import Cut, Tiling

TRANSFER = StyleTransfer({"relu3_2": 1.0}, {"relu1_1": 1.0, "relu3_1": 1.0}, 5.0, 100.0)


class Narrow(Tiling):
    """Tiles whose halo is only a share of what they need."""

    share = 1.0

    def _cut(self, axis: int, start: int, stop: int | None) -> Cut:
        cut, length = super()._cut(axis, start, stop), self.shape[1 + axis]
        unit, end = self._grid[axis], length if stop is None else stop
        first = start - round((start - cut.crop[0]) * self.share) // unit * unit
        last = end + round((cut.crop[1] - end) * self.share)
        own = {}
        for tap, span in cut.own.items():
            stride = -(-length // self.features_shape(tap)[1 + axis])
            own[tap] = tuple(place - (first - cut.crop[0]) // stride for place in span)
        return Cut((first, last), own)


def error(share: float, network: Network, size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """Return the tiled gradient less the whole one, (H, W), as a share of the latter's largest entry."""
    photo, painting = (
        resize_to(load(path).pixels, size)[None] for path in (landscape_path(), strokes_path())
    )
    photo, painting = photo.astype(np.float64), painting.astype(np.float64)
    image = photo + 8 * np.random.default_rng(0).standard_normal(photo.shape)
    whole = TRANSFER.objective(network, photo, [painting])(image).gradient
    cuts = Narrow(network, TRANSFER.taps, photo.shape, (2, 2))
    cuts.share = share
    tiled = TRANSFER.objective(network, photo, [painting], Layout(cuts, (None,)))(image).gradient
    return (tiled - whole)[0].sum(axis=-1) / np.abs(whole).max()


@figure("tiles-error.png")
def tiles() -> Image.Image:
    """The error of a gradient made of four tiles with three halos."""
    network = vgg(random_weights(), pooling="avg", padding="reflect").astype(np.float64)
    errors = [error(share, network) for share in (0.0, 0.25, 1.0)]
    limit = np.abs(errors[0]).max() / 3
    captions = [
        f"{name}: up to {np.abs(e).max():.2g}" if np.abs(e).max() > 1e-9 else f"{name}: below 1e-9"
        for name, e in zip(("no halo", "a quarter of it", "all of it"), errors, strict=True)
    ]
    return panels([picture(signed(e, limit), 2) for e in errors], captions)
