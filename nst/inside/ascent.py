"""Plain gradient ascent on pixels, with the four regularisers of Yosinski et al."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst.optimizers.step import Evaluate, Step, evaluate_at


@dataclass(frozen=True)
class Regularisers:
    r"""What keeps a picture that is climbed to from becoming noise (Yosinski et al., *Understanding Neural Networks
    Through Deep Visualization*, 2015).

    After each step, on x, the picture minus the network's mean, in this order:

    Attributes
    ----------
    decay : float
        x becomes (1 - decay) x: few pixels of extreme colour, and none for nothing.
    blur : float
        x is blurred with a Gaussian of this standard deviation in pixels: no high frequencies.
    blur_every : int
        But only at every so many steps, for a small blur many times is a large one; 0 for never.
    small_norm : float
        The percentage of pixels that become 0: those with the smallest norm over their three colours.
    small_contribution : float
        The percentage of pixels that become 0: those that matter least, by ``|sum_c x_c g_c|``, what setting them to
        0 would cost, with g the gradient.
    """

    decay: float = 0.0
    blur: float = 0.0
    blur_every: int = 0
    small_norm: float = 0.0
    small_contribution: float = 0.0

    def apply(self, x: np.ndarray, gradient: np.ndarray, step: int) -> np.ndarray:
        """Return x (N, H, W, 3) after these rules; `step` is counted from 0."""
        x = x * x.dtype.type(1 - self.decay)
        if self.blur and self.blur_every and step % self.blur_every == 0:
            from scipy.ndimage import gaussian_filter  # which takes a moment to load

            x = gaussian_filter(x, (0, self.blur, self.blur, 0))
        if self.small_norm:
            x = _without_least(x, np.sqrt(np.square(x).sum(axis=-1)), self.small_norm)
        if self.small_contribution:
            x = _without_least(x, np.abs((x * gradient).sum(axis=-1)), self.small_contribution)
        return x


def _without_least(x: np.ndarray, importance: np.ndarray, percent: float) -> np.ndarray:
    """Return x with 0 in that percentage of each picture's pixels that is least important."""
    threshold = np.percentile(importance, percent, axis=(1, 2), keepdims=True)
    return x * (importance >= threshold)[..., None].astype(x.dtype)


@dataclass
class Ascent:
    r"""Move along the gradient, then regularise; an optimiser like those of `nst.optimizers`.

    With g the gradient of the activation, which is minus the objective's::

        x <- clip(x, 0, 255)
        x <- mean + R(x - mean + rate g)           rate = min(rate, progress / |g|^2) with `progress`

    where R are the regularisers. The last step but evaluates, so that what is shown is what was measured.

    Attributes
    ----------
    mean : ndarray
        Of the network, red, green, blue.
    iterations : int
        The number of the last step.
    regularisers : Regularisers
    rate : float
    progress : float or None
        How much the activation should grow at each step, were it linear.
    """

    mean: np.ndarray
    iterations: int
    regularisers: Regularisers
    rate: float = 100.0
    progress: float | None = None
    done: int = 0

    def step(self, evaluate: Evaluate, x: np.ndarray) -> Step:
        """Evaluate at `x`, clipped, and move once; `value` and `gradient` are those at the clipped `x`."""
        here = evaluate_at(evaluate, np.clip(x, 0, 255))
        self.done += 1
        if self.done >= self.iterations or not here.is_finite():
            return Step(here.x, here.value, here.gradient, 1)
        mean, ascent, rate = self.mean.astype(x.dtype), -here.gradient, self.rate
        if self.progress is not None:
            squares = float(np.square(ascent, dtype=np.float64).sum())
            rate = min(rate, self.progress / squares) if squares else 0.0
        moved = self.regularisers.apply(here.x - mean + x.dtype.type(rate) * ascent, ascent, self.done - 1)
        return Step(mean + moved, here.value, here.gradient, 1)
