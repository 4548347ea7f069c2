"""The answers to the exercises of lesson 04."""

from __future__ import annotations

import numpy as np

from nst.layers import BatchNorm, Conv2d, InstanceNorm, LRNAcross, Softmax, softmax_cross_entropy
from nst.losses import gram
from tests.tolerances import assert_close


def _batch_norm(mean: float | np.ndarray = 0.0) -> BatchNorm:
    return BatchNorm(np.ones(3), np.zeros(3), np.zeros(3) + mean, np.full(3, 2.0), eps=0.0)


def test_only_correlations_are_left_of_a_gram_matrix() -> None:
    """Each diagonal entry is 1/C whatever the picture; off the diagonal stand the correlations, over C."""
    rng = np.random.default_rng(0)
    for scale in (1.0, 50.0):
        features = scale * rng.standard_normal((1, 9, 10, 4)) @ rng.standard_normal((4, 4)) + 7
        found = gram(InstanceNorm(None, None, eps=0.0).forward(features)[0])
        assert_close(np.diag(found), np.full(4, 1 / 4), length=90)
        assert_close(found, np.corrcoef(features.reshape(-1, 4), rowvar=False) / 4, length=90)


def test_a_bias_before_batch_normalisation_is_idle() -> None:
    """In training it is subtracted with the mean and has no gradient; in inference the running mean absorbs it."""
    rng = np.random.default_rng(0)
    x, weight, bias = (
        rng.standard_normal((2, 6, 7, 2)),
        rng.standard_normal((3, 3, 2, 3)),
        rng.standard_normal(3),
    )
    with_bias, without = Conv2d(weight, bias), Conv2d(weight)
    (features, saved), (plain, _) = with_bias.forward(x), without.forward(x)

    y, saved_norm = _batch_norm().forward(features, training=True)
    assert_close(y, _batch_norm().forward(plain, training=True)[0], length=40)
    dfeatures = _batch_norm().backward(rng.standard_normal(y.shape), saved_norm)
    assert np.abs(with_bias.gradients(dfeatures, saved)["bias"]).max() < 1e-12

    assert_close(_batch_norm(mean=bias).forward(features)[0], _batch_norm().forward(plain)[0], length=20)


def test_larger_weights_have_smaller_gradients() -> None:
    """Weights 10 times as large give the same output and a gradient of a tenth: large weights learn slowly."""
    rng = np.random.default_rng(0)
    x, weight, dy = rng.standard_normal((2, 6, 7, 2)), rng.standard_normal((3, 3, 2, 3)), None
    outputs, gradients = [], []
    for scale in (1.0, 10.0):
        conv = Conv2d(scale * weight)
        features, saved = conv.forward(x)
        y, saved_norm = _batch_norm().forward(features, training=True)
        dy = rng.standard_normal(y.shape) if dy is None else dy
        outputs.append(y)
        gradients.append(conv.gradients(_batch_norm().backward(dy, saved_norm), saved)["weight"])
    assert_close(outputs[1], outputs[0], length=40)
    assert_close(10 * gradients[1], gradients[0], length=40)


def test_adding_to_all_scores_changes_nothing() -> None:
    """The gradient is at right angles to (1, ..., 1), because softmax does not see that direction."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((4, 6))
    _, dz = softmax_cross_entropy(z, np.array([0, 5, 2, 2]))
    assert np.abs(dz.sum(axis=1)).max() < 1e-15
    assert_close(Softmax().forward(z + 3.0)[0], Softmax().forward(z)[0], length=6)


def test_the_two_conventions_meet_at_n_times_alpha() -> None:
    """The paper's alpha 1e-4 with n = 5 is Caffe's 5e-4."""
    a = 200 * np.random.default_rng(0).standard_normal((1, 3, 4, 9))
    paper = LRNAcross(5, alpha=1e-4, k=2.0, divide=False)
    caffe = LRNAcross(5, alpha=5e-4, k=2.0)
    assert_close(paper.forward(a)[0], caffe.forward(a)[0], length=5)
    assert np.abs(LRNAcross(5, alpha=1e-4, k=2.0).forward(a)[0] / paper.forward(a)[0] - 1).max() > 0.5
