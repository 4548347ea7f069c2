"""Gram matrices and the style loss on them."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.losses.statistic import Additive, as_matrix, mean_square


def gram(features: np.ndarray) -> np.ndarray:
    r"""Return which channels respond together, wherever in the picture they do.

    With F the features as a matrix of M = H W pixels by N = C channels::

        G_ij = 1/(H W C) sum_p F_pi F_pj            G = F^T F / (H W C)

    Gatys et al., *Image Style Transfer Using Convolutional Neural Networks*, 2016, keep the plain sum and put
    1/(4 N^2 M^2) into the loss. Divided here by the number of values, G does not grow with the picture, so
    that a style picture of another size can be its target.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        One picture's features: those of a batch would mix in one matrix.

    Returns
    -------
    ndarray, shape (C, C), float64
        Float32 features are multiplied in chunks of pixels whose products are summed in float64, so that the
        error is that of one chunk and no float64 copy of the features is made.

    Raises
    ------
    NstError
        When there is not exactly one picture.
    """
    f = as_matrix(features)
    total = kernels.of(f).gram_sum(f)
    total /= max(1, f.size)
    return total


def gram_loss(features: np.ndarray, target_gram: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    r"""Return how far the features' Gram matrix is from the style's, and the gradient by the features.

    With A the Gram matrix of the style picture::

        L_style = 1/C^2 sum_ij (G_ij - A_ij)^2            G = F^T F / (H W C)

    **Gradient.** Write D = G - A. F_pk stands in row k and in column k of G::

        d G_ij / d F_pk = 1/(H W C) (delta_ik F_pj + delta_jk F_pi)

        dF_pk = sum_ij 2/C^2 D_ij d G_ij / d F_pk
              = 2/(C^2 H W C) (sum_j F_pj D_kj + sum_i F_pi D_ik)

    D is symmetric, since G and A are, so both sums are one::

        dF = 4/(C^2 H W C) F D

    Each pixel's gradient is one linear map of its own features: style has no idea of place.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        F before it is made a matrix.
    target_gram : ndarray, shape (C, C)
        A, symmetric, as `gram` or `blend` returns it.
    weight : float
        Multiplies both results.

    Returns
    -------
    value : float
        From float64 matrices.
    gradient : ndarray, shape (1, H, W, C)
        In the dtype of `features`.

    Raises
    ------
    NstError
        When there is not exactly one picture, or the target has another number of channels.
    """
    channels = features.shape[-1]
    if target_gram.shape != (channels, channels):
        raise NstError(
            f"a Gram target of shape {target_gram.shape} does not fit {channels} channels of features"
        )
    difference = gram(features)
    difference -= target_gram
    value = weight * kernels.of(difference).dot(difference, difference) / max(1, channels**2)
    return value, gram_gradient(features, difference, features.size, weight)


def gram_gradient(
    features: np.ndarray, difference: np.ndarray, count: int, weight: float = 1.0
) -> np.ndarray:
    r"""Return the gradient of the style loss by the features, or by some of the pixels, once D is known.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        Any of the picture's pixels: each has its gradient from its own features and D alone.
    difference : ndarray, shape (C, C)
        D = G - A of the whole picture.
    count : int
        H W C of the whole picture.
    weight : float
        Multiplies the result.

    Returns
    -------
    ndarray, shape (1, H, W, C)
        4 weight / (C^2 count) F D, in the dtype of `features`.
    """
    scale = 4 * weight / (features.shape[-1] ** 2 * max(1, count))
    scaled = (scale * difference).astype(features.dtype, copy=False)
    return kernels.of(features).matrix_product(as_matrix(features), scaled).reshape(features.shape)


class Gram(Additive):
    """The Gram matrix (C, C) as a statistic of style: what `gram`, `gram_loss` and `gram_gradient` compute."""

    name = "gram"

    def sums(self, f: np.ndarray) -> np.ndarray:
        """Return F^T F of some pixels (P, C)."""
        return kernels.of(f).gram_sum(f)

    def of_sums(self, sums: np.ndarray, pixels: int) -> np.ndarray:
        """Return F^T F / (H W C)."""
        return sums / max(1, pixels * len(sums))

    def compare(self, sums: np.ndarray, pixels: int, target: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean of the squared differences D = G - A, and D."""
        difference = self.of_sums(sums, pixels) - target
        return mean_square(difference), difference

    def gradient(
        self, features: np.ndarray, difference: np.ndarray, pixels: int, weight: float = 1.0
    ) -> np.ndarray:
        """Return 4 weight / (C^2 H W C) F D."""
        return gram_gradient(features, difference, pixels * features.shape[-1], weight)

    def loss(self, features: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
        """Return what `gram_loss` does."""
        return gram_loss(features, target, weight)


GRAM = Gram()
