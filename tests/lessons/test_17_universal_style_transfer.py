"""The answers to the exercises of lesson 17."""

from __future__ import annotations

import numpy as np

from nst.feedforward.transforms import WCT, AdaIN, whitened


def test_without_correlations_both_are_one() -> None:
    """Where neither cloud has correlations the eigenvectors are the axes, and whitening divides by deviations."""
    rng = np.random.default_rng(0)
    content, style = (np.linalg.qr(one - one.mean(0))[0] for one in rng.standard_normal((2, 300, 5)))
    content, style = content * [1, 2, 3, 4, 5] + 7, style * [5, 1, 4, 2, 3] - 2
    found = [it.move(content, it.measure(content), it.measure(style)) for it in (AdaIN(eps=0.0), WCT())]
    np.testing.assert_allclose(*found, atol=1e-6)
    mixed = style @ rng.standard_normal((5, 5))
    found = [it.move(content, it.measure(content), it.measure(mixed)) for it in (AdaIN(eps=0.0), WCT())]
    assert np.abs(found[0] - found[1]).max() > 0.1


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T


def test_the_shortest_way_to_a_covariance() -> None:
    """All three maps give the style's covariance; the symmetric one moves the features less than WCT, and WCT less than
    one that turns the white cloud at random."""
    rng = np.random.default_rng(1)
    content, style = (rng.standard_normal((4000, 4)) @ rng.standard_normal((4, 4)) for _ in range(2))
    content, style = content - content.mean(0), style - style.mean(0)
    of_content, of_style = (one.T @ one / len(one) for one in (content, style))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    root, back = power(of_content, 0.5), power(of_content, -0.5)
    maps = {
        "shortest": back @ power(root @ of_style @ root, 0.5) @ back,
        "WCT": back @ power(of_style, 0.5),
        "turned": back @ turn @ power(of_style, 0.5),
    }
    moved = {}
    for name, by in maps.items():
        result = content @ by
        np.testing.assert_allclose(result.T @ result / len(result), of_style, atol=1e-8 * of_style.max())
        moved[name] = np.square(result - content).sum(1).mean()
    assert moved["shortest"] < moved["WCT"] < moved["turned"]
    assert np.allclose(
        WCT().move(content, WCT().measure(content), WCT().measure(style)), content @ maps["WCT"], atol=1e-6
    )


def test_the_floor_keeps_rounding_small() -> None:
    """A channel of 1e-6 beside others of 1 is whitened to deviation 1 without a floor, and stays below 1e-3 with it."""
    rng = np.random.default_rng(2)
    f = rng.standard_normal((2000, 3)) * [1.0, 1.0, 1e-6]
    without = f @ power(np.cov(f.T, bias=True), -0.5)
    assert abs(without[:, 2].std() - 1) < 1e-3
    assert whitened(f)[:, 2].std() < 1e-3
    assert np.abs(whitened(f)[:, :2].std(0) - 1).max() < 1e-3
