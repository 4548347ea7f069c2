"""The answers to the exercises of lesson 06, and what its text says in passing."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels.winograd_points import F2, F4, cook_toom
from nst.measure.ladder import climb


def test_every_rung_gives_the_same_picture() -> None:
    """All ways to convolve agree with float64 to a few units of float32's precision."""
    rungs = climb(9, 32, repeats=1)
    assert len({rung.name for rung in rungs}) == len(rungs) >= 4
    assert all(rung.seconds > 0 and rung.error < 2e-6 for rung in rungs)


def test_larger_tiles_multiply_less_and_err_more() -> None:
    """(m + 2)^2 / m^2 multiplications fall from 9 towards 1, and the entries of the transforms grow without bound."""
    points = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, -4.0]
    costs, sizes = [], []
    for m in (2, 4, 6, 8):
        matrices = cook_toom(points[: m + 1])
        costs.append(matrices.size**2 / matrices.tile**2)
        sizes.append(np.abs(matrices.input).sum(axis=1).max() * np.abs(matrices.output).sum(axis=1).max())
    assert costs == sorted(costs, reverse=True) and costs[1] == 2.25
    assert sizes == sorted(sizes) and sizes[3] > 100 * sizes[1]
    assert costs[1] / costs[3] < 1.5  # from 4 to 8 there is that little to gain


def test_turned_kernels_are_permuted_transforms() -> None:
    """With points closed under p -> 1/p, G of the turned taps is a permutation of G's rows, each scaled."""
    turned = F4.weights[:, ::-1]
    for row in turned:
        scales = [row @ other / (other @ other) for other in F4.weights]
        assert any(np.allclose(row, s * other) for s, other in zip(scales, F4.weights, strict=True))


@pytest.mark.parametrize("matrices", [F2, F4], ids=["F2", "F4"])
def test_the_weights_gradient_goes_through_the_transforms(matrices) -> None:
    """dg = G^T [(A dY A^T) * (B^T d B)] G is the correlation of the pixels with the output's gradient."""
    rng = np.random.default_rng(0)
    d, dy = rng.standard_normal((matrices.size,) * 2), rng.standard_normal((matrices.tile,) * 2)
    sent = matrices.output.T @ dy @ matrices.output
    seen = matrices.input @ d @ matrices.input.T
    dg = matrices.weights.T @ (sent * seen) @ matrices.weights
    windows = np.lib.stride_tricks.sliding_window_view(d, dy.shape)
    # The square roots of two among the points are known to 14 digits.
    np.testing.assert_allclose(dg, np.einsum("ijab,ab->ij", windows, dy), rtol=0, atol=1e-12)


def test_small_maps_want_small_tiles() -> None:
    """On a map of 2 by 2, F(4x4) makes 16 outputs for 4: as many multiplications as the sum; F(2x2) takes 16 of 36."""

    def multiplications(tile: int, size: int) -> int:
        return (-(-size // tile)) ** 2 * (tile + 2) ** 2

    assert multiplications(4, 2) == 36 == 9 * 2**2
    assert multiplications(2, 2) == 16
    assert multiplications(4, 4) < multiplications(2, 4)
