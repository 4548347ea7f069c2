"""What figures are made of that this repository does not hold: trained weights, and pictures beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from lessons.figures.drawing import Drawn, figure
from nst.formats.known import find_weights

PAIRS = (
    ("photos/kodim23.png", "paintings/van_gogh_starry_night_1889.jpg"),
    ("photos/skimage_astronaut.png", "paintings/kandinsky_composition_vii_1913.jpg"),
    ("photos/kodim19.png", "paintings/hokusai_great_wave_1831.jpg"),
)
"""Photographs and paintings: the three pairs on which networks are compared, too."""


def images() -> Path:
    """Return the folder `images` beside that of the weights, which `NST_WEIGHTS` names. It need not be there."""
    named = Path(os.environ.get("NST_WEIGHTS") or "missing")
    return (named if named.is_dir() else named.parent).parent / "images"


def needing(name: str, network: str, *pictures: str) -> Callable[[Callable[[], Drawn]], Callable[[], Drawn]]:
    """Register a figure that needs a network's weights and pictures; without them the kept one stays."""

    def register(draw: Callable[[], Drawn]) -> Callable[[], Drawn]:
        def draw_or_keep() -> Drawn:
            if find_weights(network) and all((images() / one).exists() for one in pictures):
                return draw()
            beside = f", and {' and '.join(pictures)} in ../images beside it" if pictures else ""
            print(f"{name} stays as it is: it takes {network} where NST_WEIGHTS says{beside}")
            kept = Path(__file__).with_name(name)
            return kept.read_text("utf-8") if kept.suffix == ".svg" else Image.open(kept).convert("RGB")

        return figure(name, slow=True)(draw_or_keep)

    return register
