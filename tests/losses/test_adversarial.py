"""The losses of adversarial training: the values that CS231n publishes, and what keeps them finite."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.losses import binary_cross_entropy, least_squares, wasserstein

# The scores and the values of CS231n's assignment 3 (Stanford), "Generative Adversarial Networks".
REAL = np.array(
    [0.93487311, -1.01698916, -0.57304769, -0.88162704, -1.40129389]
    + [-1.45395693, -1.54239755, -0.57273325, 0.98584429, 0.13312152]
)
FAKE = np.array(
    [-1.80865868, 0.09030055, -0.4428902, -0.07879368, -0.37655044]
    + [0.32084742, -0.28590837, 1.01376281, 0.99241439, 0.39394346]
)

both = pytest.mark.parametrize("loss", [binary_cross_entropy, least_squares])
every = pytest.mark.parametrize("loss", [binary_cross_entropy, least_squares, wasserstein])


@pytest.mark.parametrize(
    "loss, of_discriminator, of_generator",
    [
        (binary_cross_entropy, 1.8423983904443109, 0.771286196423346),
        (least_squares, 1.8770293614440594, 0.816954786997558),
    ],
)
def test_the_values_are_cs231ns(loss, of_discriminator, of_generator):
    """L(real, 1) + L(fake, 0) and L(fake, 1), for the two kinds of game, to 1e-7 and better."""
    assert loss(REAL, 1)[0] + loss(FAKE, 0)[0] == pytest.approx(of_discriminator, rel=1e-7)
    assert loss(FAKE, 1)[0] == pytest.approx(of_generator, rel=1e-7)


@both
def test_value_and_gradient_are_torchs(loss):
    """PyTorch's own two losses, at a label between, for scores (N, 1)."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    scores = torch.tensor(4 * REAL[:, None], requires_grad=True)
    label = torch.full_like(scores, 0.9)
    if loss is least_squares:
        expected = functional.mse_loss(scores, label) / 2
    else:
        expected = functional.binary_cross_entropy_with_logits(scores, label)
    expected.backward()
    value, gradient = loss(4 * REAL[:, None], 0.9)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, scores.grad, rtol=0, atol=1e-12)


def test_scores_far_out_do_not_overflow():
    """Where the critic is sure and right the cross-entropy is 0, sure and wrong it is the score itself."""
    far = np.array([1000, -1000], np.float32)
    value, gradient = binary_cross_entropy(far, 1)
    assert value == 500
    np.testing.assert_array_equal(gradient, np.array([0, -0.5], np.float32))


def test_a_critic_ascends_the_difference_of_means():
    """Its loss is E f(fake) - E f(real), so that scores of what is real rise and those of fakes fall."""
    of_real, of_fake = wasserstein(REAL, 1), wasserstein(FAKE, 0)
    assert of_real[0] + of_fake[0] == pytest.approx(FAKE.mean() - REAL.mean(), rel=1e-12)
    np.testing.assert_allclose(of_real[1], -0.1)
    np.testing.assert_allclose(of_fake[1], 0.1)
    assert wasserstein(FAKE, 1)[0] == pytest.approx(-FAKE.mean(), rel=1e-12)  # the generator's


@every
def test_dtype_and_an_empty_batch(loss):
    """The gradient has the dtype of the scores; without pictures there is no loss."""
    assert loss(REAL.astype(np.float32), 1)[1].dtype == np.float32
    value, gradient = loss(np.zeros((0, 1), np.float32), 1)
    assert (value, gradient.shape) == (0, (0, 1))


@every
@pytest.mark.parametrize("scores, label", [(np.ones((3, 2)), 1), (np.ones(3), -1), (np.ones(3), np.nan)])
def test_what_does_not_suit_is_refused(loss, scores, label):
    """One score for each picture, and a label from 0 to 1."""
    with pytest.raises(NstError, match="one for each picture"):
        loss(scores, label)
