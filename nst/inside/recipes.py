"""How a picture is climbed to: named sets of settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from nst.errors import NstError, nearest
from nst.inside.ascent import Regularisers


@dataclass(frozen=True)
class Recipe:
    """Settings of one activation maximisation.

    Attributes
    ----------
    space : {"waves", "pixels"}
        What moves: the coefficients of waves in uncorrelated colours, by Adam, or the pixels, by plain ascent.
    iterations : int
    rate : float
        Adam's step in the coefficients, or what multiplies the gradient of pixels.
    progress : float or None
        Of pixels: how much the activation shall grow at each step; the rate is then the most.
    jitter, turn, zoom : float
        How far the picture is moved (pixels), turned (degrees) and zoomed (share) at random before each look.
    falloff : float
        Of waves: amplitudes fall as this power of the frequency; 1 in photographs.
    start : float
        The standard deviation of what is started from: coefficients, or grey levels about the mean.
    rules : Regularisers
        Of pixels.
    """

    space: str = "waves"
    iterations: int = 160
    rate: float = 0.05
    progress: float | None = None
    jitter: float = 24.0
    turn: float = 10.0
    zoom: float = 0.3
    falloff: float = 1.5
    start: float = 0.01
    rules: Regularisers = field(default_factory=Regularisers)


def _pixels(iterations: int, rate: float, progress: float | None = None, **rules: float) -> Recipe:
    return Recipe(
        "pixels", iterations, rate, progress, jitter=0, turn=0, zoom=0, start=10, rules=Regularisers(**rules)
    )


RECIPES = {
    "waves": Recipe(),
    # As Lucid has it: amplitudes as in photographs, small views, more steps.
    "lucid": Recipe(iterations=512, rate=0.03, jitter=16, zoom=0.1, falloff=1.0),
    # The four sets that Yosinski et al. chose from 300 (table 1), with the rates of their program.
    "yosinski-1": _pixels(500, 100, 2, blur=0.5, blur_every=4, small_norm=50),
    "yosinski-2": _pixels(750, 100, decay=0.3, small_norm=20),
    "yosinski-3": _pixels(1000, 100, decay=1e-4, blur=1.0, blur_every=4),
    "yosinski-4": _pixels(1000, 1e8, 2, blur=0.5, blur_every=4, small_contribution=90),
    "plain": _pixels(200, 1e8, 2),
}
"""By name; `plain` is ascent on pixels without any rule, which shows why there are rules."""


def recipe(name: str) -> Recipe:
    """Return the recipe of that name, or raise an `NstError` with the nearest one."""
    if name not in RECIPES:
        raise NstError(
            f"no recipe {name!r:.80}{nearest(name, list(RECIPES))}; there are {', '.join(RECIPES)}"
        )
    return RECIPES[name]
