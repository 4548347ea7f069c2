"""Gram matrices and the style loss: by hand, by slope, in float32, blended."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.losses import blend, gram, gram_loss


def _features(seed: int = 0, shape: tuple[int, ...] = (1, 6, 5, 4)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_by_hand():
    """Two pixels (1, 2) and (3, 4) over H W C = 4 values give [[10, 14], [14, 20]] / 4."""
    features = np.array([[[[1.0, 2], [3, 4]]]])
    np.testing.assert_array_equal(gram(features), [[2.5, 3.5], [3.5, 5]])
    value, gradient = gram_loss(features, np.array([[1.5, 3.5], [3.5, 3]]))
    assert value == (1 + 4) / 4
    # 4 / (C^2 H W C) = 1/4 times F times diag(1, 2)
    np.testing.assert_array_equal(gradient, [[[[0.25, 1], [0.75, 2]]]])


def test_it_forgets_where_and_how_large():
    """Shuffled pixels and a picture laid out twice have the same Gram matrix."""
    f = _features()
    shuffled = np.random.default_rng(1).permutation(f.reshape(-1, 4)).reshape(f.shape)
    np.testing.assert_allclose(gram(shuffled), gram(f), atol=1e-15)
    np.testing.assert_allclose(gram(np.concatenate([f, f], axis=2)), gram(f), atol=1e-15)


def test_gradient_is_the_slope_to_machine_precision():
    """Along a line the loss is a quartic, so Richardson's two central differences are exact."""
    f, v = _features(), _features(1)
    target = gram(_features(2))

    def central(h: float) -> float:
        return (gram_loss(f + h * v, target)[0] - gram_loss(f - h * v, target)[0]) / (2 * h)

    slope = (4 * central(0.5) - central(1.0)) / 3
    assert (gram_loss(f, target)[1] * v).sum() == pytest.approx(slope, rel=1e-12)


def test_the_loss_of_the_style_itself_is_zero():
    """Features that have the target's Gram matrix cost nothing and pull nowhere."""
    value, gradient = gram_loss(_features(), gram(_features()))
    assert value == 0
    assert not gradient.any()


def test_float32_features_keep_six_digits_over_many_pixels():
    """With 70000 pixels float32 features give a float64 Gram matrix within 1e-6 of the exact one."""
    f = np.abs(_features(3, (1, 350, 200, 8))).astype(np.float32)
    matrix = f.reshape(-1, 8).astype(np.float64)
    g = gram(f)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, matrix.T @ matrix / f.size, rtol=1e-6)
    assert gram_loss(f, 2 * g)[1].dtype == np.float32


def test_any_memory_and_inputs_unchanged():
    """A read-only strided view gives the same as its packed copy."""
    f = _features(4, (1, 12, 10, 4))[:, ::-2, ::2]
    f.flags.writeable = False
    target = gram(_features(5))
    value, gradient = gram_loss(f, target)
    value_packed, gradient_packed = gram_loss(f.copy(), target)
    assert value == pytest.approx(value_packed, rel=1e-14)
    np.testing.assert_allclose(gradient, gradient_packed, rtol=1e-12)


def test_one_picture_and_a_target_of_its_channels():
    """A batch and a target of other channels are refused."""
    with pytest.raises(NstError, match="one picture"):
        gram(np.zeros((2, 4, 4, 3)))
    with pytest.raises(NstError, match="does not fit 3 channels"):
        gram_loss(np.zeros((1, 4, 4, 3)), np.zeros((4, 4)))


def test_a_blend_pulls_like_all_its_styles():
    """Against the blend the gradient is the styles' weighted mean, and so is the value, less a constant."""
    styles, weights = [gram(_features(seed)) for seed in (6, 7, 8)], [1, 2, 5]
    target = blend(styles, weights)
    constants = []
    for seed in (9, 10):
        f = _features(seed)
        each = [gram_loss(f, style) for style in styles]
        value, gradient = gram_loss(f, target)
        np.testing.assert_allclose(
            gradient, np.average([g for _, g in each], axis=0, weights=weights), rtol=1e-10
        )
        constants.append(np.average([v for v, _ in each], weights=weights) - value)
    assert constants[0] == pytest.approx(constants[1], rel=1e-10)


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, float("nan")]])
def test_blend_weights_must_fit(weights):
    """Too few, negative, all zero or not numbers: refused."""
    with pytest.raises(NstError, match="blend weights"):
        blend([np.eye(2), np.eye(2)], weights)
