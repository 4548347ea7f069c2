"""What a guide asks for, in any number of bands."""

from __future__ import annotations

import numpy as np
import pytest

from nst.losses import Guide


def test_a_guide_needs_no_table_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Place by place it says what the table of all places and all places of the guide says."""
    rng = np.random.default_rng(0)
    features, guide = rng.standard_normal((2, 5, 3, 4)), rng.standard_normal((7, 4))
    table = features.reshape(30, 4) @ guide.T
    for pairs in (1, 7 * 4, 1 << 24):  # one place, four, all
        monkeypatch.setattr("nst.losses.direction.PAIRS", pairs)
        value, gradient = Guide("tap", guide, 3.0)(features)
        assert value == pytest.approx(-3 / 15 * table.max(axis=1).sum(), rel=1e-12)
        np.testing.assert_allclose(gradient.reshape(30, 4), -3 / 15 * guide[table.argmax(axis=1)], rtol=1e-12)
