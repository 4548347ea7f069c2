"""How real a critic finds pictures: the losses of adversarial training, from its scores."""

from __future__ import annotations

import numpy as np

from nst.errors import NstError


def binary_cross_entropy(scores: np.ndarray, label: float) -> tuple[float, np.ndarray]:
    r"""Return the mean cross-entropy of sigmoid(s) against a label for all, and its gradient by s.

    ::

        L = -1/N sum_n [y log p_n + (1 - y) log(1 - p_n)]        p = sigmoid(s) = 1 / (1 + exp(-s))
          = 1/N sum_n [max(s_n, 0) - y s_n + log(1 + exp(-|s_n|))]

    The second line is the first with p written out: log p = -log(1 + exp(-s)), and exp is taken of -|s| alone, so
    that nothing overflows. Since p' = p (1 - p), what is divided cancels::

        ds_n = (p_n - y) / N

    In the game of Goodfellow et al. (*Generative Adversarial Nets*, 2014) the discriminator minimises
    L(real, 1) + L(fake, 0), and the generator, as the paper advises for its stronger gradient at the start, L(fake, 1).

    Parameters
    ----------
    scores : ndarray, shape (N,) or (N, 1)
    label : float
        y: 1 real, 0 fake, or between.

    Returns
    -------
    value : float
        Summed in float64; 0 for an empty batch.
    gradient : ndarray
        In shape and dtype of `scores`.

    Raises
    ------
    NstError
        When there is more than one score for each picture, or the label is not from 0 to 1.
    """
    n = _count(scores, label)
    small = np.exp(-np.abs(scores))
    value = np.maximum(scores, 0) - label * scores + np.log1p(small)
    p = np.where(scores >= 0, 1, small) / (1 + small)
    return float(value.sum(dtype=np.float64)) / n, ((p - label) / n).astype(scores.dtype)


def least_squares(scores: np.ndarray, label: float) -> tuple[float, np.ndarray]:
    r"""Return half the mean squared distance of the scores from a label for all, and its gradient.

    ::

        L = 1/2N sum_n (s_n - y)^2            ds_n = (s_n - y) / N

    Mao et al., *Least Squares GAN*, 2017: what is already on the right side is still drawn to it, so that the slope
    never dies as that of the cross-entropy does. The sums are those of `binary_cross_entropy`.

    Parameters
    ----------
    scores : ndarray, shape (N,) or (N, 1)
    label : float
        1 real, 0 fake, or between.

    Raises
    ------
    NstError
        As `binary_cross_entropy`.
    """
    n = _count(scores, label)
    difference = scores - scores.dtype.type(label)
    return float(np.square(difference, dtype=np.float64).sum()) / (2 * n), difference / scores.dtype.type(n)


def wasserstein(scores: np.ndarray, label: float) -> tuple[float, np.ndarray]:
    r"""Return the mean score, negative for what is real, and its gradient: there is no probability any more.

    ::

        L = (1 - 2 y) 1/N sum_n s_n            ds_n = (1 - 2 y) / N

    The critic f descends L(f(real), 1) + L(f(fake), 0) = E f(fake) - E f(real), and so *ascends* the difference of
    means whose largest value over all 1-Lipschitz f is the Wasserstein distance W (Kantorovich and Rubinstein;
    Arjovsky et al., *Wasserstein GAN*, 2017, equation 2); the generator descends L(f(fake), 1) = -E f(fake). What is
    scored rightly is never done with: no slope dies. Without a bound on how steep f may be there is no largest value.

    Parameters
    ----------
    scores : ndarray, shape (N,) or (N, 1)
    label : float
        1 real, 0 fake.

    Raises
    ------
    NstError
        As `binary_cross_entropy`.
    """
    n = _count(scores, label)
    sign = 1 - 2 * label
    return sign * float(scores.sum(dtype=np.float64)) / n, np.full_like(scores, sign / n)


def _count(scores: np.ndarray, label: float) -> int:
    """Return the number of pictures, at least 1 to divide by."""
    if scores.size != len(scores) or not 0 <= label <= 1:
        raise NstError(
            f"scores {scores.shape} are not one for each picture, or {label} is no label from 0 to 1"
        )
    return max(1, len(scores))
