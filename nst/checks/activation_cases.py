"""The table of losses, continued: terms that reward activations."""

from __future__ import annotations

import numpy as np

from nst.checks.case import Built, Case, Random, apart, check_loss
from nst.losses import Channel, ClassScore, Direction, Diversity, Energy, Guide, Unit


def _features(rng: Random) -> np.ndarray:
    return rng.standard_normal((2, 4, 5, 3))


def _direction(power: float) -> Built:
    def make(rng: Random) -> Built:
        """Return features of which some keep to the direction and some do not, none near the floor of the cosine."""
        v, f = rng.standard_normal(4), rng.standard_normal((40, 4))
        cosine = f @ v / np.linalg.norm(f, axis=1) / np.linalg.norm(v)
        clear = f[np.abs(cosine - 0.1) > 0.02][:24]
        return Direction("tap", v, power, 7.0), clear.reshape(2, 3, 4, 4)

    return make


def _guide(rng: Random) -> Built:
    """Return features without ties: of two that match a place alike, a small step would change which is better."""
    while True:
        f, guide = rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((6, 3))
        best = np.sort(f.reshape(-1, 3) @ guide.T, axis=1)
        if (best[:, -1] - best[:, -2]).min() > 0.05:
            return Guide("tap", guide, 7.0), f


ACTIVATION_CASES = [
    Case(name, what, make, check=check_loss)
    for name, what, make in (
        ("Unit", "in the middle", lambda rng: (Unit("tap", 1, None, 7.0), _features(rng))),
        ("Unit", "in a corner", lambda rng: (Unit("tap", 2, (0, 4), 7.0), _features(rng))),
        ("Channel", "weight 7", lambda rng: (Channel("tap", 1, 7.0), _features(rng))),
        ("Energy", "weight 7", lambda rng: (Energy("tap", 7.0), _features(rng))),
        ("ClassScore", "weight 7", lambda rng: (ClassScore("tap", 3, 7.0), apart(rng, 3, 6))),
        ("Direction", "power 0", _direction(0.0)),
        ("Direction", "power 2", _direction(2.0)),
        ("Guide", "six places", _guide),
        (
            "Diversity",
            "three pictures",
            lambda rng: (Diversity("tap", 7.0), rng.standard_normal((3, 3, 4, 3))),
        ),
    )
]
